//! Rows as text, into databases that are made anew.

use super::keys::PatientKeys;
use super::{no_restore, not_empty};
use crate::catalog;
use crate::client::{Client, ident, literal, literals};
use crate::config::Method;
use crate::error::{corrupt, invalid};
use crate::snapshot::logical::rows::names;
use crate::snapshot::{KIND_POST, KIND_ROWS};
use crate::tools::{Tool, Way};
use crate::wire::Wire;
use crate::{fence, own};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use planb_model::recovery::{AppliedMark, PartSpec, SnapshotManifest};
use planb_ports::PortResult;

/// How far a restore has brought the databases.
pub(super) async fn applied(client: &Client) -> PortResult<Option<AppliedMark>> {
    let Some(mut wire) = own::open(client).await? else {
        return Ok(None);
    };
    let mark = wire.first("read the applied mark", &select(client)).await?;
    Ok(mark.and_then(|json| serde_json::from_str(&json).ok()))
}

fn select(client: &Client) -> String {
    let scope = literal(&scope(client));
    format!("SELECT mark FROM public.applied WHERE scope = {scope}")
}

fn scope(client: &Client) -> String {
    let mut names = client.config.databases.clone();
    names.sort();
    literals(&names)
}

/// Refuses rows where the plan names files, or where `psql` is missing.
pub(super) fn accepts(client: &Client) -> PortResult<()> {
    if client.config.method != Method::Logical {
        return Err(invalid("the snapshot has rows, the plan names files").hint(
            "add `method=logical` to the target's URL",
            "대상 데이터베이스 URL에 `method=logical`을 추가하세요",
        ));
    }
    client.program("psql").map(drop)
}

/// Makes the databases anew, with closed doors.
pub(super) async fn begin(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    may_replace(client, manifest).await?;
    let mut wire = own::ensure(client).await?;
    let sql = format!(
        "INSERT INTO public.applied (scope, mark) VALUES ({}, NULL) \
         ON CONFLICT (scope) DO UPDATE SET mark = NULL; \
         DELETE FROM public.canary WHERE service = {}",
        literal(&scope(client)),
        literal(manifest.service.as_str())
    );
    wire.run("note that a restore begins", &sql).await?;
    for name in &client.config.databases {
        let what = format!("empty database {name}");
        let quoted = ident(name);
        let drop = format!("DROP DATABASE IF EXISTS {quoted} WITH (FORCE)");
        wire.run(&what, &drop).await?;
        let create = format!("CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'");
        wire.run(&what, &create).await?;
        if fence::is_superuser(&mut wire).await? {
            let close = format!(
                "INSERT INTO public.closed (name, connections) VALUES ({}, -1) \
                 ON CONFLICT (name) DO UPDATE SET connections = -1; \
                 ALTER DATABASE {quoted} CONNECTION LIMIT 0",
                literal(name)
            );
            wire.run(&what, &close).await?;
        }
    }
    Ok(())
}

/// Refuses to empty databases with tables that PlanB has nothing to do with.
async fn may_replace(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    let subject = client.config.subject();
    if let Some(mut wire) = own::open(client).await? {
        let known = wire.rows("look for a restore", &select(client)).await?;
        let state = fence::read(client, &manifest.service).await?;
        match state.epoch {
            _ if !known.is_empty() => return Ok(()),
            Some(_) if state.read_only => return Ok(()),
            Some(epoch) => {
                return Err(not_empty(format!(
                    "{subject} takes writes under epoch {epoch}"
                )));
            }
            None => {}
        }
    }
    let mut anywhere = client.anywhere().await?;
    for name in catalog::databases(client, &mut anywhere).await? {
        let mut wire = client.connect(&name).await?;
        if !catalog::tables(&mut wire, &name).await?.is_empty() {
            return Err(not_empty(format!(
                "{subject} has tables in {name} that PlanB did not put there"
            )));
        }
    }
    Ok(())
}

/// Loads one part.
pub(super) async fn load(
    client: &Client,
    part: &PartSpec,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let loading = match own::open(client).await? {
        Some(mut wire) => wire.rows("look for a restore", &select(client)).await?,
        None => Vec::new(),
    };
    if loading.first().is_none_or(|row| row.first() != Some(&None)) {
        return Err(no_restore());
    }
    let label = part.table.as_deref();
    let label = label.ok_or_else(|| corrupt("a part names no database"))?;
    let names = names(label)?;
    let database = &names[0];
    if !client.config.databases.contains(database) {
        return Err(invalid(format!(
            "the snapshot has a database {database}, the plan does not"
        )));
    }
    match (part.kind.as_str(), &names[1..]) {
        (KIND_ROWS, [schema, table]) => {
            let mut wire = client.connect(database).await?;
            let table = find(&mut wire, database, schema, table).await?;
            load_rows(&mut wire, &table, bytes).await
        }
        (KIND_ROWS, _) => Err(corrupt("a part with rows names no table")),
        (kind, _) => {
            let keys = (kind == KIND_POST).then(PatientKeys::new);
            load_script(client, database, bytes, keys).await
        }
    }
}

async fn find(
    wire: &mut Wire,
    database: &str,
    schema: &str,
    name: &str,
) -> PortResult<catalog::Table> {
    let tables = catalog::tables(wire, database).await?;
    let found = tables
        .into_iter()
        .find(|t| t.schema == schema && t.name == name);
    found.ok_or_else(|| corrupt(format!("rows of a table {schema}.{name} that is not there")))
}

async fn load_rows(
    wire: &mut Wire,
    table: &catalog::Table,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let what = format!("load {}", table.label());
    let columns = match table.columns.is_empty() {
        true => String::new(),
        false => format!(" ({})", table.columns.join(",")),
    };
    let sql = format!("COPY {}{columns} FROM STDIN", table.quoted());
    wire.run(&what, "SET synchronous_commit = off").await?;
    wire.send_query(&what, &sql).await?;
    wire.copy_begins(&what, b'G').await?;
    let mut rows = 0u64;
    while let Some(piece) = bytes.next().await {
        // Dropping the connection breaks the statement off: nothing is committed.
        let piece = piece?;
        rows += piece.iter().filter(|b| **b == b'\n').count() as u64;
        wire.copy_send(&what, &piece).await?;
    }
    let taken = wire.copy_end(&what).await?;
    if taken == rows {
        return Ok(());
    }
    let label = table.label();
    Err(corrupt(format!(
        "{label}: the target took {taken} of {rows} rows"
    )))
}

async fn load_script(
    client: &Client,
    database: &str,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
    mut keys: Option<PatientKeys>,
) -> PortResult<()> {
    let arguments = [
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
    ];
    let arguments = arguments.map(str::to_owned);
    let mut tool = Tool::start(client, "psql", database, &arguments, Way::In)?;
    while let Some(piece) = bytes.next().await {
        let piece = match &mut keys {
            Some(keys) => keys.push(&piece?).into(),
            None => piece?,
        };
        if !tool.write(&piece).await {
            // It ended; what it complained says why.
            return tool.end().await;
        }
    }
    if let Some(keys) = keys {
        tool.write(&keys.end()).await;
    }
    tool.end().await
}

/// Sets the applied mark.
pub(super) async fn end(client: &Client, mark: &AppliedMark) -> PortResult<()> {
    let Some(mut wire) = own::open(client).await? else {
        return Err(no_restore());
    };
    let json = serde_json::to_string(mark)
        .map_err(|e| crate::error::protocol("cannot write the applied mark").source(e))?;
    let sql = format!(
        "UPDATE public.applied SET mark = {} WHERE scope = {}",
        literal(&json),
        literal(&scope(client))
    );
    wire.run("write the applied mark", &sql).await?;
    for name in &client.config.databases {
        let mut wire = client.connect(name).await?;
        wire.run("gather statistics", "ANALYZE").await?;
    }
    Ok(())
}
