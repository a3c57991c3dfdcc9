//! Restoring a snapshot into this server.

use crate::applied::{self, Applied};
use crate::catalog;
use crate::client::{Client, first, ident, literal, literals, run};
use crate::error::{cannot, corrupt};
use crate::fence;
use crate::own;
use crate::script;
use crate::snapshot::{KIND_POST, KIND_ROWS, KIND_SCHEMA};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_model::recovery::{AppliedMark, PartSpec, SnapshotManifest};
use planb_ports::{ErrorKind, PortError, PortResult};
use tokio::sync::mpsc;

/// Definitions of all tables are held in memory at once.
const SCRIPT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Pieces of a part between reading it and the server taking it.
const PIECES_WAITING_MAX: usize = 16;

/// Empties the databases for a restore.
pub(crate) async fn begin(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
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
    let mut conn = client.connect().await?;
    may_replace(client, &mut conn, manifest).await?;
    // The copy takes no writes but ours until it is promoted.
    fence::refuse_writes(client, &mut conn).await?;
    fence::writable_for_planb(client, &mut conn).await?;
    own::ensure(&mut conn).await?;
    applied::begin(client, &mut conn).await?;
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

/// Loads one part.
pub(crate) async fn load(
    client: &Client,
    part: &PartSpec,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let mut conn = client.connect().await?;
    if applied::read(client, &mut conn).await? != Applied::Broken {
        return Err(PortError::new(
            ErrorKind::Conflict,
            "PB-MYSQL-NO-RESTORE",
            "no restore is under way in the target",
        ));
    }
    match part.kind.as_str() {
        KIND_SCHEMA | KIND_POST => load_script(&mut conn, bytes).await,
        KIND_ROWS => load_rows(client, conn, part, bytes).await,
        other => Err(corrupt(format!(
            "a part of the snapshot is of unknown kind '{other}'"
        ))),
    }
}

async fn load_script(
    conn: &mut Conn,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let mut file = Vec::new();
    while let Some(piece) = bytes.next().await {
        file.extend_from_slice(&piece?);
        if file.len() > SCRIPT_BYTES_MAX {
            return Err(corrupt("a script of the snapshot is too large"));
        }
    }
    for statement in script::read(&file)? {
        if script::is_by_hand(statement) {
            continue;
        }
        run(conn, "run a definition of the snapshot", statement).await?;
    }
    Ok(())
}

/// Streams a part into `LOAD DATA LOCAL`.
async fn load_rows(
    client: &Client,
    mut conn: Conn,
    part: &PartSpec,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let label = part
        .table
        .as_deref()
        .ok_or_else(|| corrupt("a part with rows names no table"))?;
    let table = catalog::read_one(client, &mut conn, label).await?;
    let what = format!("load {label}");
    run(&mut conn, &what, settings(client)).await?;
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(PIECES_WAITING_MAX);
    conn.set_infile_handler(async move {
        let stream = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        Ok(stream.boxed())
    });
    let feed = async {
        let mut rows = 0u64;
        while let Some(piece) = bytes.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    // Breaks the statement off, so that nothing is committed.
                    let broken = std::io::Error::other("the part broke off");
                    if sender.send(Err(broken)).await.is_err() {
                        tracing::debug!("the load ended before its part");
                    }
                    return Err(error);
                }
            };
            rows += piece.iter().filter(|b| **b == b'\n').count() as u64;
            if sender.send(Ok(piece)).await.is_err() {
                break; // The statement failed; its error says why.
            }
        }
        drop(sender);
        Ok(rows)
    };
    let sql = table.load(client.config.is_mariadb(), "planb");
    let (fed, loaded) = tokio::join!(feed, conn.query_drop(sql));
    let rows = fed?;
    loaded.map_err(cannot(&what))?;
    if conn.affected_rows() != rows {
        return Err(corrupt(format!(
            "{label}: the target took {} of {rows} rows",
            conn.affected_rows()
        )));
    }
    Ok(())
}

/// The rows were checked at the source; checking them again costs most of the time.
fn settings(client: &Client) -> &'static str {
    if client.config.is_mariadb() {
        "SET foreign_key_checks=0, unique_checks=0, check_constraint_checks=0, \
         binlog_annotate_row_events=OFF"
    } else {
        "SET foreign_key_checks=0, unique_checks=0"
    }
}

/// Ends the restore.
pub(crate) async fn end(client: &Client, mark: &AppliedMark) -> PortResult<()> {
    let mut conn = client.connect().await?;
    applied::set(client, &mut conn, mark).await
}
