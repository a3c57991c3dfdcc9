//! PlanB's own small tables, in a database of their own called `planb`, so that
//! a fence can close every other database and PlanB still gets in.
//!
//! - `fence`: the epoch that was last fenced or promoted, per service;
//! - `closed`: databases a fence has closed, with the limit they had;
//! - `canary`: the newest canary, per service;
//! - `applied`: how far a logical restore has come, per set of databases.

use crate::client::Client;
use crate::wire::Wire;
use planb_ports::{ErrorKind, PortResult};

/// The database they are in.
pub(crate) const DATABASE: &str = "planb";

const TABLES: &str = "\
CREATE TABLE IF NOT EXISTS public.fence (service text PRIMARY KEY, epoch bigint NOT NULL);
CREATE TABLE IF NOT EXISTS public.closed (name text PRIMARY KEY, connections int NOT NULL);
CREATE TABLE IF NOT EXISTS public.canary (service text PRIMARY KEY, mark text NOT NULL);
ALTER TABLE public.canary ALTER COLUMN mark SET STORAGE PLAIN;
CREATE TABLE IF NOT EXISTS public.applied (scope text PRIMARY KEY, mark text);";

/// Makes what is missing, and connects. Writes nothing when all is there.
pub(crate) async fn ensure(client: &Client) -> PortResult<Wire> {
    let what = "create PlanB's tables";
    if client.own().await?.is_none() {
        let mut wire = client.anywhere().await?;
        let created = wire.run(what, "CREATE DATABASE planb").await;
        if let Err(error) = created
            && client.own().await?.is_none()
        {
            return Err(error);
        }
    }
    let mut wire = client.connect(DATABASE).await?;
    if !exist(&mut wire).await? {
        wire.run(what, TABLES).await?;
    }
    Ok(wire)
}

/// Whether the tables are there.
pub(crate) async fn exist(wire: &mut Wire) -> PortResult<bool> {
    let sql = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = 'public' AND c.relkind = 'r' \
               AND c.relname IN ('fence', 'closed', 'canary', 'applied')";
    let count = wire.first("look for PlanB's tables", sql).await?;
    Ok(count.as_deref() == Some("4"))
}

/// A connection to them, when they are there.
pub(crate) async fn open(client: &Client) -> PortResult<Option<Wire>> {
    let Some(mut wire) = client.own().await? else {
        return Ok(None);
    };
    Ok(exist(&mut wire).await?.then_some(wire))
}

/// Whether the server is a standby, which only reads.
pub(crate) async fn in_recovery(wire: &mut Wire) -> PortResult<bool> {
    let answer = wire
        .first("ask for recovery", "SELECT pg_is_in_recovery()")
        .await?;
    match answer.as_deref() {
        Some("t") => Ok(true),
        Some("f") => Ok(false),
        _ => Err(planb_ports::PortError::new(
            ErrorKind::Internal,
            "PB-POSTGRES-PROTOCOL",
            "the server does not say whether it is in recovery",
        )),
    }
}
