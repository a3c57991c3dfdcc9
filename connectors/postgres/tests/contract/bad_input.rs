//! What real servers hold and do besides rows that are easy: other versions,
//! definitions changed while they are copied, text that is no UTF-8, extensions
//! the target lacks. Told clearly, or copied whole; never half without a word.

use crate::logical::logical;
use crate::support::{
    Home, Site, apply, drain, load, manifest, restore, service, snapshot, snapshot_by,
};
use async_trait::async_trait;
use planb_model::Epoch;
use planb_model::recovery::PartSpec;
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{
    Database, ErrorKind, PartSink, PortResult, SnapshotMethod, SnapshotOptions, SnapshotSink,
};
use std::sync::{Mutex, PoisonError};

/// A sink in memory that does something once, when the first part of a kind begins.
struct Meddling<F> {
    inner: MemorySink,
    kind: &'static str,
    then: Mutex<Option<F>>,
}

#[async_trait]
impl<F: FnOnce() + Send> SnapshotSink for Meddling<F> {
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>> {
        if spec.kind == self.kind
            && let Some(then) = self.take()
        {
            then();
        }
        self.inner.begin(spec).await
    }
}

impl<F> Meddling<F> {
    fn take(&self) -> Option<F> {
        let mut then = self.then.lock().unwrap_or_else(PoisonError::into_inner);
        then.take()
    }
}

async fn meddled<F: FnOnce() + Send>(
    database: &dyn Database,
    kind: &'static str,
    then: F,
) -> crate::support::Snapshot {
    let sink = Meddling {
        inner: MemorySink::default(),
        kind,
        then: Mutex::new(Some(then)),
    };
    let options = SnapshotOptions {
        connections: 1,
        ..SnapshotOptions::default()
    };
    let facts = database.snapshot(&sink, &options, &NoProgress).await;
    let facts = facts.unwrap_or_else(|error| panic!("snapshot: {}", error.chain()));
    assert!(sink.take().is_none(), "no part of kind {kind}");
    let parts = sink.inner.parts();
    crate::support::Snapshot { parts, facts }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_another_major_version_are_refused_before_anything_is_emptied() {
    let site = Site::start().await;
    let taken = snapshot(&site.database()).await;
    let home = Home::new(&site);
    let copy = home.database();
    restore(&copy, &taken).await;
    for version in ["14.3", "16.1 (Debian 16.1-1)", "nonsense"] {
        let mut other = manifest(&taken);
        other.server_version = version.into();
        let error = copy.begin_restore(&other).await.expect_err(version);
        assert_eq!(error.code(), "PB-POSTGRES-OTHER-VERSION");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let hint = error.hint_text().expect("a hint");
        assert!(hint.en.contains("bin-dir") && hint.en.contains("method=logical"));
    }
    assert!(copy.applied().await.expect("known").is_some(), "untouched");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_not_lost_to_changes_of_definitions_in_mid_dump() {
    let (site, home) = (Site::start().await, Site::start().await);
    site.run("postgres", "CREATE DATABASE shop");
    site.run(
        "shop",
        "CREATE TABLE large AS SELECT repeat('x', 500) v FROM generate_series(1, 5000);
         CREATE TABLE small AS SELECT 1 v FROM generate_series(1, 3);
         CREATE TABLE gone AS SELECT 2 v FROM generate_series(1, 4);
         CREATE TABLE other AS SELECT 3 v FROM generate_series(1, 5)",
    );
    // The largest table comes first; these are changed before they are read.
    let changes = [
        "TRUNCATE small",
        "DROP TABLE gone",
        "ALTER TABLE other ALTER v TYPE text USING v::text || 'changed'",
    ];
    let taken = std::thread::scope(|scope| {
        let meddle = || {
            for sql in changes {
                let site = &site;
                scope.spawn(move || site.run("shop", sql));
            }
            // Each waits for the dump, or went through.
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' \
                           AND (query LIKE 'TRUNC%' OR query LIKE 'DROP%' OR query LIKE 'ALTER%') \
                           AND wait_event_type = 'Lock'";
            let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
            while site.run("postgres", waiting) != "3" && std::time::Instant::now() < until {}
        };
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| runtime.block_on(meddled(&logical(&site), "rows", meddle)))
    });
    let rows: Vec<_> = taken.facts.tables.iter().map(|t| t.rows).collect();
    assert_eq!(rows, [4, 5000, 5, 3], "{:?}", taken.facts.tables);
    // Afterwards they all went through.
    assert_eq!(site.run("shop", "SELECT count(*) FROM small"), "0");
    let copy = logical(&home);
    restore(&copy, &taken).await;
    copy.promote(&service(), Epoch(2)).await.expect("promoted");
    assert_eq!(home.run("shop", "SELECT sum(v) FROM other"), "15");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_backup_and_its_log_carry_every_change_of_definitions() {
    let site = Site::start().await;
    site.run(
        "postgres",
        "CREATE TYPE mood AS ENUM ('sad');
         CREATE TABLE gone AS SELECT 1 v FROM generate_series(1, 5000);
         CREATE TABLE cut AS SELECT 1 v FROM generate_series(1, 5000);
         CREATE TABLE changed (id int GENERATED BY DEFAULT AS IDENTITY, v int);
         INSERT INTO changed (v) SELECT s FROM generate_series(1, 100) s;
         CREATE SEQUENCE counter",
    );
    let changes = |n: u32| {
        site.run(
            "postgres",
            &format!(
                "TRUNCATE cut; DROP TABLE IF EXISTS gone;
                 CREATE TABLE gone AS SELECT {n} v; INSERT INTO cut VALUES ({n});
                 ALTER TABLE changed ALTER v TYPE numeric({n}0, 3), ADD c{n} text DEFAULT 'd{n}';
                 CREATE INDEX ON changed (c{n}); INSERT INTO changed (v) VALUES ({n});"
            ),
        );
        site.run("postgres", &format!("ALTER TYPE mood ADD VALUE 'm{n}'"));
        site.run(
            "postgres",
            "SELECT nextval('counter') FROM generate_series(1, 50)",
        );
    };
    let source = site.database();
    let taken = meddled(&source, "base", || changes(1)).await;
    let mut log = source.open_log(&taken.facts.position).await.expect("opens");
    changes(2);
    let batches = drain(log.as_mut()).await;
    let home = Home::new(&site);
    let copy = home.database();
    restore(&copy, &taken).await;
    for (seq, batch) in (1..).zip(&batches) {
        apply(&copy, batch, seq).await;
    }
    assert_eq!(
        copy.digests().await.expect("digests"),
        source.digests().await.expect("digests")
    );
    copy.promote(&service(), Epoch(2))
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    assert_eq!(home.run("postgres", "SELECT v FROM gone"), "2");
    assert_eq!(home.run("postgres", "SELECT enum_last(NULL::mood)"), "m2");
    // A number that was given out is never given out again.
    let next: u32 = home
        .run("postgres", "SELECT nextval('counter')")
        .parse()
        .expect("a number");
    assert!((101..=133).contains(&next), "{next}");
    let id = "INSERT INTO changed (v) VALUES (9) RETURNING id";
    let id: u32 = home
        .run("postgres", id)
        .lines()
        .next()
        .expect("one")
        .parse()
        .expect("a number");
    assert!(id > 102, "{id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_without_anything_come_back_without_anything() {
    let (site, home) = (Site::start().await, Site::start().await);
    site.run("postgres", "CREATE DATABASE shop");
    let taken = snapshot_by(&logical(&site), SnapshotMethod::Logical).await;
    assert_eq!(taken.facts.tables, []);
    restore(&logical(&home), &taken).await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    logical(&home)
        .promote(&service(), Epoch(2))
        .await
        .expect("promoted");
    assert_eq!(home.run("shop", tables), "0");
    // Its rows are not carried over, its definition is.
    site.run(
        "shop",
        "CREATE UNLOGGED TABLE u (v int); INSERT INTO u VALUES (1)",
    );
    let taken = snapshot_by(&logical(&site), SnapshotMethod::Logical).await;
    assert_eq!(taken.facts.tables, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_any_encoding_is_copied_or_refused() {
    let (site, home) = (Site::start().await, Site::start().await);
    let create = |encoding: &str| {
        site.run("postgres", "DROP DATABASE IF EXISTS shop");
        let how = format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        site.run("postgres", &format!("CREATE DATABASE shop {how}"));
        site.run(
            "shop",
            "SET client_encoding = 'UTF8'; CREATE TABLE t (v text); INSERT INTO t VALUES ('한글')",
        );
    };
    for encoding in ["EUC_KR", "SQL_ASCII"] {
        create(encoding);
        let taken = snapshot_by(&logical(&site), SnapshotMethod::Logical).await;
        let copy = logical(&home);
        restore(&copy, &taken).await;
        // Superusers get in.
        assert_eq!(home.run("shop", "SELECT v FROM t"), "한글", "{encoding}");
    }
    // The last one takes any bytes; another server would not.
    site.run("shop", r"INSERT INTO t VALUES (E'\xff')");
    let refused = logical(&site)
        .snapshot(
            &MemorySink::default(),
            &SnapshotOptions::default(),
            &NoProgress,
        )
        .await;
    let error = refused.expect_err("no UTF-8");
    assert_eq!(error.code(), "PB-POSTGRES-ENCODING", "{}", error.chain());
    assert!(error.chain().contains("shop.public.t"), "{}", error.chain());
    let taken = snapshot(&site.database()).await;
    let copy = Home::new(&site);
    restore(&copy.database(), &taken).await;
    let bytes = r"SELECT count(*) FROM t WHERE v = E'\xff'";
    assert_eq!(copy.run("shop", bytes), "1", "files are bytes");
    // A drill can compare the rows.
    let wanted = site.database().digests().await.expect("digests");
    assert_eq!(copy.database().digests().await.expect("digests"), wanted);
    site.run("shop", r"UPDATE t SET v = E'\xfe' WHERE v = E'\xff'");
    let other = site.database().digests().await.expect("digests");
    assert_ne!(other, wanted, "every byte counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_name_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let site = Site::start().await;
    let stray = std::ffi::OsStr::from_bytes(b"stray-caf\xe9");
    let stray = site.server.data_dir().join("base").join(stray);
    std::fs::write(&stray, "left here").expect("written");
    crate::support::hand_over(&stray);
    let options = SnapshotOptions::default();
    let taken = site
        .database()
        .snapshot(&MemorySink::default(), &options, &NoProgress)
        .await;
    let error = taken.expect_err("it cannot be named");
    assert_eq!(error.code(), "PB-POSTGRES-FILE-NAME", "{}", error.chain());
    assert!(
        error.chain().contains("base/stray-caf"),
        "{}",
        error.chain()
    );
    std::fs::remove_file(&stray).expect("moved away");
    snapshot(&site.database()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_the_target_lacks_is_named() {
    let (site, home) = (Site::start().await, Site::start().await);
    site.run("postgres", "CREATE DATABASE shop");
    site.run("shop", "CREATE EXTENSION hstore; CREATE TABLE t (h hstore)");
    let taken = snapshot_by(&logical(&site), SnapshotMethod::Logical).await;
    let copy = logical(&home);
    copy.begin_restore(&manifest(&taken)).await.expect("begins");
    let (spec, script) = &taken.parts[0];
    let script = String::from_utf8_lossy(script).replace("\"hstore\"", "\"no_such_extension\"");
    let error = load(&copy, spec, script.as_bytes())
        .await
        .expect_err("lacks it");
    assert_eq!(error.code(), "PB-POSTGRES-EXTENSION", "{}", error.chain());
    assert!(
        error.chain().contains("no_such_extension"),
        "{}",
        error.chain()
    );
    assert_eq!(copy.applied().await.expect("known"), None);
}
