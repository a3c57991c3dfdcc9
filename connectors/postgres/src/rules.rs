//! Row counts, and rules the server does not hold rows to at all times: foreign
//! keys, whose triggers a session may switch off (`session_replication_role`).
//! JSON is checked by its type, and text is UTF-8 in a database of UTF-8; in one
//! of SQL_ASCII nothing says what text is.

use crate::catalog;
use crate::client::{Client, ident};
use crate::digest::catch_up;
use crate::wire::{Row, Wire};
use planb_ports::{BrokenKey, ContentCheck, ContentRule, PortResult};
use std::collections::BTreeMap;

/// Row counts of all user tables, by name. On a copy, at its applied mark.
pub(crate) async fn row_counts(client: &Client) -> PortResult<Vec<(String, u64)>> {
    catch_up(client).await?;
    let mut wire = client.anywhere().await?;
    let mut counts = Vec::new();
    for database in catalog::databases(client, &mut wire).await? {
        let mut wire = client.connect(&database).await?;
        for table in catalog::tables(&mut wire, &database).await? {
            let sql = format!("SELECT count(*) FROM {}", table.quoted());
            counts.push((table.label(), count(&mut wire, &sql).await?));
        }
    }
    counts.sort();
    Ok(counts)
}

/// Counts the rows that break a rule, by table.
pub(crate) async fn check(client: &Client) -> PortResult<Vec<ContentCheck>> {
    catch_up(client).await?;
    let mut wire = client.anywhere().await?;
    let mut broken: BTreeMap<String, u64> = BTreeMap::new();
    for database in catalog::databases(client, &mut wire).await? {
        let mut wire = client.connect(&database).await?;
        for key in keys(&mut wire, &database).await? {
            *broken.entry(key.table).or_default() += count(&mut wire, &key.orphans).await?;
        }
    }
    let check = |(table, broken)| ContentCheck {
        rule: ContentRule::ForeignKey,
        table,
        broken,
    };
    Ok(broken.into_iter().map(check).collect())
}

/// Foreign keys with rows that lead nowhere: those that are not validated may
/// have some.
pub(crate) async fn broken_keys(client: &Client) -> PortResult<Vec<BrokenKey>> {
    catch_up(client).await?;
    let mut wire = client.anywhere().await?;
    let mut broken = Vec::new();
    for database in catalog::databases(client, &mut wire).await? {
        let mut wire = client.connect(&database).await?;
        for key in keys(&mut wire, &database).await? {
            if key.is_valid {
                continue;
            }
            let rows = count(&mut wire, &key.orphans).await?;
            if rows > 0 {
                let (table, key) = (key.table, key.name);
                broken.push(BrokenKey { table, key, rows });
            }
        }
    }
    broken.sort();
    Ok(broken)
}

/// A foreign key.
struct Key {
    table: String,
    name: String,
    /// Whether the server has looked at all rows.
    is_valid: bool,
    /// Counts the rows whose key is set and leads nowhere.
    orphans: String,
}

/// All foreign keys. One that is not validated may have rows that lead nowhere
/// since it was made; only more of them than usual speak against a point.
async fn keys(wire: &mut Wire, database: &str) -> PortResult<Vec<Key>> {
    let sql = "\
        SELECT cn.nspname, c.relname, pn.nspname, p.relname, \
               string_agg(format('c.%I IS NOT NULL', ca.attname), ' AND ' ORDER BY k.n), \
               string_agg(format('p.%I = c.%I', pa.attname, ca.attname), ' AND ' ORDER BY k.n), \
               f.conname, f.convalidated \
        FROM pg_constraint f \
        JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace \
        JOIN pg_class p ON p.oid = f.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace \
        CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(child, parent, n) \
        JOIN pg_attribute ca ON ca.attrelid = c.oid AND ca.attnum = k.child \
        JOIN pg_attribute pa ON pa.attrelid = p.oid AND pa.attnum = k.parent \
        WHERE f.contype = 'f' AND f.conparentid = 0 \
        AND c.relpersistence = 'p' AND p.relpersistence = 'p' \
        GROUP BY f.oid, f.conname, f.convalidated, cn.nspname, c.relname, pn.nspname, p.relname";
    let rows = wire.rows("list foreign keys", sql).await?;
    let query = |row: Row| {
        let mut fields = row.into_iter();
        let mut next = || fields.next().flatten();
        let (schema, name, parents, parent) = (next()?, next()?, next()?, next()?);
        let (set, same, key, valid) = (next()?, next()?, next()?, next()?);
        let sql = format!(
            "SELECT count(*) FROM {}.{} c WHERE {set} \
             AND NOT EXISTS (SELECT 1 FROM {}.{} p WHERE {same})",
            ident(&schema),
            ident(&name),
            ident(&parents),
            ident(&parent)
        );
        Some(Key {
            table: format!("{database}.{schema}.{name}"),
            name: key,
            is_valid: valid == "t",
            orphans: sql,
        })
    };
    Ok(rows.into_iter().filter_map(query).collect())
}

async fn count(wire: &mut Wire, sql: &str) -> PortResult<u64> {
    let counted = wire.first("count rows", sql).await?;
    Ok(counted
        .and_then(|text| text.parse().ok())
        .unwrap_or_default())
}
