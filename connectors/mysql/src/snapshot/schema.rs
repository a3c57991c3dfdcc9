//! The schema part: databases, tables and sequences, as the server itself
//! would write them.

use super::rows::{raw_results, text_results};
use crate::catalog::{Kind, Table};
use crate::client::{Client, first, ident, literal, rows, run};
use crate::error::corrupt;
use crate::own;
use crate::script::Script;
use mysql_async::{Conn, Row};
use planb_ports::PortResult;

/// Makes the part.
pub(super) async fn script(
    client: &Client,
    conn: &mut Conn,
    tables: &[Table],
) -> PortResult<Script> {
    let mut script = Script::default();
    script.add(client.session());
    // Tables may refer to later ones.
    script.add("SET foreign_key_checks=0");
    for database in &client.config.databases {
        script.add(create_database(conn, database).await?);
    }
    for table in tables {
        match table.kind {
            Kind::Base => {
                script.add(format!("USE {}", ident(&table.database)));
                script.add(create(conn, &format!("SHOW CREATE TABLE {}", table.quoted())).await?);
                // For whoever restores by hand; the file is a part of this table.
                let load = table.load(client.config.is_mariadb(), "FILE");
                script.add(format!("-- rows: {}", load.replace('\n', " ")));
            }
            Kind::Sequence => sequence(conn, table, &mut script).await?,
            Kind::View => {}
        }
        run(conn, "release a table", "ROLLBACK TO SAVEPOINT planb").await?;
    }
    canaries(conn, &mut script).await?;
    Ok(script)
}

/// The log goes on with changes of canaries: whoever applies it with the
/// ordinary tools needs the rows as they were.
async fn canaries(conn: &mut Conn, script: &mut Script) -> PortResult<()> {
    script.add_by_hand(own::CREATE_SCHEMA);
    script.add_by_hand(own::CREATE_CANARY);
    let canaries: Vec<(String, String)> = rows(
        conn,
        "read the canaries",
        "SELECT service, mark FROM planb.canary",
    )
    .await?;
    for (service, mark) in canaries {
        script.add_by_hand(&format!(
            "REPLACE INTO planb.canary (service, mark) VALUES ({}, {})",
            literal(&service),
            literal(&mark)
        ));
    }
    run(conn, "release a table", "ROLLBACK TO SAVEPOINT planb").await
}

async fn create_database(conn: &mut Conn, database: &str) -> PortResult<String> {
    let sql = format!("SHOW CREATE DATABASE IF NOT EXISTS {}", ident(database));
    let row: Option<(String, String)> = first(
        conn,
        &format!("read the definition of database {database}"),
        sql,
    )
    .await?;
    row.map(|(_, create)| create)
        .ok_or_else(|| corrupt(format!("there is no database {database}")))
}

/// The statement in the second column of a `SHOW CREATE`, byte for byte.
async fn create(conn: &mut Conn, show: &str) -> PortResult<Vec<u8>> {
    raw_results(conn).await?;
    let row: Option<Row> = first(conn, "read a definition", show).await?;
    text_results(conn).await?;
    row.and_then(|row| row.get::<Vec<u8>, _>(1))
        .ok_or_else(|| corrupt(format!("no answer to {show}")))
}

/// Sequences go on after the last value anybody may have been given.
async fn sequence(conn: &mut Conn, table: &Table, script: &mut Script) -> PortResult<()> {
    script.add(format!("USE {}", ident(&table.database)));
    script.add(create(conn, &format!("SHOW CREATE SEQUENCE {}", table.quoted())).await?);
    let next: Option<i64> = first(
        conn,
        "read a sequence",
        format!("SELECT next_not_cached_value FROM {}", table.quoted()),
    )
    .await?;
    if let Some(next) = next {
        script.add(format!("DO SETVAL({}, {next}, 0)", table.quoted()));
    }
    Ok(())
}
