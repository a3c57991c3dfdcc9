//! The last part: foreign keys, routines, views, triggers and events, each with the session
//! settings it was made under.
//!
//! Views come twice: first as empty shells with the right columns, then as
//! themselves, so that they may refer to each other in any order.

use super::rows::{raw_results, text_results};
use crate::catalog::{Kind, Table};
use crate::client::{Client, ident, literal, rows, table};
use crate::error::{cannot, corrupt};
use crate::script::Script;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use planb_ports::PortResult;

/// Makes the part; empty when there is nothing to put in it.
pub(super) async fn script(
    client: &Client,
    conn: &mut Conn,
    tables: &[Table],
    links: &[Vec<u8>],
) -> PortResult<Script> {
    let mut body = Script::default();
    let views: Vec<&Table> = tables.iter().filter(|t| t.kind == Kind::View).collect();
    let databases = &client.config.databases;
    let routines = routines(conn, databases).await?;
    let triggers = names(
        conn,
        databases,
        "TRIGGER",
        "ORDER BY EVENT_OBJECT_TABLE, \
        ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
    )
    .await?;
    let events = names(conn, databases, "EVENT", "ORDER BY EVENT_NAME").await?;
    let objects = views.len() + routines.len() + triggers.len() + events.len();
    if objects + links.len() == 0 {
        return Ok(body);
    }
    body.add(client.session());
    body.add("SET foreign_key_checks=0");
    for link in links {
        body.add(link.as_slice());
    }
    for view in &views {
        body.add(shell(view));
    }
    for (database, kind, name) in &routines {
        let what = Object {
            database,
            kind,
            name,
        };
        add(conn, &mut body, what).await?;
    }
    for view in &views {
        let what = Object {
            database: &view.database,
            kind: "VIEW",
            name: &view.name,
        };
        add(conn, &mut body, what).await?;
    }
    for (kind, list) in [("TRIGGER", &triggers), ("EVENT", &events)] {
        for (database, name) in list {
            add(
                conn,
                &mut body,
                Object {
                    database,
                    kind,
                    name,
                },
            )
            .await?;
        }
    }
    body.add(client.session());
    Ok(body)
}

/// One thing to be made.
struct Object<'a> {
    database: &'a str,
    kind: &'a str,
    name: &'a str,
}

/// A view of the right columns and no rows.
fn shell(view: &Table) -> String {
    let columns: Vec<String> = view
        .columns
        .iter()
        .map(|c| format!("NULL AS {}", ident(&c.name)))
        .collect();
    format!(
        "CREATE OR REPLACE VIEW {} AS SELECT {}",
        view.quoted(),
        columns.join(",")
    )
}

async fn routines(
    conn: &mut Conn,
    databases: &[String],
) -> PortResult<Vec<(String, String, String)>> {
    // Packages (MariaDB's Oracle mode) before their bodies.
    rows(
        conn,
        "list the routines",
        format!(
            "SELECT ROUTINE_SCHEMA, ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES \
             WHERE ROUTINE_SCHEMA IN ({}) ORDER BY ROUTINE_SCHEMA, ROUTINE_TYPE, ROUTINE_NAME",
            crate::client::literals(databases)
        ),
    )
    .await
}

async fn names(
    conn: &mut Conn,
    databases: &[String],
    kind: &str,
    order: &str,
) -> PortResult<Vec<(String, String)>> {
    rows(
        conn,
        &format!("list the {}s", kind.to_lowercase()),
        format!(
            "SELECT {kind}_SCHEMA, {kind}_NAME FROM information_schema.{kind}S \
             WHERE {kind}_SCHEMA IN ({}) {order}",
            crate::client::literals(databases)
        ),
    )
    .await
}

/// Adds one object with its session settings before it.
async fn add(conn: &mut Conn, script: &mut Script, what: Object<'_>) -> PortResult<()> {
    let Object {
        database,
        kind,
        name,
    } = what;
    let label = format!(
        "read the definition of {} {database}.{name}",
        kind.to_lowercase()
    );
    raw_results(conn).await?;
    let sql = format!("SHOW CREATE {kind} {}", table(database, name));
    let row: Option<Row> = conn.query_first(sql).await.map_err(cannot(&label))?;
    text_results(conn).await?;
    let row = row.ok_or_else(|| corrupt(format!("there is no {kind} {database}.{name}")))?;
    let missing = || corrupt(format!("cannot {label}: it is hidden from PlanB's account"));
    let text = |column: &str| -> Option<Vec<u8>> {
        let index = row
            .columns_ref()
            .iter()
            .position(|c| c.name_str().eq_ignore_ascii_case(column))?;
        row.get::<Option<Vec<u8>>, _>(index).flatten()
    };
    let setting = |column: &str| text(column).map(|b| String::from_utf8_lossy(&b).into_owned());
    script.add(format!("USE {}", ident(database)));
    // An object that has no such setting gets the usual one, not its neighbour's.
    let or = |column: &str, usual: &str| setting(column).unwrap_or_else(|| usual.to_owned());
    script.add(format!(
        "SET sql_mode={}, time_zone={}, character_set_client={}, collation_connection={}",
        literal(&or("sql_mode", "")),
        literal(&or("time_zone", "+00:00")),
        or("character_set_client", "utf8mb4"),
        or("collation_connection", "utf8mb4_general_ci"),
    ));
    let statement = match kind {
        "TRIGGER" => text("SQL Original Statement"),
        "VIEW" => text("Create View").map(replace_view),
        other => text(&format!("Create {other}")),
    };
    script.add(statement.ok_or_else(missing)?);
    Ok(())
}

/// `CREATE …` becomes `CREATE OR REPLACE …`, because the shell is there already.
fn replace_view(statement: Vec<u8>) -> Vec<u8> {
    match statement.strip_prefix(b"CREATE ") {
        Some(rest) => [b"CREATE OR REPLACE ".as_slice(), rest].concat(),
        None => statement,
    }
}
