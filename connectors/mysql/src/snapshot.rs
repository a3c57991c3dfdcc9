//! Consistent snapshots: schema, rows, then everything that refers to them.

mod point;
mod post;
mod rows;
mod schema;

pub(crate) use point::{end_of_log, mariadb_gtid_at};
pub(crate) use rows::digest_table;

use crate::catalog::{self, Kind};
use crate::client::{Client, first, run};
use crate::own;
use crate::script::Script;
use bytes::Bytes;
use planb_model::recovery::PartSpec;
use planb_ports::snapshot::write_part;
use planb_ports::{
    PortResult, Progress, SnapshotFacts, SnapshotMethod, SnapshotOptions, SnapshotSink,
};

/// Kind of the part with databases, tables and sequences.
pub(crate) const KIND_SCHEMA: &str = "schema";
/// Kind of the parts with rows.
pub(crate) const KIND_ROWS: &str = "rows";
/// Kind of the part with views, routines, triggers and events.
pub(crate) const KIND_POST: &str = "post";

/// Writes a snapshot.
///
/// Changes of table definitions wait while it is read: rows have a consistent
/// point, definitions have none, and the log must not repeat a change that the
/// snapshot has already.
pub(crate) async fn take(
    client: &Client,
    sink: &dyn SnapshotSink,
    options: &SnapshotOptions,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    if options.method == SnapshotMethod::Physical {
        return Err(crate::error::rows_only());
    }
    let mut conn = client.connect().await?;
    own::ensure(&mut conn).await?;
    let guard = point::DefinitionGuard::hold(client).await?;
    let position = point::begin(client, &mut conn).await?;
    let tables = catalog::read(client, &mut conn).await?;
    let version: Option<String> = first(&mut conn, "read the version", "SELECT VERSION()").await?;

    progress.stage("schema");
    let script = schema::script(client, &mut conn, &tables).await?;
    write_script(sink, KIND_SCHEMA, &script).await?;

    let total = tables.iter().map(|t| t.bytes).sum();
    let mut meter = rows::Meter::new(progress, total);
    let mut digests = Vec::new();
    let base = tables.iter().filter(|t| t.kind == Kind::Base);
    for (index, table) in base.enumerate() {
        progress.stage(&table.label());
        let hasher =
            rows::dump_table(client, &mut conn, table, index + 1, sink, &mut meter).await?;
        digests.push(hasher.finish(table.label()));
        // Table definitions are locked by the transaction only as long as needed.
        run(&mut conn, "release a table", "ROLLBACK TO SAVEPOINT planb").await?;
    }

    progress.stage("views, routines, triggers, events");
    let script = post::script(client, &mut conn, &tables).await?;
    if !script.is_empty() {
        write_script(sink, KIND_POST, &script).await?;
    }
    guard.release().await?;
    digests.sort();
    Ok(SnapshotFacts {
        position,
        server_version: version.unwrap_or_default(),
        tables: digests,
    })
}

async fn write_script(sink: &dyn SnapshotSink, kind: &str, script: &Script) -> PortResult<()> {
    let spec = PartSpec {
        name: kind.to_owned(),
        kind: kind.to_owned(),
        table: None,
    };
    write_part(sink, spec, Bytes::from(script.write())).await
}
