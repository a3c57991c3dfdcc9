//! What must be known of the target's tables before rows are applied to them.

use crate::client::{Client, first, literal, literals, rows};
use crate::fold::Keys;
use crate::rowlog::statement::STATEMENT_BYTES;
use crate::rowlog::table::TableMap;
use mysql_async::Conn;
use planb_ports::PortResult;
use std::collections::{BTreeMap, BTreeSet};

/// Database and name of a table.
type Name = (Vec<u8>, Vec<u8>);

/// The tables of the protected databases.
#[derive(Debug, Default)]
pub(super) struct Tables {
    found: BTreeMap<Name, Found>,
    /// Whether this server applies row events so that folded ones lead to the
    /// same rows.
    folds: bool,
    /// What any foreign key joins, as [`folded_name`]s.
    joined: Vec<[(String, String); 2]>,
}

/// Tables that foreign keys join.
pub(super) struct Relatives(BTreeSet<(String, String)>);

impl Relatives {
    /// Whether the table is one of them.
    pub fn has(&self, (database, table): &Name) -> bool {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        self.0.contains(&folded_name(&text(database), &text(table)))
    }
}

#[derive(Debug, Default)]
struct Found {
    transactional: bool,
    /// `None`: its rows are applied as they were logged.
    keys: Option<Keys>,
}

/// A foreign key: child, parent, and whether it changes rows by itself.
type ForeignKey = (String, String, String, String, String, String);

impl Tables {
    /// Tables of which nothing is known but foreign keys between them.
    #[cfg(test)]
    pub fn with_keys(joined: Vec<[(String, String); 2]>) -> Self {
        Self {
            joined,
            ..Self::default()
        }
    }

    /// Whether a change of `tables` can be taken back. A table that is not
    /// there will be refused by the server itself.
    pub fn are_transactional(&self, tables: &BTreeSet<Name>) -> bool {
        let mut found = tables.iter().filter_map(|name| self.found.get(name));
        found.all(|table| table.transactional)
    }

    /// Whether anything may be folded at all.
    pub fn may_fold(&self) -> bool {
        self.folds
    }

    /// Whether the rows of all of `tables` may be folded.
    pub fn can_fold(&self, tables: &BTreeSet<Name>) -> bool {
        let mut found = tables.iter().map(|name| self.found.get(name));
        found.all(|table| table.is_some_and(|table| table.keys.is_some()))
    }

    /// The same, with rows known by the whole of them.
    pub fn without_primary_keys(mut self) -> Self {
        for keys in self.found.values_mut().filter_map(|t| t.keys.as_mut()) {
            keys.primary.clear();
        }
        self
    }

    /// `tables`, and what foreign keys join to them, by however many.
    pub fn with_relatives<'t>(&self, tables: impl Iterator<Item = &'t Name>) -> Relatives {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let mut all: BTreeSet<_> = tables
            .map(|(database, table)| folded_name(&text(database), &text(table)))
            .collect();
        loop {
            let before = all.len();
            for ends in &self.joined {
                if ends.iter().any(|end| all.contains(end)) {
                    all.extend(ends.iter().cloned());
                }
            }
            if all.len() == before {
                return Relatives(all);
            }
        }
    }

    /// What folding needs to know of a table of the log; `None` when its rows
    /// stay as they are.
    pub fn keys(&self, map: &TableMap) -> Option<Keys> {
        let name = (map.database.clone(), map.table.clone());
        self.found.get(&name)?.keys.clone()
    }
}

/// Asks the target.
pub(super) async fn read(client: &Client, conn: &mut Conn) -> PortResult<Tables> {
    let databases = literals(&client.config.databases);
    let mut tables = Tables {
        found: BTreeMap::new(),
        folds: folds(conn).await?,
        joined: Vec::new(),
    };
    type Entry = (String, String, String, Option<String>);
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA IN ({databases})"
    );
    let entries: Vec<Entry> = rows(conn, "list the tables", sql).await?;
    let foreign = foreign_keys(conn, &databases).await?;
    tables.joined = foreign.iter().map(ends).collect();
    let mut tied = tie(&foreign);
    for (database, table, kind, engine) in entries {
        let innodb = engine.is_some_and(|engine| engine.eq_ignore_ascii_case("InnoDB"));
        let base = kind == "BASE TABLE";
        let alone = !tied.remove(&folded_name(&database, &table));
        let found = Found {
            transactional: innodb || kind != "BASE TABLE",
            keys: (base && innodb && alone).then(|| Keys {
                only_primary: true,
                ..Keys::default()
            }),
        };
        tables.found.insert(name(&database, &table), found);
    }
    read_columns(conn, &databases, &mut tables).await?;
    Ok(tables)
}

/// Whether row events do what they say and no more: an error when a row is
/// missing, and no triggers.
async fn folds(conn: &mut Conn) -> PortResult<bool> {
    let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
               ('slave_exec_mode', 'replica_exec_mode', 'slave_run_triggers_for_rbr')";
    let set: Vec<(String, String)> = rows(conn, "read how row events are applied", sql).await?;
    Ok(set
        .iter()
        .all(|(_, value)| value.eq_ignore_ascii_case("STRICT") || value.eq_ignore_ascii_case("NO")))
}

async fn foreign_keys(conn: &mut Conn, databases: &str) -> PortResult<Vec<ForeignKey>> {
    let sql = format!(
        "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, \
         UPDATE_RULE, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA IN ({databases}) OR UNIQUE_CONSTRAINT_SCHEMA IN ({databases})"
    );
    rows(conn, "list the foreign keys", sql).await
}

/// The tables a foreign key joins.
fn ends(
    (child_database, child, parent_database, parent, ..): &ForeignKey,
) -> [(String, String); 2] {
    [
        folded_name(child_database, child),
        folded_name(parent_database, parent),
    ]
}

/// The tables that foreign keys with actions tie together, and those tied to
/// them by any foreign key. InnoDB changes rows of a child by itself then, and
/// does not log it: such a change is lost when the one before it is folded away.
fn tie(keys: &[ForeignKey]) -> BTreeSet<(String, String)> {
    let acts = |rule: &str| !matches!(rule, "RESTRICT" | "NO ACTION");
    let mut tied = BTreeSet::new();
    loop {
        let before = tied.len();
        for key in keys {
            let ends = ends(key);
            let (update, delete) = (&key.4, &key.5);
            if acts(update) || acts(delete) || ends.iter().any(|end| tied.contains(end)) {
                tied.extend(ends);
            }
        }
        if tied.len() == before {
            return tied;
        }
    }
}

/// Some servers keep names of tables in lower case, and not everywhere.
fn folded_name(database: &str, table: &str) -> (String, String) {
    (database.to_lowercase(), table.to_lowercase())
}

fn name(database: &str, table: &str) -> Name {
    (database.as_bytes().to_vec(), table.as_bytes().to_vec())
}

async fn read_columns(conn: &mut Conn, databases: &str, tables: &mut Tables) -> PortResult<()> {
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, EXTRA FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA IN ({databases}) ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
    );
    type Entry = (String, String, String, Option<String>);
    let entries: Vec<Entry> = rows(conn, "list the columns", sql).await?;
    let mut places = BTreeMap::new();
    for (database, table, column, extra) in entries {
        let Some(keys) = keys_of(tables, &database, &table) else {
            continue;
        };
        let numbered = extra.is_some_and(|e| e.to_lowercase().contains("auto_increment"));
        if numbered {
            keys.numbered.push(keys.columns);
        }
        places.insert((database, table, column), keys.columns);
        keys.columns += 1;
    }
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME \
         FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN ({databases}) AND NON_UNIQUE = 0"
    );
    let entries: Vec<Entry> = rows(conn, "list the unique keys", sql)
        .await?
        .into_iter()
        .collect();
    for (database, table, index, column) in entries {
        let place = column.and_then(|column| {
            let whole = (database.clone(), table.clone(), column);
            places.get(&whole).copied()
        });
        let Some(keys) = keys_of(tables, &database, &table) else {
            continue;
        };
        keys.only_primary &= index == "PRIMARY";
        match place {
            Some(place) => {
                keys.unique.push(place);
                if index == "PRIMARY" {
                    keys.primary.push(place);
                }
            }
            // A key over an expression: any column may be in it.
            None => keys.unique.extend(0..keys.columns),
        }
    }
    for keys in tables.found.values_mut().filter_map(|t| t.keys.as_mut()) {
        for places in [&mut keys.primary, &mut keys.unique] {
            places.sort_unstable();
            places.dedup();
        }
    }
    Ok(())
}

fn keys_of<'t>(tables: &'t mut Tables, database: &str, table: &str) -> Option<&'t mut Keys> {
    let found = tables.found.get_mut(&name(database, table))?;
    found.keys.as_mut()
}

/// Bytes of row events that fit into a statement of the target.
pub(super) async fn packet_bytes(conn: &mut Conn) -> PortResult<usize> {
    let sql = "SELECT @@max_allowed_packet";
    let bytes: Option<usize> = first(conn, "read max_allowed_packet", sql).await?;
    let text = bytes.unwrap_or(0).saturating_sub(STATEMENT_BYTES);
    Ok(text / 4 * 3)
}

/// The name of the column of a table at a place from 0. Not when it has another
/// number of columns: its definition is not the one of the log then.
pub(super) async fn column_name(
    conn: &mut Conn,
    (database, table): &Name,
    (place, columns): (usize, usize),
) -> PortResult<Option<String>> {
    let text = |name: &[u8]| literal(&String::from_utf8_lossy(name));
    let sql = format!(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} \
         AND TABLE_NAME = {} ORDER BY ORDINAL_POSITION",
        text(database),
        text(table),
    );
    let names: Vec<String> = rows(conn, "list a table's columns", sql).await?;
    let same = names.len() == columns;
    Ok(names.into_iter().nth(place).filter(|_| same))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_keys_with_actions_tie_all_they_reach() {
        let key = |child: &str, parent: &str, delete: &str| {
            let text = |t: &str| t.to_owned();
            let rules = (text("RESTRICT"), text(delete));
            let shop = || text("Shop");
            (shop(), text(child), shop(), text(parent), rules.0, rules.1)
        };
        let keys = [
            key("d", "c", "RESTRICT"),
            key("C", "b", "NO ACTION"),
            key("b", "a", "CASCADE"),
            key("y", "x", "RESTRICT"),
        ];
        let tied: Vec<String> = tie(&keys).into_iter().map(|(_, table)| table).collect();
        assert_eq!(tied, ["a", "b", "c", "d"]);
        assert!(tie(&keys[3..]).is_empty());
    }
}
