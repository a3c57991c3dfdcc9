//! Rows as text: definitions by `pg_dump`, rows by `COPY` over several
//! connections that see one exported snapshot.
//!
//! For servers that give no base backups, and for restores into another major
//! version. Every database is at a point of its own.

mod large;
pub(crate) mod rows;

use crate::catalog::{self, Table};
use crate::client::{Client, ident, literal};
use crate::error::{CHANGED, changed, protocol};
use crate::tools::{Tool, Way};
use crate::wire::Wire;
use bytes::Bytes;
use planb_model::recovery::{LogPosition, PartSpec, TableDigest};
use planb_ports::{PartSink, PortResult, Progress, SnapshotFacts, SnapshotOptions, SnapshotSink};

/// Kind of the part with definitions that come before the rows.
pub(crate) const KIND_SCHEMA: &str = "schema";
/// Kind of the parts with rows, in `COPY`'s text format.
pub(crate) const KIND_ROWS: &str = "rows";
/// Kind of the part with everything that comes after the rows.
pub(crate) const KIND_POST: &str = "post";

/// Looks at a database whose tables come and go.
const HOLD_ATTEMPTS_MAX: u32 = 5;
/// Tables named in one statement.
const LOCKED_AT_ONCE: usize = 200;
/// How long `pg_dump` waits for a table somebody is changing.
const LOCK_WAIT_MS_MAX: u64 = 30_000;
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Takes it.
pub(crate) async fn take(
    client: &Client,
    sink: &dyn SnapshotSink,
    options: &SnapshotOptions,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    let mut anywhere = client.anywhere().await?;
    let names = catalog::databases(client, &mut anywhere).await?;
    let missing = client
        .config
        .databases
        .iter()
        .find(|name| !names.contains(name));
    if let Some(name) = missing {
        return Err(crate::error::invalid(format!(
            "there is no database {name} to protect"
        )));
    }
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
               ELSE pg_current_wal_lsn() END";
    let at = anywhere.first("ask how far the log goes", sql).await?;
    let position = LogPosition {
        stream: format!("postgresql-rows:{}", client.config.subject()),
        at: at.unwrap_or_default(),
        gtid: None,
    };
    if options.accounts {
        progress.stage("users and what they may do");
        crate::accounts::write(client, sink).await?;
    }
    let mut tables = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let one = One {
            client,
            sink,
            progress,
            number: number + 1,
            name,
        };
        tables.extend(one.take(options).await?);
    }
    tables.sort();
    Ok(SnapshotFacts {
        position,
        consistent_at: super::clock(&mut anywhere).await?,
        server_version: anywhere.server_version().to_owned(),
        tables,
        databases: Vec::new(),
        why: None,
    })
}

/// One database of a snapshot.
struct One<'a> {
    client: &'a Client,
    sink: &'a dyn SnapshotSink,
    progress: &'a dyn Progress,
    number: usize,
    name: &'a str,
}

impl One<'_> {
    async fn take(&self, options: &SnapshotOptions) -> PortResult<Vec<TableDigest>> {
        let mut held = hold(self.client, self.name).await?;
        let snapshot = held.snapshot.clone();
        self.progress.stage(&format!("{}: schema", self.name));
        let definitions = self.start(&snapshot, &["--section=pre-data"])?;
        // What comes last is begun first: it locks the tables, and behind somebody
        // who waits to change one it would wait as well.
        let mut last = Vec::new();
        if has_large_objects(&mut held.wire).await? {
            // Of the data only the large objects: rows come by themselves.
            let objects = ["--section=data", "--exclude-table-data=*.*"];
            last.push(self.start(&snapshot, &objects)?);
        }
        let post = self.start(&snapshot, &["--section=post-data"])?;
        let mut part = self.sink.begin(self.spec(KIND_SCHEMA)).await?;
        pour(definitions, &mut part).await?;
        part.end().await?;

        let work = rows::Work {
            client: self.client,
            database: self.name,
            snapshot: &snapshot,
            number: self.number,
        };
        let digests = work
            .dump(&mut held, self.sink, options.connections, self.progress)
            .await?;

        self.progress
            .stage(&format!("{}: indexes, constraints, views", self.name));
        let mut part = self.sink.begin(self.spec(KIND_POST)).await?;
        for objects in last {
            pour(objects, &mut part).await?;
        }
        part.write(sequences(&mut held.wire).await?).await?;
        pour(post, &mut part).await?;
        part.end().await?;
        Ok(digests)
    }

    fn spec(&self, kind: &str) -> PartSpec {
        PartSpec {
            name: format!("{kind}-{:03}", self.number),
            kind: kind.to_owned(),
            table: Some(ident(self.name)),
        }
    }

    /// Starts `pg_dump`; it waits for nobody's lock for long.
    fn start(&self, snapshot: &str, what: &[&str]) -> PortResult<Tool> {
        let mut arguments = vec![
            "--format=plain".to_owned(),
            "--no-password".to_owned(),
            "--quote-all-identifiers".to_owned(),
            format!("--lock-wait-timeout={LOCK_WAIT_MS_MAX}"),
            format!("--snapshot={snapshot}"),
        ];
        arguments.extend(what.iter().map(|&a| a.to_owned()));
        Tool::start(self.client, "pg_dump", self.name, &arguments, Way::Out)
    }
}

async fn pour(mut tool: Tool, part: &mut Box<dyn PartSink>) -> PortResult<()> {
    while let Some(bytes) = tool.read().await? {
        part.write(bytes).await?;
    }
    tool.end().await
}

/// Tables at one point, for as long as it lives.
pub(crate) struct Held {
    pub wire: Wire,
    /// The name others share the snapshot by.
    pub snapshot: String,
    pub tables: Vec<Table>,
}

/// Exports a snapshot for others to share, and keeps the tables in it from being
/// dropped, rewritten or truncated: those are not undone for a snapshot that was
/// taken before, and a table would come empty without a word. So they are
/// locked first, the weakest way there is, which only such changes wait for.
pub(crate) async fn hold(client: &Client, database: &str) -> PortResult<Held> {
    let mut wire = client.connect(database).await?;
    for _ in 0..HOLD_ATTEMPTS_MAX {
        let listed = catalog::tables(&mut wire, database).await?;
        let what = "export a snapshot";
        wire.run(what, BEGIN).await?;
        match lock(&mut wire, &listed).await {
            Ok(()) => {
                let snapshot = wire.first(what, "SELECT pg_export_snapshot()").await?;
                let tables = catalog::tables(&mut wire, database).await?;
                let is_locked = |t: &Table| listed.iter().any(|l| l.quoted() == t.quoted());
                if tables.iter().all(is_locked) {
                    return Ok(Held {
                        wire,
                        snapshot: snapshot
                            .ok_or_else(|| protocol("the server exports no snapshot"))?,
                        tables,
                    });
                }
            }
            // One was dropped in between.
            Err(error) if error.code() == CHANGED => {}
            Err(error) => return Err(error),
        }
        wire.run(what, "ROLLBACK").await?;
    }
    Err(changed(format!(
        "the tables of {database} come and go while they are listed"
    )))
}

async fn lock(wire: &mut Wire, tables: &[Table]) -> PortResult<()> {
    for some in tables.chunks(LOCKED_AT_ONCE) {
        let names: Vec<_> = some
            .iter()
            .map(|t| format!("ONLY {}", t.quoted()))
            .collect();
        let sql = format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(","));
        wire.run("keep the tables as they are", &sql).await?;
    }
    Ok(())
}

/// Locks a table for another connection, at once or not at all.
pub(crate) async fn lock_now(wire: &mut Wire, table: &Table) -> PortResult<()> {
    let table = table.quoted();
    let sql = format!("LOCK TABLE ONLY {table} IN ACCESS SHARE MODE NOWAIT");
    wire.run("keep a table as it is", &sql).await
}

/// A connection that sees the snapshot of another one.
pub(crate) async fn import(client: &Client, database: &str, snapshot: &str) -> PortResult<Wire> {
    let mut wire = client.connect(database).await?;
    let what = "share a snapshot";
    wire.run(what, BEGIN).await?;
    let sql = format!("SET TRANSACTION SNAPSHOT {}", literal(snapshot));
    wire.run(what, &sql).await?;
    Ok(wire)
}

async fn has_large_objects(wire: &mut Wire) -> PortResult<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_largeobject_metadata)";
    let answer = wire.first("look for large objects", sql).await?;
    Ok(answer.as_deref() == Some("t"))
}

/// Statements that set the sequences to where they are.
async fn sequences(wire: &mut Wire) -> PortResult<Bytes> {
    let sql = "SELECT schemaname, sequencename, last_value FROM pg_sequences \
               WHERE last_value IS NOT NULL ORDER BY 1, 2";
    let mut script = String::new();
    for row in wire.rows("read sequences", sql).await? {
        let [Some(schema), Some(name), Some(value)] = &row[..] else {
            continue;
        };
        let sequence = literal(&format!("{}.{}", ident(schema), ident(name)));
        script.push_str(&format!(
            "SELECT pg_catalog.setval({sequence}, {value}, true);\n"
        ));
    }
    Ok(Bytes::from(script))
}
