//! The fence: one row per service, compared and swapped, and the server's own
//! read-only switch.
//!
//! `read_only` is lost when a server restarts; the row is not. The engine
//! therefore fences again whatever it finds writable, and the same epoch again
//! always sets the switch again.

use crate::apply::lanes::settle::settle_and_clear;
use crate::client::{Client, first, literal, rows, run};
use crate::{apply, own};
use mysql_async::Conn;
use planb_model::{Epoch, ServiceName};
use planb_ports::database::FenceState;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::time::{Duration, Instant};

/// How long the application's transactions may hold up the switch. Every try
/// ends the connections that hold it up, so the second one succeeds.
const SWITCH_WAIT_SECS_MAX: u64 = 15;
/// Longest time for the whole fence; a server that takes longer is stuck, and
/// whether it is fenced is not known.
pub(crate) const FENCE_SECS_MAX: u64 = 2 * SWITCH_WAIT_SECS_MAX;
/// How long one try waits for statements that are just ending.
const SWITCH_TRY_SECS: u64 = 2;

/// The fence as it stands.
pub(crate) async fn read(conn: &mut Conn, service: &ServiceName) -> PortResult<FenceState> {
    let epoch: Option<u64> = if own::exist(conn).await? {
        let sql = format!(
            "SELECT epoch FROM planb.fence WHERE service = {}",
            literal(service.as_str())
        );
        first(conn, "read the fence row", sql).await?
    } else {
        None
    };
    let read_only: Option<i64> =
        first(conn, "read read_only", "SELECT @@GLOBAL.read_only <> 0").await?;
    Ok(FenceState {
        epoch: epoch.map(Epoch),
        read_only: read_only == Some(1),
    })
}

/// Makes the server read-only under `epoch`.
pub(crate) async fn fence(client: &Client, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
    let mut conn = client.connect().await?;
    writable_for_planb(client, &mut conn).await?;
    own::ensure(&mut conn).await?;
    raise_epoch(client, &mut conn, service, epoch).await?;
    refuse_writes(client, &mut conn).await?;
    end_others(&mut conn, &client.config.user, Which::All).await
}

/// Lets the server take writes under `epoch`.
pub(crate) async fn promote(
    client: &Client,
    service: &ServiceName,
    epoch: Epoch,
) -> PortResult<()> {
    let mut conn = client.connect().await?;
    writable_for_planb(client, &mut conn).await?;
    own::ensure(&mut conn).await?;
    raise_epoch(client, &mut conn, service, epoch).await?;
    // The copy goes its own way from here: no log may be applied to it any more.
    settle_and_clear(client, &mut conn).await?;
    apply::forget_pieces(client, &mut conn).await?;
    run(
        &mut conn,
        "let the server take writes",
        "SET GLOBAL read_only = 0",
    )
    .await
}

/// Compare-and-swap: the row never goes back to an older epoch.
async fn raise_epoch(
    client: &Client,
    conn: &mut Conn,
    service: &ServiceName,
    epoch: Epoch,
) -> PortResult<()> {
    let what = "write the fence row";
    let name = literal(service.as_str());
    run(
        conn,
        what,
        format!(
            "INSERT IGNORE INTO planb.fence (service, epoch) VALUES ({name}, {})",
            epoch.0
        ),
    )
    .await?;
    run(
        conn,
        what,
        format!(
            "UPDATE planb.fence SET epoch = {0} WHERE service = {name} AND epoch < {0}",
            epoch.0
        ),
    )
    .await?;
    let now: Option<u64> = first(
        conn,
        what,
        format!("SELECT epoch FROM planb.fence WHERE service = {name}"),
    )
    .await?;
    match now.map(Epoch) {
        Some(current) if current > epoch => {
            Err(PortError::fenced(current, client.config.subject(), epoch))
        }
        _ => Ok(()),
    }
}

/// MySQL's `super_read_only` keeps PlanB out as well; `read_only` stays on.
pub(crate) async fn writable_for_planb(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if client.config.is_mariadb() {
        return Ok(());
    }
    let on: Option<i64> = first(
        conn,
        "read super_read_only",
        "SELECT @@GLOBAL.super_read_only AND 1",
    )
    .await?;
    if on == Some(1) {
        run(
            conn,
            "lift super_read_only",
            "SET GLOBAL super_read_only = 0",
        )
        .await?;
        run(conn, "keep read_only", "SET GLOBAL read_only = 1").await?;
    }
    Ok(())
}

/// Sets the switch, ending the connections whose transactions hold it up.
pub(crate) async fn refuse_writes(client: &Client, conn: &mut Conn) -> PortResult<()> {
    let what = "make the server read-only";
    let switch = if client.config.is_mariadb() {
        "SET GLOBAL read_only = 1"
    } else {
        "SET GLOBAL super_read_only = 1"
    };
    let started = Instant::now();
    run(
        conn,
        what,
        format!("SET lock_wait_timeout = {SWITCH_TRY_SECS}"),
    )
    .await?;
    loop {
        end_others(conn, &client.config.user, Which::Writing).await?;
        let error = match run(conn, what, switch).await {
            Ok(()) => break,
            Err(error) => error,
        };
        let late = started.elapsed() > Duration::from_secs(SWITCH_WAIT_SECS_MAX);
        if late || error.kind() != ErrorKind::Unavailable {
            return Err(error);
        }
    }
    run(conn, what, client.session()).await
}

/// Which connections are ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those with an open transaction.
    Writing,
    /// All of the application's: they notice at once, instead of at their next write.
    All,
}

/// Ends connections of others. PlanB's own, replicas' and the server's stay.
async fn end_others(conn: &mut Conn, user: &str, which: Which) -> PortResult<()> {
    let what = "end the application's connections";
    let only = match which {
        Which::Writing => {
            "AND ID IN (SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX)"
        }
        Which::All => "",
    };
    let sql = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() \
         AND USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user', {}) \
         AND COMMAND NOT LIKE 'Binlog Dump%' {only}",
        literal(user)
    );
    let ids: Vec<u64> = rows(conn, what, sql).await?;
    for id in ids {
        if let Err(error) = run(conn, what, format!("KILL CONNECTION {id}")).await {
            // It ended by itself in between; anything else would come again
            // from the statement that needs it gone.
            tracing::debug!(id, error = %error.chain(), "could not end a connection");
        }
    }
    Ok(())
}
