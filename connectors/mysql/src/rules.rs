//! Rules the server does not hold rows to at all times: foreign keys, which a
//! session may switch off, and JSON, which in MariaDB is a check that may be
//! switched off. Text is UTF-8 by the server's own doing.

use crate::catalog::{self, Kind, Table, label};
use crate::client::{Client, first, ident, literals, rows, table};
use mysql_async::Conn;
use planb_ports::{BrokenKey, ContentCheck, ContentRule, PortResult};
use std::collections::BTreeMap;

/// A foreign key.
#[derive(Default)]
struct Key {
    name: String,
    child: (String, String),
    parent: (String, String),
    columns: Vec<(String, String)>,
}

/// Counts the rows that break a rule, by table.
pub(crate) async fn check(client: &Client) -> PortResult<Vec<ContentCheck>> {
    let mut conn = client.connect().await?;
    let mut broken: BTreeMap<(ContentRule, String), u64> = BTreeMap::new();
    for key in keys(client, &mut conn).await? {
        let (database, name) = &key.child;
        let orphans = count(&mut conn, &orphans(&key)).await?;
        *broken
            .entry((ContentRule::ForeignKey, label(database, name)))
            .or_default() += orphans;
    }
    if client.config.is_mariadb() {
        for table in catalog::read(client, &mut conn).await? {
            if table.kind == Kind::Base {
                let columns = json_columns(&mut conn, &table).await?;
                if let Some(sql) = not_json(&table, &columns) {
                    let entry = broken
                        .entry((ContentRule::Json, table.label()))
                        .or_default();
                    *entry += count(&mut conn, &sql).await?;
                }
            }
        }
    }
    let check = |((rule, table), broken)| ContentCheck {
        rule,
        table,
        broken,
    };
    Ok(broken.into_iter().map(check).collect())
}

/// Foreign keys with rows that lead nowhere.
pub(crate) async fn broken_keys(client: &Client) -> PortResult<Vec<BrokenKey>> {
    let mut conn = client.connect().await?;
    let mut broken = Vec::new();
    for key in keys(client, &mut conn).await? {
        let rows = count(&mut conn, &orphans(&key)).await?;
        if rows > 0 {
            let table = label(&key.child.0, &key.child.1);
            let key = key.name;
            broken.push(BrokenKey { table, key, rows });
        }
    }
    broken.sort();
    Ok(broken)
}

async fn keys(client: &Client, conn: &mut Conn) -> PortResult<Vec<Key>> {
    let sql = format!(
        "SELECT CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, REFERENCED_TABLE_SCHEMA, \
         REFERENCED_TABLE_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_SCHEMA IN ({}) \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
        literals(&client.config.databases)
    );
    type Found = (String, String, String, String, String, String, String);
    let found: Vec<Found> = rows(conn, "list foreign keys", sql).await?;
    let mut keys: BTreeMap<(String, String, String), Key> = BTreeMap::new();
    for (constraint, database, name, parents, parent, column, to) in found {
        let key = keys
            .entry((database.clone(), name.clone(), constraint.clone()))
            .or_default();
        key.name = constraint;
        key.child = (database, name);
        key.parent = (parents, parent);
        key.columns.push((column, to));
    }
    Ok(keys.into_values().collect())
}

/// Rows whose key is set and leads nowhere.
fn orphans(key: &Key) -> String {
    let list = |each: &dyn Fn(&(String, String)) -> String| -> String {
        let all: Vec<String> = key.columns.iter().map(each).collect();
        all.join(" AND ")
    };
    let set = list(&|(column, _)| format!("c.{} IS NOT NULL", ident(column)));
    let same = list(&|(column, to)| format!("p.{}=c.{}", ident(to), ident(column)));
    format!(
        "SELECT COUNT(*) FROM {} c WHERE {set} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {same})",
        table(&key.child.0, &key.child.1),
        table(&key.parent.0, &key.parent.1)
    )
}

/// MariaDB's JSON is text with a check.
async fn json_columns(conn: &mut Conn, table: &Table) -> PortResult<Vec<String>> {
    let sql = format!(
        "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA = {} AND TABLE_NAME = {}",
        crate::client::literal(&table.database),
        crate::client::literal(&table.name)
    );
    let clauses: Vec<String> = rows(conn, "list checks", sql).await?;
    let column = |clause: &String| {
        let quoted = clause.trim().strip_prefix("json_valid(")?;
        let (name, rest) = catalog::unquote(quoted)?;
        (rest == ")").then_some(name)
    };
    Ok(clauses.iter().filter_map(column).collect())
}

fn not_json(table: &Table, columns: &[String]) -> Option<String> {
    let bad = columns
        .iter()
        .map(|column| format!("NOT JSON_VALID({})", ident(column)));
    let bad: Vec<String> = bad.collect();
    (!bad.is_empty()).then(|| {
        format!(
            "SELECT COUNT(*) FROM {} WHERE {}",
            table.quoted(),
            bad.join(" OR ")
        )
    })
}

async fn count(conn: &mut Conn, sql: &str) -> PortResult<u64> {
    let counted = first(conn, "check the rows", sql).await?;
    Ok(counted.unwrap_or_default())
}
