//! Restoring a snapshot into this server.

mod batch;
mod definer;
mod rows;
mod scripts;
mod session;

use crate::applied::{self, Applied};
use crate::apply;
use crate::apply::lanes::settle;
use crate::client::{Client, first, ident, literal, literals, run};
use crate::error::corrupt;
use crate::fence;
use crate::own;
use crate::physical::{self, KIND_PHYSICAL};
use crate::snapshot::{KIND_KEYS, KIND_POST, KIND_ROWS, KIND_SCHEMA};
use crate::version;
use bytes::Bytes;
use futures::stream::BoxStream;
use mysql_async::Conn;
use planb_model::recovery::{AppliedMark, PartSpec, SnapshotManifest};
use planb_ports::{ErrorKind, PortError, PortResult};
pub(crate) use session::{loaders, unlogged};

/// Refuses a snapshot of another engine, and files that are not for here.
pub(crate) async fn accepts(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    if manifest.engine != client.config.engine {
        return Err(PortError::new(
            ErrorKind::Unsupported,
            "PB-MYSQL-OTHER-ENGINE",
            format!(
                "the snapshot is of {}, the target is {}",
                manifest.engine, client.config.engine
            ),
        )
        .hint(
            "use the same database server at both sites",
            "두 사이트에 같은 종류의 데이터베이스 서버를 사용하세요",
        ));
    }
    if physical::is(manifest) {
        physical::check(client, manifest).await?;
    }
    Ok(())
}

/// Empties the databases for a restore.
pub(crate) async fn begin(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    accepts(client, manifest).await?;
    let files = physical::is(manifest);
    if files && !physical::begin(client).await? {
        return Ok(());
    }
    let mut conn = client.connect().await?;
    version::expect(&client.config, &mut conn).await?;
    may_replace(client, &mut conn, manifest).await?;
    if files {
        only_ours(client, &mut conn).await?;
    }
    // The copy takes no writes but ours until it is promoted.
    fence::refuse_writes(client, &mut conn).await?;
    fence::writable_for_planb(client, &mut conn).await?;
    own::ensure(&mut conn).await?;
    session::unlogged(client, &mut conn).await?;
    applied::begin(client, &mut conn).await?;
    settle::forget(client, &mut conn).await?;
    if files {
        // What is there stays until the files take its place.
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM planb.canary WHERE service = {}",
        literal(manifest.service.as_str())
    );
    run(&mut conn, "forget the old canary", sql).await?;
    run(&mut conn, "prepare the restore", "SET foreign_key_checks=0").await?;
    for database in &client.config.databases {
        let sql = format!("DROP DATABASE IF EXISTS {}", ident(database));
        run(&mut conn, &format!("empty database {database}"), sql).await?;
    }
    Ok(())
}

/// Refuses to empty databases with tables that PlanB has nothing to do with.
async fn may_replace(
    client: &Client,
    conn: &mut Conn,
    manifest: &SnapshotManifest,
) -> PortResult<()> {
    if applied::read(client, conn).await? != Applied::Never
        || fence::read(conn, &manifest.service).await?.epoch.is_some()
    {
        return Ok(());
    }
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ({})",
        literals(&client.config.databases)
    );
    let tables: Option<u64> = first(conn, "look for tables", sql).await?;
    if tables == Some(0) {
        return Ok(());
    }
    Err(PortError::new(
        ErrorKind::Conflict,
        "PB-MYSQL-NOT-EMPTY",
        format!(
            "{} has tables in {} that PlanB did not put there",
            client.config.subject(),
            client.config.databases.join(", ")
        ),
    )
    .hint(
        "check that this is the right server; drop the databases by hand if they may go",
        "올바른 서버인지 확인하세요. 지워도 되는 데이터라면 해당 데이터베이스를 직접 삭제하세요",
    ))
}

/// Files replace the whole server: refuses one with databases of others.
async fn only_ours(client: &Client, conn: &mut Conn) -> PortResult<()> {
    let sql = format!(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN \
         ('mysql', 'information_schema', 'performance_schema', 'sys', {}, {}) LIMIT 1",
        literal(own::SCHEMA),
        literals(&client.config.databases)
    );
    let other: Option<String> = first(conn, "look for databases", sql).await?;
    let Some(other) = other else { return Ok(()) };
    Err(PortError::new(
        ErrorKind::Conflict,
        "PB-MYSQL-NOT-EMPTY",
        format!(
            "a restore of files replaces all of {}, and it has the database {other} too",
            client.config.subject()
        ),
    )
    .hint(
        "restore a logical snapshot, or into a server of its own",
        "논리 스냅샷으로 복원하거나 별도의 서버에 복원하세요",
    ))
}

/// Which parts may be loaded side by side.
pub(crate) fn group(part: &PartSpec) -> Option<u32> {
    (part.kind == KIND_ROWS).then_some(1)
}

/// Loads one part.
pub(crate) async fn load(
    client: &Client,
    part: &PartSpec,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    if part.kind == KIND_PHYSICAL {
        if physical::begin(client).await? {
            under_way(client, &mut client.connect().await?).await?;
        }
        return physical::load(client, bytes).await;
    }
    let mut conn = session::open(client).await?;
    under_way(client, &mut conn).await?;
    match part.kind.as_str() {
        KIND_SCHEMA | KIND_POST => scripts::run_all(&mut conn, bytes).await,
        KIND_KEYS => scripts::add_keys(client, conn, bytes).await,
        KIND_ROWS => rows::load(client, conn, part, bytes).await,
        other => Err(corrupt(format!(
            "a part of the snapshot is of unknown kind '{other}'"
        ))),
    }
}

/// Refuses to load where no restore was begun.
async fn under_way(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if applied::read(client, conn).await? == Applied::Broken {
        return Ok(());
    }
    Err(PortError::new(
        ErrorKind::Conflict,
        "PB-MYSQL-NO-RESTORE",
        "no restore is under way in the target",
    ))
}

/// Ends the restore.
pub(crate) async fn end(client: &Client, mark: &AppliedMark) -> PortResult<()> {
    let mut conn = client.connect().await?;
    applied::set(client, &mut conn, mark).await?;
    // Of the copy before, or of the server the files are of.
    apply::forget_pieces(client, &mut conn).await?;
    physical::end(client)
}
