//! In whose name views, routines, triggers and events run.

use super::{Name, privilege, read};
use crate::client::{Client, literals, rows};
use mysql_async::Conn;
use planb_ports::PortResult;
use std::collections::BTreeSet;

/// All of them.
pub(super) async fn all(client: &Client, conn: &mut Conn) -> PortResult<BTreeSet<Name>> {
    let list = literals(&client.config.databases);
    let kinds = [
        ("VIEWS", "TABLE"),
        ("ROUTINES", "ROUTINE"),
        ("TRIGGERS", "TRIGGER"),
        ("EVENTS", "EVENT"),
    ];
    let selects = kinds.map(|(table, prefix)| {
        format!("SELECT DEFINER FROM information_schema.{table} WHERE {prefix}_SCHEMA IN ({list})")
    });
    let sql = selects.join(" UNION ");
    let found: Vec<String> = rows(conn, "look for definers", sql).await?;
    Ok(found.iter().map(|text| Name::of_definer(text)).collect())
}

/// Those the server does not have.
pub(crate) async fn missing(client: &Client) -> PortResult<Vec<String>> {
    let mut conn = client.connect().await?;
    let roles = read::roles(client, &mut conn).await;
    let there = roles
        .map_err(|e| privilege(e, "read the server's users", "GRANT SELECT ON mysql.* TO …"))?
        .all;
    let definers = all(client, &mut conn).await?;
    let missing = definers.into_iter().filter(|name| !there.contains(name));
    Ok(missing.map(|name| name.quoted()).collect())
}
