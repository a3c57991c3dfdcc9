//! Rows as text: into another server, by hand readable, nothing lost.

use crate::support::{Site, connect, load, manifest, mark, restore, service, snapshot_by};
use planb_connector_postgres::{Method, PostgresDatabase};
use planb_model::Epoch;
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{Database, ErrorKind, SnapshotMethod, SnapshotOptions};

const EXTRA: &str = r#"
ALTER TABLE orders DROP COLUMN i;
CREATE SCHEMA "스키마.점"; CREATE TABLE "스키마.점"."표""1" (id int PRIMARY KEY, v text);
INSERT INTO "스키마.점"."표""1" SELECT s, repeat('x', s) FROM generate_series(1, 300) s;
CREATE TABLE child (extra int) INHERITS (toasted); INSERT INTO child VALUES (99, 'c', 1);
CREATE VIEW seen AS SELECT what FROM orders WHERE n < 10;
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.what := NEW.what || '!'; RETURN NEW; END $$;
CREATE TRIGGER bump BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION bump();
CREATE TABLE lines (id bigint REFERENCES orders (id)); INSERT INTO lines VALUES (1), (2000);
INSERT INTO orders (what) VALUES ('\N'), (E'a\\b\tc\r\nd\b'), ('');
"#;

pub fn logical(site: &Site) -> PostgresDatabase {
    let mut config = site.config();
    config.method = Method::Logical;
    config.databases = vec!["shop".into()];
    connect(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_and_definition_comes_back() {
    let (site, home) = (Site::start().await, Site::start().await);
    site.run("postgres", "CREATE DATABASE shop");
    site.run("shop", crate::physical::SHOP);
    site.run("shop", EXTRA);
    let source = logical(&site);
    let taken = snapshot_by(&source, SnapshotMethod::Logical).await;
    assert!(
        taken
            .facts
            .tables
            .iter()
            .any(|t| t.table == "shop.스키마.점.표\"1" && t.rows == 300)
    );
    let error = source
        .open_log(&taken.facts.position)
        .await
        .map(|_| ())
        .expect_err("no log");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unsupported, "PB-POSTGRES-NO-LOG")
    );

    let copy = logical(&home);
    restore(&copy, &taken).await;
    assert_eq!(
        copy.applied().await.expect("known"),
        Some(mark(&taken.facts.position, 1))
    );
    assert!(copy.fence_state(&service()).await.expect("read").read_only);
    copy.promote(&service(), Epoch(2)).await.expect("promoted");
    assert_eq!(copy.applied().await.expect("known"), None);
    for (sql, wanted) in [
        ("SELECT nextval('counter')", "11"),
        ("SELECT lo_get(4242)", "\\x00010203"),
        ("SELECT count(*) FROM seen", "9"),
        ("SELECT c FROM totals", "2003"),
        (
            "INSERT INTO orders (what, n) VALUES ('new', 4) RETURNING id, what, twice",
            "2004|new!|8",
        ),
        ("SELECT count(*) FROM ONLY toasted", "20"),
        ("SELECT count(*) FROM parts_a", "17"),
        (
            "SELECT what FROM orders WHERE id = 2002",
            "a\\b\tc\r\nd\u{8}!",
        ),
    ] {
        assert_eq!(home.run("shop", sql), wanted, "{sql}");
    }
    let refused = home
        .try_run("shop", "INSERT INTO lines VALUES (5000)")
        .expect_err("a key");
    assert!(refused.contains("foreign key"), "{refused}");
    let error = copy
        .begin_restore(&manifest(&taken))
        .await
        .expect_err("promoted");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_and_foreign_loads_are_refused() {
    let (site, home) = (Site::start().await, Site::start().await);
    site.run("postgres", "CREATE DATABASE shop");
    site.run(
        "shop",
        "CREATE TABLE t (v text); INSERT INTO t SELECT s FROM generate_series(1, 100) s",
    );
    let taken = snapshot_by(&logical(&site), SnapshotMethod::Logical).await;
    home.run("postgres", "CREATE DATABASE shop");
    home.run("shop", "CREATE TABLE precious (v int)");
    let copy = logical(&home);
    let error = copy
        .begin_restore(&manifest(&taken))
        .await
        .expect_err("foreign");
    assert_eq!(error.code(), "PB-POSTGRES-NOT-EMPTY");
    home.run("shop", "DROP TABLE precious");
    let error = load(&copy, &taken.parts[0].0, b"")
        .await
        .expect_err("not begun");
    assert_eq!(error.code(), "PB-POSTGRES-NO-RESTORE");
    copy.begin_restore(&manifest(&taken)).await.expect("begins");
    let bad = load(&copy, &taken.parts[0].0, b"CREATE TABLE nonsense (;").await;
    assert_eq!(bad.expect_err("a bad script").code(), "PB-POSTGRES-TOOL");
    load(&copy, &taken.parts[0].0, &taken.parts[0].1)
        .await
        .expect("definitions");
    let (rows, bytes) = &taken.parts[1];
    let error = load(&copy, rows, b"a\tb\n")
        .await
        .expect_err("too many columns");
    assert_eq!(error.kind(), ErrorKind::Internal);
    load(&copy, rows, bytes).await.expect("rows");
    assert_eq!(copy.digests().await.expect("digests"), taken.facts.tables);
    assert_eq!(copy.applied().await.expect("known"), None);
    // Broken off: begun again, nothing doubled.
    copy.begin_restore(&manifest(&taken)).await.expect("again");
    assert_eq!(copy.digests().await.expect("digests"), []);
}

/// Keys whose rows lead nowhere: made, and then broken with triggers off.
const BROKEN: &str = r#"
CREATE SCHEMA "스키마; ."; CREATE TABLE "스키마; ."."부모 ""1" (a int, b int, PRIMARY KEY (a, b));
INSERT INTO "스키마; ."."부모 ""1" VALUES (1, 1), (2, 2);
CREATE TABLE whole (a int, b int, CONSTRAINT "it's; \ whole" FOREIGN KEY (a, b)
    REFERENCES "스키마; ."."부모 ""1" DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE bad (id int PRIMARY KEY, a int, b int, CONSTRAINT "나쁜; '키" FOREIGN KEY (a, b)
    REFERENCES "스키마; ."."부모 ""1" ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
COMMENT ON CONSTRAINT "나쁜; '키" ON bad IS 'it''s; a key';
CREATE TABLE later (id int); INSERT INTO later VALUES (7), (8);
ALTER TABLE later ADD CONSTRAINT since FOREIGN KEY (id) REFERENCES bad NOT VALID;
CREATE TABLE split (id int REFERENCES bad, day int) PARTITION BY RANGE (day);
CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (10);
CREATE TABLE split_2 PARTITION OF split FOR VALUES FROM (10) TO (20);
COMMENT ON TABLE split IS 'by day'; COMMENT ON CONSTRAINT split_id_fkey ON split IS 'days; of ''bad''';
CREATE TABLE fine (id int CONSTRAINT fine_key REFERENCES bad, day int) PARTITION BY RANGE (day);
CREATE TABLE fine_1 PARTITION OF fine FOR VALUES FROM (0) TO (10);
COMMENT ON CONSTRAINT fine_key ON fine IS 'no row breaks it';
INSERT INTO whole VALUES (1, 1), (NULL, 9);
SET session_replication_role = replica;
INSERT INTO bad VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, NULL, 9);
INSERT INTO split VALUES (1, 1), (9, 2), (9, 11), (8, 12);
"#;

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_break_their_keys_come_back_and_are_told() {
    let (site, home) = (Site::start().await, Site::start().await);
    site.run("postgres", "CREATE DATABASE shop");
    site.run("shop", BROKEN);
    let taken = snapshot_by(&logical(&site), SnapshotMethod::Logical).await;
    let copy = logical(&home);
    restore(&copy, &taken).await;
    assert_eq!(copy.digests().await.expect("digests"), taken.facts.tables);

    let broken = copy.broken_keys().await.expect("asked");
    let broken = broken.expect("looked at");
    let broken: Vec<_> = broken
        .iter()
        .map(|b| (b.table.as_str(), b.key.as_str(), b.rows))
        .collect();
    let wanted = [
        ("shop.public.bad", "나쁜; '키", 2),
        ("shop.public.later", "since", 2),
        ("shop.public.split_1", "split_id_fkey", 1),
        ("shop.public.split_2", "split_id_fkey", 2),
    ];
    assert_eq!(broken, wanted);
    copy.promote(&service(), Epoch(2)).await.expect("promoted");
    let valid = "SELECT string_agg(conrelid::regclass::text || ':' || convalidated::text, ' ' ORDER BY conrelid::regclass::text) \
                 FROM pg_constraint WHERE contype = 'f' AND conrelid IN ('whole'::regclass, 'bad'::regclass)";
    assert_eq!(home.run("shop", valid), "bad:false whole:true");
    let comment = "SELECT obj_description(oid) FROM pg_constraint WHERE conrelid = 'bad'::regclass \
                   AND contype = 'f'";
    assert_eq!(home.run("shop", comment), "it's; a key");
    let comments = "SELECT string_agg(conrelid::regclass::text || ': ' || obj_description(oid), ', ' \
                    ORDER BY conrelid::regclass::text) FROM pg_constraint \
                    WHERE conname IN ('split_id_fkey', 'fine_key') AND obj_description(oid) IS NOT NULL";
    let wanted = "fine: no row breaks it, split_1: days; of 'bad', split_2: days; of 'bad'";
    assert_eq!(home.run("shop", comments), wanted);
    for sql in [
        "INSERT INTO bad VALUES (9, 9, 9)",
        "INSERT INTO split VALUES (99, 3)",
        "INSERT INTO whole VALUES (9, 9)",
    ] {
        let refused = home.try_run("shop", sql).expect_err(sql);
        assert!(refused.contains("foreign key"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_too_long_as_text_is_named_by_its_key() {
    let site = Site::start().await;
    site.run("postgres", "CREATE DATABASE shop");
    site.run(
        "shop",
        "CREATE TABLE \"파일\" (\"no\" int, part text, bytes bytea, PRIMARY KEY (part, \"no\")); \
         INSERT INTO \"파일\" VALUES (1, 'a', 'small'), (2, 'fits', repeat('x', 200000000)::bytea), \
         (7, '한''글', repeat('x', 550000000)::bytea)",
    );
    let source = logical(&site);
    let refused = async || {
        let (sink, options) = (MemorySink::default(), SnapshotOptions::default());
        let taken = source.snapshot(&sink, &options, &NoProgress).await;
        let error = taken.map(drop).expect_err("too long");
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Unsupported, "PB-POSTGRES-ROW-SIZE")
        );
        assert!(
            error
                .hint_text()
                .is_some_and(|hint| hint.en.contains("--physical"))
        );
        error.to_string()
    };
    let size = "bytes as text, the server makes 1073741823";
    let text = refused().await;
    let wanted = format!(
        "cannot read shop.public.파일: the row with part=한'글, no=7 has 1100000014 to 1100000021 {size}"
    );
    assert_eq!(text, wanted);
    site.run("shop", "ALTER TABLE \"파일\" DROP CONSTRAINT \"파일_pkey\"");
    let wanted = format!(
        "cannot read shop.public.파일: the row with ctid=(0,3) has 1100000014 to 1100000021 {size}"
    );
    assert_eq!(refused().await, wanted);
    let error = source.digests().await.expect_err("too long");
    assert_eq!(error.to_string(), wanted);
    site.run("shop", "DELETE FROM \"파일\" WHERE \"no\" = 7");
    assert_eq!(source.digests().await.expect("digests")[0].rows, 2);
}
