//! The fence: one row per service, compared and swapped, and closed doors.
//!
//! A fenced server lets nobody into the protected databases (`CONNECTION LIMIT
//! 0`), has ended the sessions that were there, and makes every transaction of
//! those the limit does not bind, superusers, read-only unless they ask
//! otherwise. All of it survives a restart. The application's account must not
//! be a superuser: that is what `check` looks at.
//!
//! A standby in recovery takes no writes at all; its epoch is kept beside its
//! data directory, because its tables are the source's.

use crate::client::{Client, ident, literal};
use crate::restore::notes::Notes;
use crate::restore::server;
use crate::wire::Wire;
use crate::{catalog, own};
use planb_model::{Epoch, ServiceName};
use planb_ports::database::FenceState;
use planb_ports::{ErrorKind, PortError, PortResult};

/// Longest time for the whole fence; a server that takes longer is stuck, and
/// whether it is fenced is not known.
pub(crate) const FENCE_SECS_MAX: u64 = 30;
/// Rounds of ending sessions: one that was just logging in is met by the next.
const END_ROUNDS_MAX: u32 = 50;
/// How long one round waits for the sessions it ended.
const END_WAIT_MS: u64 = 500;

/// The epoch in the row of `service`.
pub(crate) async fn row(wire: &mut Wire, service: &ServiceName) -> PortResult<Option<Epoch>> {
    let sql = format!(
        "SELECT epoch FROM public.fence WHERE service = {}",
        literal(service.as_str())
    );
    let epoch = wire.first("read the fence row", &sql).await?;
    Ok(epoch.and_then(|text| text.parse().ok()).map(Epoch))
}

/// Whether a fence has closed the server.
pub(crate) async fn is_closed(wire: &mut Wire) -> PortResult<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM public.closed c JOIN pg_database d \
               ON d.datname = c.name WHERE d.datconnlimit = 0)";
    let closed = wire.first("look at the fence", sql).await?;
    Ok(closed.as_deref() == Some("t"))
}

/// The fence as it stands.
pub(crate) async fn read(client: &Client, service: &ServiceName) -> PortResult<FenceState> {
    let notes = Notes::read(&client.config)?;
    let noted = notes.and_then(|notes| notes.fences.get(service.as_str()).copied());
    let mut wire = match client.anywhere().await {
        Ok(wire) => wire,
        // A copy whose server does not run takes no writes.
        // Nor does a place where nothing is yet.
        Err(error)
            if error.kind() == ErrorKind::Unavailable
                && (Notes::is_copy(&client.config)? || server::is_vacant(client)) =>
        {
            return Ok(FenceState {
                epoch: noted,
                read_only: true,
            });
        }
        Err(error) => return Err(error),
    };
    if own::in_recovery(&mut wire).await? {
        return Ok(FenceState {
            epoch: noted,
            read_only: true,
        });
    }
    let Some(mut wire) = own::open(client).await? else {
        return Ok(FenceState::default());
    };
    Ok(FenceState {
        epoch: row(&mut wire, service).await?,
        read_only: is_closed(&mut wire).await?,
    })
}

/// Makes the server take no writes under `epoch`.
pub(crate) async fn fence(client: &Client, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
    if server::stand_still(client)? || is_standby(client).await? {
        return Notes::raise(&client.config, service, epoch, false);
    }
    let mut wire = own::ensure(client).await?;
    raise_epoch(client, &mut wire, service, epoch).await?;
    close(client, &mut wire).await?;
    if client.config.target.is_some() {
        Notes::raise(&client.config, service, epoch, false)?;
    }
    Ok(())
}

/// Lets the server take writes under `epoch`.
pub(crate) async fn promote(
    client: &Client,
    service: &ServiceName,
    epoch: Epoch,
) -> PortResult<()> {
    if is_standby(client).await? {
        Notes::raise(&client.config, service, epoch, false)?;
        let mut wire = server::standby(client).await?;
        // The source's own row came along; who is behind it must not go on.
        if own::exist(&mut wire).await? {
            refuse_older(client, row(&mut wire, service).await?, epoch)?;
        }
        server::promote(client, &mut wire).await?;
    }
    let mut wire = own::ensure(client).await?;
    raise_epoch(client, &mut wire, service, epoch).await?;
    wire.run("forget the applied mark", "DELETE FROM public.applied")
        .await?;
    Notes::forget_mark(&client.config)?;
    if client.config.target.is_some() {
        Notes::raise(&client.config, service, epoch, true)?;
    }
    open(&mut wire).await
}

/// Whether the server is a copy that was not promoted, whether it runs or not.
async fn is_standby(client: &Client) -> PortResult<bool> {
    if Notes::is_copy(&client.config)? {
        return Ok(true);
    }
    let mut wire = client.anywhere().await?;
    let standby = own::in_recovery(&mut wire).await?;
    if standby && client.config.target.is_none() {
        return Err(PortError::new(
            ErrorKind::Conflict,
            "PB-POSTGRES-FOREIGN-STANDBY",
            format!(
                "{} is a standby of somebody else's",
                client.config.subject()
            ),
        )
        .hint(
            "name the server that takes writes in the plan",
            "계획 파일에 쓰기를 받는 서버를 지정하세요",
        ));
    }
    Ok(standby)
}

fn refuse_older(client: &Client, current: Option<Epoch>, epoch: Epoch) -> PortResult<()> {
    match current {
        Some(current) if current > epoch => {
            Err(PortError::fenced(current, client.config.subject(), epoch))
        }
        _ => Ok(()),
    }
}

/// Compare-and-swap: the row never goes back to an older epoch.
async fn raise_epoch(
    client: &Client,
    wire: &mut Wire,
    service: &ServiceName,
    epoch: Epoch,
) -> PortResult<()> {
    let sql = format!(
        "INSERT INTO public.fence AS f (service, epoch) VALUES ({}, {}) \
         ON CONFLICT (service) DO UPDATE SET epoch = excluded.epoch WHERE f.epoch < excluded.epoch",
        literal(service.as_str()),
        epoch.0
    );
    wire.run("write the fence row", &sql).await?;
    refuse_older(client, row(wire, service).await?, epoch)
}

/// Closes the protected databases and ends the sessions in them.
async fn close(client: &Client, wire: &mut Wire) -> PortResult<()> {
    let what = "close the databases";
    let names = catalog::databases(client, wire).await?;
    for name in &names {
        // What the limit was is kept, unless it is ours already.
        let sql = format!(
            "INSERT INTO public.closed (name, connections) \
             SELECT datname, datconnlimit FROM pg_database WHERE datname = {0} AND datconnlimit <> 0 \
             ON CONFLICT (name) DO UPDATE SET connections = excluded.connections; \
             INSERT INTO public.closed (name, connections) VALUES ({0}, 0) ON CONFLICT DO NOTHING; \
             ALTER DATABASE {1} CONNECTION LIMIT 0",
            literal(name),
            ident(name)
        );
        wire.run(what, &sql).await?;
    }
    if is_superuser(wire).await? {
        let sql = "ALTER SYSTEM SET default_transaction_read_only = on";
        wire.run("make transactions read-only", sql).await?;
        wire.run("make transactions read-only", "SELECT pg_reload_conf()")
            .await?;
    }
    end_sessions(wire, &names).await
}

async fn end_sessions(wire: &mut Wire, databases: &[String]) -> PortResult<()> {
    let what = "end the application's sessions";
    if databases.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid, {END_WAIT_MS})) FROM pg_stat_activity \
         WHERE backend_type = 'client backend' AND datname IN ({0}) \
         AND NOT (usename = current_user AND application_name = 'planb')",
        crate::client::literals(databases)
    );
    for _ in 0..END_ROUNDS_MAX {
        // Who is just logging in is seen by the next round at the latest.
        if wire.first(what, &sql).await?.as_deref() == Some("0") {
            return Ok(());
        }
    }
    Err(PortError::new(
        ErrorKind::Unavailable,
        "PB-POSTGRES-BUSY",
        "the application's sessions do not end",
    ))
}

/// Opens what a fence has closed.
async fn open(wire: &mut Wire) -> PortResult<()> {
    let what = "open the databases";
    if is_superuser(wire).await? {
        let sql = "ALTER SYSTEM RESET default_transaction_read_only";
        wire.run(what, sql).await?;
        wire.run(what, "SELECT pg_reload_conf()").await?;
    }
    let sql = "SELECT c.name, c.connections FROM public.closed c \
               JOIN pg_database d ON d.datname = c.name";
    for row in wire.rows(what, sql).await? {
        let (Some(Some(name)), Some(Some(limit))) = (row.first(), row.get(1)) else {
            continue;
        };
        let limit: i64 = limit.parse().unwrap_or(-1);
        let sql = format!("ALTER DATABASE {} CONNECTION LIMIT {limit}", ident(name));
        wire.run(what, &sql).await?;
    }
    wire.run(what, "DELETE FROM public.closed").await
}

pub(crate) async fn is_superuser(wire: &mut Wire) -> PortResult<bool> {
    let sql = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user";
    let answer = wire.first("look at PlanB's account", sql).await?;
    Ok(answer.as_deref() == Some("t"))
}
