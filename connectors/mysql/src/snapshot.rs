//! Consistent snapshots: schema, rows, keys, then everything that refers to
//! them.

mod chunks;
mod keys;
mod point;
mod post;
mod queue;
mod rows;
mod schema;

pub(crate) use point::{end_of_log, mariadb_gtid_at, moment};

use crate::catalog::{self, Kind, Table};
use crate::client::Client;
use crate::own;
use crate::script::Script;
use crate::sum::Method;
use crate::version;
use bytes::Bytes;
use mysql_async::Conn;
use planb_model::recovery::{PartSpec, TableDigest};
use planb_ports::snapshot::write_part;
use planb_ports::{
    ErrorKind, PortError, PortResult, Progress, SnapshotFacts, SnapshotOptions, SnapshotSink,
};
use point::{DefinitionGuard, Views};
use rows::{Output, Reader};
use std::sync::atomic::AtomicU64;

/// Kind of the part with databases, tables and sequences.
pub(crate) const KIND_SCHEMA: &str = "schema";
/// Kind of the parts with rows.
pub(crate) const KIND_ROWS: &str = "rows";
/// Kind of the part with the keys that are added when the rows are there.
pub(crate) const KIND_KEYS: &str = "keys";
/// Kind of the part with foreign keys, views, routines, triggers and events.
pub(crate) const KIND_POST: &str = "post";

/// Readers when the caller has no wish: enough to keep the server and this
/// machine busy, few enough for the application beside them.
const READERS_MIN: usize = 2;
const READERS_MAX: usize = 8;

/// How many connections read rows when nobody says.
pub(crate) fn readers_default() -> usize {
    let cores = std::thread::available_parallelism().map_or(READERS_MIN, usize::from);
    cores.clamp(READERS_MIN, READERS_MAX)
}

/// Writes a snapshot, of rows or of files.
pub(crate) async fn take(
    client: &Client,
    sink: &dyn SnapshotSink,
    options: &SnapshotOptions,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    let choice = crate::physical::choose(client, options).await?;
    let facts = if choice.files {
        if options.accounts {
            progress.stage("the server's files hold its users anyway");
        }
        crate::physical::take(client, sink, progress).await?
    } else {
        take_rows(client, sink, options, progress).await?
    };
    Ok(SnapshotFacts {
        why: Some(choice.why),
        ..facts
    })
}

/// Changes of table definitions wait while it is read: rows have a consistent
/// point, definitions have none, and the log must not repeat a change that the
/// snapshot has already. Without the privilege for that, definitions are
/// compared before and after instead.
async fn take_rows(
    client: &Client,
    sink: &dyn SnapshotSink,
    options: &SnapshotOptions,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    let mut conn = client.connect().await?;
    let version = version::expect(&client.config, &mut conn).await?;
    own::ensure(&mut conn).await?;
    let guard = DefinitionGuard::hold(client).await?;
    if guard.is_none() {
        progress.stage("one connection: the account may not hold back changes (RELOAD)");
    }
    let readers = match (options.connections, &guard) {
        (_, None) => 1,
        (0, _) => readers_default(),
        (wanted, _) => wanted,
    };
    let views = Views::begin(client, &mut conn, readers).await?;
    let consistent_at = moment(&mut conn).await?;
    if let Some(why) = &views.alone {
        tracing::warn!(
            error = why.chain(),
            "the snapshot is read by one connection"
        );
        progress.stage(&format!("one connection: {}", why.chain()));
    }
    let position = views.position(client, &mut conn).await?;
    let tables = catalog::read(client, &mut conn).await?;

    if options.accounts {
        progress.stage("users and what they may do");
        crate::accounts::write(client, sink).await?;
    }
    let source = Source {
        client,
        sink,
        progress,
    };
    let read = source.read(&mut conn, views, &tables).await;
    let tables = match (read, guard) {
        (Ok(digests), Some(guard)) => {
            guard.release().await?;
            digests
        }
        (Ok(digests), None) => {
            unchanged(client, &tables).await?;
            digests
        }
        (Err(error), None) if error.kind() == ErrorKind::Internal => {
            // The server's word for a table that is gone is no help.
            return Err(match unchanged(client, &tables).await {
                Err(changed) => changed.source(error),
                Ok(()) => error,
            });
        }
        (Err(error), _) => return Err(error),
    };
    Ok(SnapshotFacts {
        position,
        consistent_at,
        server_version: version.text,
        tables,
        databases: Vec::new(),
        why: None,
    })
}

/// A server that is read, and where its parts go.
struct Source<'a> {
    client: &'a Client,
    sink: &'a dyn SnapshotSink,
    progress: &'a dyn Progress,
}

impl Source<'_> {
    /// Writes all parts; the digests of the tables.
    async fn read(
        &self,
        conn: &mut Conn,
        mut views: Views,
        tables: &[Table],
    ) -> PortResult<Vec<TableDigest>> {
        let (client, sink, progress) = (self.client, self.sink, self.progress);
        progress.stage("schema");
        let scripts = schema::scripts(client, conn, &mut views.readers[0], tables).await?;
        write_script(sink, KIND_SCHEMA, &scripts.schema).await?;

        let base = base(tables);
        let output = Output {
            sink,
            progress,
            total: base.iter().map(|t| t.bytes).sum(),
            done: AtomicU64::new(0),
        };
        let reader = Reader::new(client, &base, Method::default(), Some(output));
        let digests = reader.run(views.readers).await?;

        progress.stage("views, routines, triggers, events");
        if !scripts.keys.is_empty() {
            write_script(sink, KIND_KEYS, &scripts.keys).await?;
        }
        let post = post::script(client, conn, tables, &scripts.links).await?;
        if !post.is_empty() {
            write_script(sink, KIND_POST, &post).await?;
        }
        Ok(digests)
    }
}

fn base(tables: &[Table]) -> Vec<&Table> {
    tables.iter().filter(|t| t.kind == Kind::Base).collect()
}

/// Digests of all tables at one consistent point.
pub(crate) async fn digests(client: &Client, method: Method) -> PortResult<Vec<TableDigest>> {
    let mut conn = client.connect().await?;
    let views = Views::begin(client, &mut conn, readers_default()).await?;
    let tables = catalog::read(client, &mut conn).await?;
    let base = base(&tables);
    let reader = Reader::new(client, &base, method, None);
    reader.run(views.readers).await
}

/// Refuses a snapshot during which tables or columns were changed.
async fn unchanged(client: &Client, before: &[Table]) -> PortResult<()> {
    let mut conn = client.connect().await?;
    let after = catalog::read(client, &mut conn).await?;
    let same = |a: &Table, b: &Table| {
        (a.label(), a.kind, &a.columns, &a.key) == (b.label(), b.kind, &b.columns, &b.key)
    };
    if before.len() == after.len() && before.iter().zip(&after).all(|(a, b)| same(a, b)) {
        return Ok(());
    }
    Err(PortError::new(
        ErrorKind::Unavailable,
        "PB-MYSQL-DDL-IN-SNAPSHOT",
        "table definitions were changed while the snapshot was read",
    )
    .hint(
        "it is tried again; with RELOAD, PlanB's account can hold such changes back",
        "자동으로 다시 시도합니다. PlanB 계정에 RELOAD 권한이 있으면 이런 변경을 잠시 막을 수 있습니다",
    ))
}

async fn write_script(sink: &dyn SnapshotSink, kind: &str, script: &Script) -> PortResult<()> {
    let spec = PartSpec {
        name: kind.to_owned(),
        kind: kind.to_owned(),
        table: None,
    };
    write_part(sink, spec, Bytes::from(script.write())).await
}
