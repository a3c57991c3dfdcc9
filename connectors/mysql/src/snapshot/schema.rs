//! The schema part: databases, tables and sequences, as the server itself
//! would write them.

use super::keys::Split;
use super::rows::{raw_results, text_results};
use crate::catalog::{Kind, Table};
use crate::client::{Client, first, ident, literal};
use crate::error::{cannot, corrupt};
use crate::own;
use crate::raw::RawConn;
use crate::script::Script;
use mysql_async::{Conn, Row};
use planb_ports::PortResult;

/// What the definitions of all tables come to.
#[derive(Default)]
pub(super) struct Scripts {
    /// Databases, tables without the keys below, sequences.
    pub schema: Script,
    /// Keys that are added when the rows are there, table by table.
    pub keys: Script,
    /// Foreign keys, as statements for the last part.
    pub links: Vec<Vec<u8>>,
}

/// Reads all definitions. `view` sees the rows of the snapshot.
pub(super) async fn scripts(
    client: &Client,
    conn: &mut Conn,
    view: &mut RawConn,
    tables: &[Table],
) -> PortResult<Scripts> {
    let mut scripts = Scripts::default();
    let script = &mut scripts.schema;
    script.add(client.session());
    // Tables may refer to later ones.
    script.add("SET foreign_key_checks=0");
    for database in &client.config.databases {
        script.add(create_database(conn, database).await?);
    }
    for table in tables {
        match table.kind {
            Kind::Base => base(client, conn, table, &mut scripts).await?,
            Kind::Sequence => sequence(conn, table, &mut scripts.schema).await?,
            Kind::View => {}
        }
    }
    canaries(view, &mut scripts.schema).await?;
    Ok(scripts)
}

async fn base(
    client: &Client,
    conn: &mut Conn,
    table: &Table,
    scripts: &mut Scripts,
) -> PortResult<()> {
    let create = create(conn, &format!("SHOW CREATE TABLE {}", table.quoted())).await?;
    let innodb = table.engine.as_deref() == Some("InnoDB");
    let split = if innodb {
        Split::of(create)
    } else {
        Split::whole(create)
    };
    let script = &mut scripts.schema;
    script.add(format!("USE {}", ident(&table.database)));
    script.add(split.table);
    // For whoever restores by hand; the file is a part of this table.
    let load = table.load(client.config.is_mariadb(), "FILE");
    script.add(format!("-- rows: {}", load.replace('\n', " ")));
    let keys = split.singles.iter().map(std::slice::from_ref);
    let keys = std::iter::once(split.keys.as_slice()).chain(keys);
    for keys in keys.filter(|keys| !keys.is_empty()) {
        if scripts.keys.is_empty() {
            scripts.keys.add(client.session());
        }
        scripts.keys.add(alter(table, keys));
    }
    if !split.links.is_empty() {
        scripts.links.push(alter(table, &split.links));
    }
    Ok(())
}

fn alter(table: &Table, definitions: &[Vec<u8>]) -> Vec<u8> {
    let mut sql = format!("ALTER TABLE {}", table.quoted()).into_bytes();
    for (index, definition) in definitions.iter().enumerate() {
        sql.extend_from_slice(if index == 0 { b" ADD " } else { b", ADD " });
        sql.extend_from_slice(definition);
    }
    sql
}

/// The log goes on with changes of canaries: whoever applies it with the
/// ordinary tools needs the rows as they were.
async fn canaries(view: &mut RawConn, script: &mut Script) -> PortResult<()> {
    script.add_by_hand(own::CREATE_SCHEMA);
    script.add_by_hand(own::CREATE_CANARY);
    let what = "read the canaries";
    let sql = "SELECT service, mark FROM planb.canary";
    for row in view.small_rows(sql).await.map_err(cannot(what))? {
        let [Some(service), Some(mark)] = row.as_slice() else {
            return Err(corrupt("a canary without a value"));
        };
        script.add_by_hand(&format!(
            "REPLACE INTO planb.canary (service, mark) VALUES ({}, {})",
            literal(&String::from_utf8_lossy(service)),
            literal(&String::from_utf8_lossy(mark))
        ));
    }
    let release = "ROLLBACK TO SAVEPOINT planb";
    view.run(release).await.map_err(cannot("release a table"))
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
