//! The contract suite, and what is special to this store.

mod audit;

use super::*;
use planb_ports::contract::store::{StoreFactory, execution, run_all};
use planb_ports::{ErrorKind, PortError};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn audit(&self) -> Audit {
        Audit {
            key: planb_audit::AuditKey::from_seed([7; 32]),
            kept: self.0.path().join("kept.checkpoint"),
            key_lost: false,
        }
    }

    fn store(&self) -> PortResult<SqliteStore> {
        SqliteStore::open(self.file(), self.audit(), moment())
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("state.db")
    }
}

#[async_trait]
impl StoreFactory for Folder {
    async fn open(&self) -> PortResult<Arc<dyn Store>> {
        Ok(Arc::new(self.store()?))
    }
}

fn refused<T>(result: PortResult<T>) -> PortError {
    result.err().expect("it was refused")
}

fn moment() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("in range")
}

fn name() -> ServiceName {
    ServiceName::new("orders").expect("a name")
}

#[tokio::test]
async fn the_store_contract_holds() {
    run_all(|_| Folder::new()).await;
}

#[tokio::test]
async fn a_second_owner_is_told_who_owns_the_state() {
    let folder = Folder::new();
    let owner = folder.store().expect("first owner");
    let error = refused(folder.store());
    assert_eq!(error.code(), "PB-STATE-LOCKED");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");
    drop(owner);
    folder.store().expect("the lock is free again");
}

#[tokio::test]
async fn a_reader_sees_what_the_owner_wrote_and_changes_nothing() {
    let folder = Folder::new();
    let seoul = SiteName::new("seoul").expect("a name");
    assert_eq!(
        refused(SqliteStore::open_read_only(folder.file())).kind(),
        ErrorKind::NotFound
    );
    let owner = folder.store().expect("owner");
    let written = owner.register(&name(), &seoul, moment()).await;
    let reader = SqliteStore::open_read_only(folder.file()).expect("reader");
    let seen = reader.service(&name()).await.expect("seen");
    assert_eq!(seen, written.expect("written"));
    let error = refused(reader.register(&name(), &seoul, moment()).await);
    assert_eq!(error.code(), "PB-STATE-READ-ONLY");
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing() {
    let folder = Folder::new();
    let store = folder.store().expect("opens");
    store.open_execution(&execution("a")).await.expect("opened");
    let id = execution("a").id;
    let entry = JournalEntry::Paused {
        by: "x".repeat(3000),
    };
    limit_pages(&store, true).await;
    let mut acknowledged = 0;
    let error = loop {
        match store.append(&id, acknowledged + 1, &entry, moment()).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1000, "the disk never filled");
    };
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.hint_text().is_some());
    let journal = store.journal(&id).await.expect("readable");
    assert_eq!(journal.len() as u64, acknowledged);
    limit_pages(&store, false).await;
    let next = store.append(&id, acknowledged + 1, &entry, moment()).await;
    assert_eq!(next.expect("space again").seq, acknowledged + 1);
}

/// Lets the file grow by a few pages only, as a full disk would, or freely again.
async fn limit_pages(store: &SqliteStore, full: bool) {
    store
        .run(move |connection| {
            let pages: i64 = connection
                .query_row("PRAGMA page_count", [], |r| r.get(0))
                .expect("page count");
            let most = if full { pages + 5 } else { pages + 100_000 };
            connection
                .query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))
                .expect("limit");
            Ok(())
        })
        .await
        .expect("limited");
}

#[tokio::test]
async fn damaged_foreign_and_newer_files_are_refused() {
    let damaged = Folder::new();
    std::fs::write(damaged.file(), "not a database, not even nearly").expect("written");
    let error = refused(damaged.store());
    assert_eq!(error.kind(), ErrorKind::Corrupt);

    let foreign = Folder::new();
    let other = Connection::open(foreign.file()).expect("made");
    other
        .execute_batch("CREATE TABLE theirs (a)")
        .expect("made");
    drop(other);
    let error = refused(foreign.store());
    assert_eq!(error.code(), "PB-STATE-FOREIGN");

    let newer = Folder::new();
    drop(newer.store().expect("made"));
    let raised = Connection::open(newer.file()).expect("opened");
    raised
        .pragma_update(None, "user_version", schema::SCHEMA_VERSION + 1)
        .expect("raised");
    drop(raised);
    assert_eq!(refused(newer.store()).code(), "PB-STATE-NEWER");
    assert_eq!(
        refused(SqliteStore::open_read_only(newer.file())).code(),
        "PB-STATE-NEWER"
    );
}

#[tokio::test]
async fn a_page_of_rubbish_is_found_when_opening() {
    let folder = Folder::new();
    let store = folder.store().expect("made");
    store.open_execution(&execution("a")).await.expect("opened");
    drop(store);
    let mut bytes = std::fs::read(folder.file()).expect("read");
    let page = 4096;
    assert!(bytes.len() > page * 2);
    bytes[page..page * 2].fill(0xa5);
    std::fs::write(folder.file(), bytes).expect("written");
    let error = refused(folder.store());
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn commits_reach_the_disk_before_they_are_acknowledged() {
    let folder = Folder::new();
    let store = folder.store().expect("made");
    let settings = store
        .run(|c| {
            let one = |sql| c.query_row(sql, [], |r| r.get::<_, i64>(0));
            let mode: String = c
                .query_row("PRAGMA journal_mode", [], |r| r.get(0))
                .expect("mode");
            Ok((
                mode,
                one("PRAGMA synchronous").expect("sync"),
                one("PRAGMA foreign_keys").expect("keys"),
            ))
        })
        .await
        .expect("read");
    assert_eq!(settings, ("wal".to_owned(), 2, 1));
}
