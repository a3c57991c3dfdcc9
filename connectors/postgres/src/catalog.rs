//! Which databases and tables are protected.

use crate::client::{Client, ident, literals};
use crate::config::Method;
use crate::own;
use crate::wire::Wire;
use planb_ports::PortResult;

/// A table with rows of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub database: String,
    pub schema: String,
    pub name: String,
    pub pages: u64,
    /// Columns that hold data, quoted; generated ones follow from the others.
    pub columns: Vec<String>,
}

impl Table {
    /// `database.schema.table`, as manifests call it.
    pub fn label(&self) -> String {
        format!("{}.{}.{}", self.database, self.schema, self.name)
    }

    /// Schema and name, quoted.
    pub fn quoted(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.name))
    }
}

/// Names of the protected databases: those of the plan, or all there are.
pub(crate) async fn databases(client: &Client, wire: &mut Wire) -> PortResult<Vec<String>> {
    let only = match client.config.method {
        Method::Logical => format!("AND datname IN ({})", literals(&client.config.databases)),
        Method::Physical => format!("AND NOT datistemplate AND datname <> '{}'", own::DATABASE),
    };
    let sql = format!("SELECT datname FROM pg_database WHERE datallowconn {only} ORDER BY datname");
    let rows = wire.rows("list databases", &sql).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| row.into_iter().next()?)
        .collect())
}

/// Ordinary tables of the database `wire` is connected to, the largest first:
/// also partitions, not what extensions made, not what vanishes with a session
/// or a crash.
pub(crate) async fn tables(wire: &mut Wire, database: &str) -> PortResult<Vec<Table>> {
    let sql = "\
        SELECT n.nspname, c.relname, \
               pg_relation_size(c.oid) / current_setting('block_size')::bigint, \
               (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY a.attnum) FROM pg_attribute a \
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                AND a.attgenerated = '') \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind = 'r' AND c.relpersistence = 'p' \
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast' \
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
            AND d.objid = c.oid AND d.deptype = 'e') \
        ORDER BY 3 DESC, 1, 2";
    let rows = wire.rows("list tables", sql).await?;
    let table = |row: crate::wire::Row| {
        let mut fields = row.into_iter();
        Some(Table {
            database: database.to_owned(),
            schema: fields.next()??,
            name: fields.next()??,
            pages: fields.next()??.parse().ok()?,
            columns: fields.next()?.into_iter().collect(),
        })
    };
    Ok(rows.into_iter().filter_map(table).collect())
}
