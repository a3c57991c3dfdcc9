//! Rows as text: definitions by `pg_dump`, rows by `COPY` over several
//! connections that see one exported snapshot.
//!
//! For servers that give no base backups, and for restores into another major
//! version. Every database is at a point of its own.

pub(crate) mod rows;

use crate::catalog;
use crate::client::{Client, ident, literal};
use crate::error::protocol;
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
        // Holds the snapshot until all have read from it.
        let (mut holder, snapshot) = export(self.client, self.name).await?;
        let tables = catalog::tables(&mut holder, self.name).await?;
        self.progress.stage(&format!("{}: schema", self.name));
        let mut part = self.sink.begin(self.spec(KIND_SCHEMA)).await?;
        self.dump(&snapshot, &["--section=pre-data"], &mut part)
            .await?;
        part.end().await?;

        let work = rows::Work {
            client: self.client,
            database: self.name,
            snapshot: &snapshot,
            number: self.number,
        };
        let digests = work
            .dump(&tables, self.sink, options.connections, self.progress)
            .await?;

        self.progress
            .stage(&format!("{}: indexes, constraints, views", self.name));
        let mut part = self.sink.begin(self.spec(KIND_POST)).await?;
        // Of the data only the large objects: rows have come, sequences follow.
        let objects = ["--section=data", "--exclude-table-data=*.*"];
        if has_large_objects(&mut holder).await? {
            self.dump(&snapshot, &objects, &mut part).await?;
        }
        part.write(sequences(&mut holder).await?).await?;
        self.dump(&snapshot, &["--section=post-data"], &mut part)
            .await?;
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

    async fn dump(
        &self,
        snapshot: &str,
        what: &[&str],
        part: &mut Box<dyn PartSink>,
    ) -> PortResult<()> {
        let mut arguments = vec![
            "--format=plain".to_owned(),
            "--no-password".to_owned(),
            "--quote-all-identifiers".to_owned(),
            format!("--snapshot={snapshot}"),
        ];
        arguments.extend(what.iter().map(|&a| a.to_owned()));
        let mut tool = Tool::start(self.client, "pg_dump", self.name, &arguments, Way::Out)?;
        while let Some(bytes) = tool.read().await? {
            part.write(bytes).await?;
        }
        tool.end().await
    }
}

/// A connection whose snapshot others may share, and the snapshot's name.
pub(crate) async fn export(client: &Client, database: &str) -> PortResult<(Wire, String)> {
    let mut wire = client.connect(database).await?;
    let what = "export a snapshot";
    wire.run(what, BEGIN).await?;
    let name = wire.first(what, "SELECT pg_export_snapshot()").await?;
    let name = name.ok_or_else(|| protocol("the server exports no snapshot"))?;
    Ok((wire, name))
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
