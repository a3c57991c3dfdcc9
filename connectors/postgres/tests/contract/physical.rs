//! Base backup, log, a copy that follows, promotion.

use crate::support::{Home, Site, apply, drain, load, manifest, restore, service, snapshot};
use planb_model::Epoch;
use planb_ports::{Database, ErrorKind};

/// Everything a data directory can hold that a dump would have to know about.
pub const SHOP: &str = r#"
CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm;
CREATE TYPE mood AS ENUM ('sad', 'ok', '기쁨');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL, n positive,
    twice int GENERATED ALWAYS AS (n * 2) STORED, m mood, tags text[], r int4range,
    j jsonb, x xml, b bytea, h hstore, f float8, d numeric(30,10), t timestamptz, u uuid, i inet);
CREATE INDEX ON orders USING gin (what gin_trgm_ops);
INSERT INTO orders (what, n, m, tags, r, j, x, b, h, f, d, t, u, i)
    SELECT 'order ' || s, s, '기쁨', ARRAY['a,b', NULL, E'\n\\'], int4range(s, s + 5),
           jsonb_build_object('k', s), '<a>&lt;</a>', decode('00ff0a5c', 'hex'),
           hstore('k', s::text), s / 3.0, s / 7.0, '2026-01-31 01:02:03.456789+09',
           gen_random_uuid(), '10.0.0.1/24' FROM generate_series(1, 2000) s;
CREATE TABLE "주문 ""내역""" ("열 1" text, PRIMARY KEY ("열 1"));
INSERT INTO "주문 ""내역""" VALUES (E'탭\t줄\n끝'), ('');
CREATE TABLE toasted (id int, big text);
INSERT INTO toasted SELECT s, (SELECT string_agg(md5((s * 1000 + k)::text), '')
    FROM generate_series(1, 500) k) FROM generate_series(1, 20) s;
CREATE TABLE parts (at date, v int) PARTITION BY RANGE (at);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE parts_b PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT '2026-01-15'::date + s, s FROM generate_series(0, 50) s;
CREATE UNLOGGED TABLE scratch (id int); INSERT INTO scratch VALUES (1);
CREATE SEQUENCE counter START 10; SELECT nextval('counter');
CREATE TABLE empty ();
CREATE MATERIALIZED VIEW totals AS SELECT count(*) c FROM orders;
SELECT lo_from_bytea(4242, '\x00010203');
"#;

async fn shop() -> Site {
    let site = Site::start().await;
    site.run("postgres", "CREATE DATABASE shop");
    site.run("shop", SHOP);
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_follows_the_log_and_is_promoted() {
    let site = shop().await;
    let source = site.database();
    let snapshot = snapshot(&source).await;
    let home = Home::new(&site);
    let copy = home.database();
    let mut log = source
        .open_log(&snapshot.facts.position)
        .await
        .expect("opens");
    site.run(
        "shop",
        "INSERT INTO orders (what, n) VALUES ('after', 1); DELETE FROM toasted WHERE id = 1",
    );
    site.run(
        "shop",
        "CREATE TABLE later AS SELECT * FROM generate_series(1, 1000) v",
    );
    let batches = drain(log.as_mut()).await;
    assert!(batches.iter().map(|b| b.transactions).sum::<u64>() >= 2);
    assert_eq!(batches[0].start, snapshot.facts.position);

    restore(&copy, &snapshot).await;
    assert_eq!(home.run("shop", "SELECT count(*) FROM orders"), "2000");
    for (seq, batch) in (1..).zip(&batches) {
        apply(&copy, batch, seq).await;
    }
    let applied = copy.applied().await.expect("known").expect("a mark");
    assert_eq!(applied.position, batches.last().expect("some").end);
    let wanted = source.digests().await.expect("digests");
    assert!(wanted.len() >= 7, "{wanted:?}");
    assert_eq!(copy.digests().await.expect("digests"), wanted);
    let refused = home
        .try_run("shop", "DELETE FROM orders")
        .expect_err("a copy");
    assert!(refused.contains("read-only"), "{refused}");

    // More log, one segment after the other, while it is read.
    for round in 0..3 {
        site.run("shop", &format!("INSERT INTO later VALUES ({round})"));
        let more = drain(log.as_mut()).await;
        let mut seq = copy
            .applied()
            .await
            .expect("known")
            .expect("mark")
            .next_segment
            .0;
        for batch in &more {
            apply(&copy, batch, seq).await;
            seq += 1;
        }
        assert_eq!(
            copy.digests().await.expect("digests"),
            source.digests().await.expect("digests")
        );
    }
    copy.promote(&service(), Epoch(2))
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    copy.promote(&service(), Epoch(2)).await.expect("again");
    home.run("shop", "INSERT INTO later VALUES (7)");
    assert_eq!(copy.applied().await.expect("known"), None);
    assert_eq!(home.run("shop", "SELECT lo_get(4242) = '\\x00010203'"), "t");
    assert_eq!(
        home.run("shop", "SELECT count(*) FROM scratch"),
        "0",
        "unlogged tables come empty"
    );
    assert_eq!(home.run("shop", "SELECT c FROM totals"), "2000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_noticed_and_a_foreign_directory_is_refused() {
    let site = shop().await;
    let source = site.database();
    let mut taken = snapshot(&source).await;
    let home = Home::new(&site);
    let copy = home.database();

    home.make_data_dir();
    std::fs::write(home.data_dir().join("precious"), "x").expect("written");
    let error = copy
        .begin_restore(&manifest(&taken))
        .await
        .expect_err("foreign");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Conflict, "PB-POSTGRES-NOT-EMPTY")
    );
    std::fs::remove_file(home.data_dir().join("precious")).expect("removed");
    let base = taken.parts[0].0.clone();
    let error = load(&copy, &base, b"").await.expect_err("nothing begun");
    assert_eq!(error.code(), "PB-POSTGRES-NO-RESTORE");

    // A byte in the middle of a table's file.
    let needle = b"order 1000";
    let (index, at) = taken
        .parts
        .iter()
        .enumerate()
        .find_map(|(index, (_, bytes))| {
            let at = bytes.windows(needle.len()).position(|w| w == needle)?;
            Some((index, at))
        })
        .expect("the row is in a file");
    let mut damaged = taken.parts[index].1.to_vec();
    damaged[at] ^= 1;
    taken.parts[index].1 = damaged.into();
    copy.begin_restore(&manifest(&taken)).await.expect("begins");
    for (spec, bytes) in &taken.parts {
        load(&copy, spec, bytes).await.expect("loads");
    }
    assert_ne!(copy.digests().await.expect("digests"), taken.facts.tables);
    assert_eq!(copy.applied().await.expect("known"), None);
}
