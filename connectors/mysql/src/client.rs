//! Connections: how they are made, and the state every one of them is in.

use crate::binlog::junction::{self, Origins};
use crate::config::MysqlConfig;
use crate::error::{cannot, innermost, timed_out, unreachable};
use crate::version;
use mysql_async::prelude::{AsQuery, FromRow, Queryable};
use mysql_async::{Conn, Error, Opts, OptsBuilder, Row, SslOpts};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest wait for locks others hold on tables or on the whole server. After
/// it the operation fails and is tried again, instead of queueing before the
/// application's own statements.
const LOCK_WAIT_SECS_MAX: u64 = 30;
/// A connection that only holds a lock while a long snapshot is read must not
/// be closed as idle.
const IDLE_SECS_MAX: u64 = 7 * 24 * 3600;
/// The server gives a stalled peer this long before it drops a stream.
const STALL_SECS_MAX: u64 = 600;
/// A small statement that takes longer is stuck.
pub(crate) const SMALL_STATEMENT_SECS_MAX: u64 = 20;

/// `ER_UNKNOWN_SYSTEM_VARIABLE`.
const UNKNOWN_VARIABLE: u16 = 1193;

/// Databases PlanB never protects: the servers' own and its own.
const RESERVED: [&str; 5] = [
    "mysql",
    "information_schema",
    "performance_schema",
    "sys",
    crate::own::SCHEMA,
];

/// Makes connections to one server.
#[derive(Debug)]
pub(crate) struct Client {
    pub config: MysqlConfig,
    opts: Opts,
    /// MariaDB: whose transactions the source's log had when it was read last.
    /// A replica that takes its place is held against it.
    origins: Mutex<Origins>,
    /// Whether it was said that the log goes over one connection.
    said_one_lane: AtomicBool,
}

impl Client {
    pub fn new(config: MysqlConfig) -> Self {
        let tls = config.tls_ca.clone().map(|ca| {
            SslOpts::default()
                .with_root_certs(vec![ca.into()])
                .with_disable_built_in_roots(true)
        });
        let opts = OptsBuilder::default()
            .ip_or_hostname(config.host.clone())
            .tcp_port(config.port)
            .user(Some(config.user.clone()))
            .pass(config.password.as_ref().map(|p| p.expose().to_owned()))
            .ssl_opts(tls)
            .prefer_socket(false)
            .stmt_cache_size(0)
            .into();
        Self {
            config,
            opts,
            origins: Mutex::default(),
            said_one_lane: AtomicBool::default(),
        }
    }

    /// Whose transactions the source's log is known to have.
    pub fn known_origins(&self) -> Origins {
        let origins = self.origins.lock();
        origins.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says once that several connections were of no use, and why.
    pub fn say_one_lane(&self, why: &PortError) {
        let (server, error) = (self.config.subject(), why.chain());
        if self.said_one_lane.swap(true, Ordering::Relaxed) {
            tracing::debug!(server, error, "applying the log over one connection");
        } else {
            tracing::warn!(server, error, "applying the log over one connection");
        }
    }

    /// Asks whose transactions the source's log has (MariaDB).
    pub async fn learn_origins(&self, conn: &mut Conn) -> PortResult<()> {
        let sql = "SELECT @@GLOBAL.gtid_binlog_state";
        let state: Option<String> = first(conn, "read the binlog's state", sql).await?;
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        *origins = junction::origins(state.as_deref().unwrap_or(""));
        Ok(())
    }

    /// Refuses a configuration that makes no sense.
    pub fn validate(&self) -> PortResult<()> {
        let invalid = |message: String| {
            Err(
                PortError::new(ErrorKind::Invalid, "PB-MYSQL-CONFIG", message).hint(
                    "name the application's databases in the plan",
                    "계획 파일에 애플리케이션의 데이터베이스 이름을 지정하세요",
                ),
            )
        };
        if self.config.databases.is_empty() {
            return invalid("no database is named to be protected".into());
        }
        let reserved = |name: &&String| RESERVED.iter().any(|r| name.eq_ignore_ascii_case(r));
        match self.config.databases.iter().find(reserved) {
            Some(name) => invalid(format!("the database {name} cannot be protected")),
            None => Ok(()),
        }
    }

    /// A new connection, in a known state: bytes are UTF-8, times are UTC, no
    /// value is changed on its way in.
    pub async fn connect(&self) -> PortResult<Conn> {
        self.validate()?;
        let limit = self.config.connect_timeout;
        let subject = self.config.subject();
        let failed = |error| match error {
            error @ Error::Io(_) => unreachable(&subject).source(innermost(error)),
            error => cannot(format!("log in to {subject}"))(error),
        };
        let connecting = async {
            let mut conn = Conn::new(self.opts.clone()).await.map_err(failed)?;
            match conn.query_drop(self.session()).await {
                Ok(()) => Ok(conn),
                // Every server that fits knows these variables.
                Err(Error::Server(error)) if error.code == UNKNOWN_VARIABLE => {
                    Err(version::explain(&self.config, &mut conn).await)
                }
                Err(error) => Err(failed(error)),
            }
        };
        let connected = tokio::time::timeout(limit, connecting).await;
        connected.unwrap_or_else(|_| Err(unreachable(&subject)))
    }

    /// Sets the state of a session; run again after a statement of the log
    /// changed it.
    pub fn session(&self) -> String {
        let engine = if self.config.is_mariadb() {
            "max_statement_time=0, check_constraint_checks=1, sql_if_exists=0"
        } else {
            "max_execution_time=0, information_schema_stats_expiry=0"
        };
        format!(
            "SET NAMES utf8mb4, sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', \
             time_zone='+00:00', foreign_key_checks=1, unique_checks=1, autocommit=1, \
             sql_auto_is_null=0, timestamp=DEFAULT, sql_quote_show_create=1, \
             lock_wait_timeout={LOCK_WAIT_SECS_MAX}, wait_timeout={IDLE_SECS_MAX}, \
             net_read_timeout={STALL_SECS_MAX}, net_write_timeout={STALL_SECS_MAX}, {engine}"
        )
    }

    /// Runs something small with a deadline: a server that accepts and does not
    /// answer must not hold up a failover.
    pub async fn small<T>(
        &self,
        what: &str,
        work: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        bounded(what, SMALL_STATEMENT_SECS_MAX, work).await
    }
}

/// Runs something with a deadline.
pub(crate) async fn bounded<T>(
    what: &str,
    seconds: u64,
    work: impl Future<Output = PortResult<T>>,
) -> PortResult<T> {
    match tokio::time::timeout(Duration::from_secs(seconds), work).await {
        Ok(done) => done,
        Err(_) => Err(timed_out(what, seconds)),
    }
}

/// Runs a statement without result.
pub(crate) async fn run(conn: &mut Conn, what: &str, sql: impl AsQuery) -> PortResult<()> {
    conn.query_drop(sql).await.map_err(cannot(what))
}

/// Runs a query whose few rows fit in memory.
pub(crate) async fn rows<T: FromRow>(
    conn: &mut Conn,
    what: &str,
    sql: impl AsQuery,
) -> PortResult<Vec<T>> {
    let rows: Vec<Row> = conn.query(sql).await.map_err(cannot(what))?;
    rows.into_iter().map(|row| typed(what, row)).collect()
}

/// The first row of a query, if it has one.
pub(crate) async fn first<T: FromRow>(
    conn: &mut Conn,
    what: &str,
    sql: impl AsQuery,
) -> PortResult<Option<T>> {
    let row: Option<Row> = conn.query_first(sql).await.map_err(cannot(what))?;
    row.map(|row| typed(what, row)).transpose()
}

/// The driver's own conversion panics when a server answers otherwise than expected.
fn typed<T: FromRow>(what: &str, row: Row) -> PortResult<T> {
    T::from_row_opt(row).map_err(|_| {
        PortError::new(
            ErrorKind::Internal,
            "PB-MYSQL-DRIVER",
            format!("cannot {what}: the server's answer has an unexpected form"),
        )
    })
}

/// Quotes a name.
pub(crate) fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Quotes a table's whole name.
pub(crate) fn table(database: &str, name: &str) -> String {
    format!("{}.{}", ident(database), ident(name))
}

/// Quotes a text as a string literal, for sessions as [`Client::session`] sets
/// them (backslash escapes on).
pub(crate) fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// Quotes texts as a list of string literals: `'a','b'`.
pub(crate) fn literals(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|t| literal(t)).collect();
    quoted.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::recovery::Engine;

    #[test]
    fn names_and_texts_cannot_break_out_of_their_quotes() {
        assert_eq!(ident("a`b"), "`a``b`");
        assert_eq!(literal("a'b\\"), r"'a\'b\\'");
    }

    #[test]
    fn the_servers_own_databases_cannot_be_protected() {
        let mut config = MysqlConfig::new(Engine::Mariadb, "127.0.0.1", 1, "root");
        let code =
            |config: &MysqlConfig| Client::new(config.clone()).validate().map_err(|e| e.code());
        assert_eq!(code(&config), Err("PB-MYSQL-CONFIG"));
        config.databases = vec!["shop".into(), "MySQL".into()];
        assert_eq!(code(&config), Err("PB-MYSQL-CONFIG"));
        config.databases.pop();
        assert_eq!(code(&config), Ok(()));
    }
}
