//! What is in the protected databases: tables, their columns, and how a
//! column's values are read and written without changing a bit.

use crate::client::{Client, ident, literal, literals, rows, table};
use crate::error::corrupt;
use mysql_async::Conn;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::BTreeMap;

/// What an entry of the catalogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A table with rows.
    Base,
    /// A view.
    View,
    /// A MariaDB sequence.
    Sequence,
}

/// A table, view or sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub database: String,
    pub name: String,
    pub kind: Kind,
    /// Storage engine, for base tables.
    pub engine: Option<String>,
    /// The server's estimate of the bytes of its rows.
    pub bytes: u64,
    /// The server's estimate of their number.
    pub rows: u64,
    pub columns: Vec<Column>,
    /// Columns of the primary key, by their place in `columns`.
    pub key: Vec<usize>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    /// `DATA_TYPE` of the information schema, in lower case.
    pub data_type: String,
    /// Computed by the server, so never written.
    pub generated: bool,
    /// Character set and collation, for text.
    pub collation: Option<(String, String)>,
}

impl Table {
    /// Its quoted name.
    pub fn quoted(&self) -> String {
        table(&self.database, &self.name)
    }

    /// Its name in digests and parts.
    pub fn label(&self) -> String {
        label(&self.database, &self.name)
    }

    /// The columns whose values are stored.
    pub fn stored(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| !c.generated)
    }

    /// The query that reads every row: values as text or as the column's own
    /// bytes, floating point numbers with all their digits.
    pub fn select(&self, mariadb: bool) -> String {
        let columns: Vec<String> = self.stored().map(|c| c.read(mariadb)).collect();
        format!("SELECT {} FROM {}", columns.join(","), self.quoted())
    }

    /// The statement that loads what [`Table::select`] read, from the file `file`.
    pub fn load(&self, mariadb: bool, file: &str) -> String {
        let mut fields = Vec::new();
        let mut sets = Vec::new();
        for (index, column) in self.stored().enumerate() {
            let name = ident(&column.name);
            match column.write(mariadb) {
                Write::Plain => fields.push(name),
                Write::Number => {
                    fields.push(format!("@v{index}"));
                    sets.push(format!("{name}=CAST(@v{index} AS UNSIGNED)"));
                }
                Write::Text => {
                    fields.push(format!("@v{index}"));
                    sets.push(format!("{name}=CONVERT(@v{index} USING utf8mb4)"));
                }
            }
        }
        let mut sql = format!(
            "LOAD DATA LOCAL INFILE {} INTO TABLE {} CHARACTER SET binary \
             FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({})",
            literal(file),
            self.quoted(),
            fields.join(",")
        );
        if !sets.is_empty() {
            sql.push_str(" SET ");
            sql.push_str(&sets.join(","));
        }
        sql
    }
}

impl Table {
    /// The statement that takes one row of what [`Table::select`] read, value by
    /// value. Like a load of a local file it goes on after a row that is refused.
    pub fn insert(&self, mariadb: bool) -> String {
        let fields: Vec<String> = self.stored().map(|c| ident(&c.name)).collect();
        let values: Vec<&str> = self
            .stored()
            .map(|column| match column.write(mariadb) {
                Write::Plain => "?",
                Write::Number => "CAST(? AS UNSIGNED)",
                Write::Text => "CONVERT(? USING utf8mb4)",
            })
            .collect();
        format!(
            "INSERT IGNORE INTO {} ({}) VALUES ({})",
            self.quoted(),
            fields.join(","),
            values.join(",")
        )
    }
}

/// How a value of a dump gets into its column.
enum Write {
    /// As its bytes.
    Plain,
    /// As a number: members of ENUM and SET by place, not by name.
    Number,
    /// As UTF-8 text, for types that refuse bytes.
    Text,
}

impl Column {
    fn read(&self, mariadb: bool) -> String {
        let name = ident(&self.name);
        match (self.data_type.as_str(), self.write(mariadb)) {
            // FLOAT alone is printed with six digits; as DOUBLE with all.
            ("float" | "double", _) => format!("{name}*1e0"),
            (_, Write::Number) => format!("CAST({name} AS UNSIGNED)"),
            _ => name,
        }
    }

    fn write(&self, mariadb: bool) -> Write {
        match self.data_type.as_str() {
            "enum" | "set" => Write::Number,
            "inet4" | "inet6" | "uuid" => Write::Text,
            "json" if !mariadb => Write::Text,
            _ => Write::Plain,
        }
    }
}

/// Name of a table in digests and parts: `shop.orders`, or quoted where dots
/// or backticks would make that ambiguous.
pub(crate) fn label(database: &str, name: &str) -> String {
    let plain = |text: &str| !text.contains(['.', '`']);
    if plain(database) && plain(name) {
        format!("{database}.{name}")
    } else {
        table(database, name)
    }
}

/// Reads [`label`] back.
pub(crate) fn parse_label(text: &str) -> PortResult<(String, String)> {
    let bad = || corrupt(format!("'{text}' is not the name of a table"));
    if !text.starts_with('`') {
        let (database, name) = text.split_once('.').ok_or_else(bad)?;
        return Ok((database.to_owned(), name.to_owned()));
    }
    let (database, rest) = unquote(text).ok_or_else(bad)?;
    let rest = rest.strip_prefix('.').ok_or_else(bad)?;
    match unquote(rest) {
        Some((name, "")) => Ok((database, name)),
        _ => Err(bad()),
    }
}

/// A quoted name at the start of `text`, and what follows it. A backtick in a
/// name is doubled.
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text.strip_prefix('`')?;
    loop {
        let (part, after) = rest.split_once('`')?;
        name.push_str(part);
        match after.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

/// Everything in the configured databases, by name.
pub(crate) async fn read(client: &Client, conn: &mut Conn) -> PortResult<Vec<Table>> {
    read_where(
        conn,
        &format!("TABLE_SCHEMA IN ({})", literals(&client.config.databases)),
    )
    .await
}

/// One table of the configured databases.
pub(crate) async fn read_one(client: &Client, conn: &mut Conn, name: &str) -> PortResult<Table> {
    let (database, name) = parse_label(name)?;
    if !client.config.databases.contains(&database) {
        return Err(corrupt(format!(
            "the table {database}.{name} is not of this service"
        )));
    }
    let filter = format!(
        "TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        literal(&database),
        literal(&name)
    );
    let mut found = read_where(conn, &filter).await?;
    match found.pop() {
        Some(table) if found.is_empty() => Ok(table),
        _ => Err(corrupt(format!("there is no table {database}.{name}"))),
    }
}

async fn read_where(conn: &mut Conn, filter: &str) -> PortResult<Vec<Table>> {
    type Entry = (
        String,
        String,
        String,
        Option<String>,
        Option<u64>,
        Option<u64>,
    );
    let entries: Vec<Entry> = rows(
        conn,
        "list the tables",
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, DATA_LENGTH, TABLE_ROWS \
             FROM information_schema.TABLES WHERE {filter}"
        ),
    )
    .await?;
    let mut columns = read_columns(conn, filter).await?;
    let mut keys = read_keys(conn, filter).await?;
    let mut tables = Vec::with_capacity(entries.len());
    for (database, name, kind, engine, bytes, rows) in entries {
        let id = (database.clone(), name.clone());
        let columns = columns.remove(&id).unwrap_or_default();
        let key = keys.remove(&id).unwrap_or_default();
        let place = |name: &String| {
            columns
                .iter()
                .position(|c| c.name.eq_ignore_ascii_case(name))
        };
        let key: Option<Vec<usize>> = key.iter().map(place).collect();
        tables.push(Table {
            kind: kind_of(&kind, &database, &name)?,
            database,
            name,
            engine,
            bytes: bytes.unwrap_or(0),
            rows: rows.unwrap_or(0),
            columns,
            key: key.unwrap_or_default(),
        });
    }
    tables.sort_by(|a, b| (&a.database, &a.name).cmp(&(&b.database, &b.name)));
    Ok(tables)
}

fn kind_of(kind: &str, database: &str, name: &str) -> PortResult<Kind> {
    match kind {
        "BASE TABLE" => Ok(Kind::Base),
        "VIEW" | "SYSTEM VIEW" => Ok(Kind::View),
        "SEQUENCE" => Ok(Kind::Sequence),
        other => Err(PortError::new(
            ErrorKind::Unsupported,
            "PB-MYSQL-TABLE-KIND",
            format!("{database}.{name} is a {}", other.to_lowercase()),
        )
        .hint(
            "PlanB cannot protect this kind of table yet; move it to a database of its own",
            "PlanB가 아직 보호할 수 없는 종류의 테이블입니다. 별도의 데이터베이스로 옮기세요",
        )),
    }
}

async fn read_columns(
    conn: &mut Conn,
    filter: &str,
) -> PortResult<BTreeMap<(String, String), Vec<Column>>> {
    type Text = Option<String>;
    type Entry = (String, String, String, String, Text, Text, Text);
    let entries: Vec<Entry> = rows(
        conn,
        "list the columns",
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, GENERATION_EXPRESSION, \
             CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS WHERE {filter} \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
        ),
    )
    .await?;
    let mut columns: BTreeMap<_, Vec<Column>> = BTreeMap::new();
    for (database, table, name, data_type, expression, charset, collation) in entries {
        columns.entry((database, table)).or_default().push(Column {
            name,
            data_type: data_type.to_lowercase(),
            generated: expression.is_some_and(|e| !e.is_empty()),
            collation: charset.zip(collation),
        });
    }
    Ok(columns)
}

/// Names of the columns of primary keys, in their order.
async fn read_keys(
    conn: &mut Conn,
    filter: &str,
) -> PortResult<BTreeMap<(String, String), Vec<String>>> {
    let entries: Vec<(String, String, String)> = rows(
        conn,
        "list the primary keys",
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS \
             WHERE INDEX_NAME = 'PRIMARY' AND {filter} \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"
        ),
    )
    .await?;
    let mut keys: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (database, table, column) in entries {
        keys.entry((database, table)).or_default().push(column);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_survive_dots_and_backticks() {
        let names = [
            ("shop", "orders"),
            ("shop", "a.b"),
            ("a`.`b", "c"),
            ("a", "`.`"),
            ("한글", "주문 내역"),
            ("a.b", "``"),
        ];
        for (database, name) in names {
            let parsed = parse_label(&label(database, name)).expect("parses");
            assert_eq!(parsed, (database.to_owned(), name.to_owned()));
        }
        assert_ne!(label("a.b", "c"), label("a", "b.c"));
        assert!(parse_label("orders").is_err());
    }

    #[test]
    fn values_are_read_exactly_and_generated_columns_are_not_written() {
        let column = |name: &str, data_type: &str, generated| Column {
            name: name.into(),
            data_type: data_type.into(),
            generated,
            collation: None,
        };
        let table = Table {
            database: "d".into(),
            name: "t".into(),
            kind: Kind::Base,
            engine: None,
            bytes: 0,
            rows: 0,
            key: vec![],
            columns: vec![
                column("f", "float", false),
                column("e", "enum", false),
                column("g", "int", true),
                column("j", "json", false),
            ],
        };
        assert_eq!(
            table.select(false),
            "SELECT `f`*1e0,CAST(`e` AS UNSIGNED),`j` FROM `d`.`t`"
        );
        assert!(table.load(false, "x").ends_with(
            "(`f`,@v1,@v2) SET `e`=CAST(@v1 AS UNSIGNED),`j`=CONVERT(@v2 USING utf8mb4)"
        ));
        assert!(
            table
                .load(true, "x")
                .ends_with("(`f`,@v1,`j`) SET `e`=CAST(@v1 AS UNSIGNED)")
        );
    }
}
