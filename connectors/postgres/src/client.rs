//! Connections: how they are made, and the state every one of them is in.

use crate::config::{Method, PostgresConfig};
use crate::error::{invalid, timed_out, unreachable};
use crate::own;
use crate::wire::{Address, Wire};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::path::PathBuf;
use std::time::Duration;

/// A small statement that takes longer is stuck.
pub(crate) const SMALL_STATEMENT_SECS_MAX: u64 = 20;
/// Oldest server whose `BASE_BACKUP` speaks as PlanB listens.
pub(crate) const VERSION_MIN: u32 = 15;
/// Databases that are there when no other one is.
const MAINTENANCE: [&str; 2] = ["postgres", "template1"];
/// Where Debian keeps one folder for each major version.
const VERSIONS_DIR: &str = "/usr/lib/postgresql";

/// State of a session: values as text that does not depend on the server's
/// settings, no deadline of the server's, and no waiting for locks that would
/// queue before the application's own statements.
const SESSION: [(&str, &str); 13] = [
    ("application_name", "planb"),
    ("client_encoding", "UTF8"),
    ("search_path", "pg_catalog"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("statement_timeout", "0"),
    ("lock_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_read_only", "off"),
    ("synchronous_commit", "local"),
];

/// A walsender's: it may be left alone while the vault is slow.
const REPLICATION: [(&str, &str); 4] = [
    // A walsender that cannot get rid of its bytes holds up the checkpoint that
    // gives the slot up; so one nobody reads from is cut off. It costs a reconnect.
    ("tcp_user_timeout", "30000"),
    ("application_name", "planb"),
    ("replication", "true"),
    ("wal_sender_timeout", "10min"),
];

/// Makes connections to one server.
#[derive(Debug)]
pub(crate) struct Client {
    pub config: PostgresConfig,
}

impl Client {
    pub fn new(config: PostgresConfig) -> Self {
        Self { config }
    }

    /// Refuses a configuration that makes no sense.
    pub fn validate(&self) -> PortResult<()> {
        let reserved =
            |name: &&String| [own::DATABASE, "template0", "template1"].contains(&name.as_str());
        if let Some(name) = self.config.databases.iter().find(reserved) {
            return Err(invalid(format!("the database {name} cannot be protected")));
        }
        if self.config.method == Method::Logical && self.config.databases.is_empty() {
            return Err(invalid("no database is named to be protected").hint(
                "name the application's databases in the plan",
                "계획 파일에 애플리케이션의 데이터베이스 이름을 지정하세요",
            ));
        }
        let slot = &self.config.slot;
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if slot.is_empty() || slot.len() > 63 || !slot.bytes().all(good) {
            return Err(invalid(format!("'{slot}' cannot name a replication slot")));
        }
        Ok(())
    }

    /// A new connection to `database`, in a known state.
    pub async fn connect(&self, database: &str) -> PortResult<Wire> {
        let mut parameters = SESSION.to_vec();
        parameters.push(("database", database));
        self.open(&parameters).await
    }

    /// A new connection that takes replication commands.
    pub async fn replication(&self) -> PortResult<Wire> {
        let wire = self.open(&REPLICATION).await?;
        require_version(wire.server_version())?;
        Ok(wire)
    }

    /// A connection to the database with PlanB's tables; `None` when there is none.
    pub async fn own(&self) -> PortResult<Option<Wire>> {
        match self.connect(own::DATABASE).await {
            Ok(wire) => Ok(Some(wire)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A connection to any database, for what concerns the whole server.
    pub async fn anywhere(&self) -> PortResult<Wire> {
        if let Some(wire) = self.own().await? {
            return Ok(wire);
        }
        let named = self.config.databases.iter().map(String::as_str);
        let mut last = None;
        for database in named.chain(MAINTENANCE) {
            match self.connect(database).await {
                Ok(wire) => return Ok(wire),
                Err(error) if error.kind() == ErrorKind::NotFound => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| unreachable(&self.config.subject())))
    }

    async fn open(&self, parameters: &[(&str, &str)]) -> PortResult<Wire> {
        self.validate()?;
        let config = &self.config;
        let address = Address {
            host: &config.host,
            port: config.port,
            tls_ca: config.tls_ca.as_deref(),
            user: &config.user,
            password: config.password.as_ref(),
            parameters,
        };
        let unreached = || unreachable(&config.subject());
        match tokio::time::timeout(config.connect_timeout, Wire::open(&address)).await {
            Ok(Err(error)) if error.code() == "PB-POSTGRES-DISCONNECTED" => {
                let below = std::error::Error::source(&error).map(ToString::to_string);
                Err(unreached().source(below.unwrap_or_default()))
            }
            Ok(opened) => opened,
            Err(_) => Err(unreached()),
        }
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

    /// One of PostgreSQL's own programs.
    pub fn program(&self, name: &str) -> PortResult<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let given = self.config.bin_dir.iter().cloned();
        let dirs = given
            .chain(std::env::split_paths(&path))
            .chain(debian_dirs());
        // Debian's `psql` in PATH is a wrapper that picks a version of its own.
        let is_program = |path: &PathBuf| path.is_file() && !is_wrapper(path);
        dirs.map(|dir| dir.join(name)).find(is_program).ok_or_else(|| {
            PortError::new(
                ErrorKind::NotFound,
                "PB-POSTGRES-PROGRAM",
                format!("cannot find PostgreSQL's program {name}"),
            )
            .hint(
                "install PostgreSQL on this machine, or give its folder as `bin-dir` in the database's URL",
                "이 시스템에 PostgreSQL을 설치하거나, 데이터베이스 URL의 `bin-dir`로 프로그램 폴더를 지정하세요",
            )
        })
    }
}

/// `/usr/lib/postgresql/<version>/bin`, the newest first.
fn debian_dirs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(VERSIONS_DIR).into_iter().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, dir)| dir).collect()
}

fn is_wrapper(path: &std::path::Path) -> bool {
    path.canonicalize()
        .is_ok_and(|real| real.ends_with("pg_wrapper"))
}

/// The major version in a server's version text.
pub(crate) fn major_version(text: &str) -> Option<u32> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn require_version(text: &str) -> PortResult<()> {
    if major_version(text).is_some_and(|version| version >= VERSION_MIN) {
        return Ok(());
    }
    Err(PortError::new(
        ErrorKind::Unsupported,
        "PB-POSTGRES-VERSION",
        format!("the server's version {text} is too old"),
    )
    .hint(
        "PostgreSQL 15 or later is needed",
        "PostgreSQL 15 이상이 필요합니다",
    ))
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

/// Quotes a name.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text as a string literal, whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        return format!(" E'{}'", quoted.replace('\\', "\\\\"));
    }
    format!("'{quoted}'")
}

/// Quotes texts as a list of string literals: `'a','b'`.
pub(crate) fn literals(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|t| literal(t)).collect();
    quoted.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_break_out_of_their_quotes() {
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal("a'b\\"), r" E'a''b\\'");
        assert_eq!(major_version("15.18 (Debian)"), Some(15));
        assert_eq!(major_version("17beta1"), Some(17));
        assert!(require_version("14.3").is_err() && require_version("").is_err());
    }

    #[test]
    fn planbs_own_database_cannot_be_protected() {
        let mut config = PostgresConfig::new("127.0.0.1", 1, "postgres");
        let code =
            |config: &PostgresConfig| Client::new(config.clone()).validate().map_err(|e| e.code());
        assert_eq!(code(&config), Ok(()));
        config.method = Method::Logical;
        assert_eq!(code(&config), Err("PB-POSTGRES-CONFIG"));
        config.databases = vec!["shop".into()];
        assert_eq!(code(&config), Ok(()));
        config.databases.push("planb".into());
        assert_eq!(code(&config), Err("PB-POSTGRES-CONFIG"));
        config.databases.clear();
        config.method = Method::Physical;
        config.slot = "planb-1; DROP".into();
        assert_eq!(code(&config), Err("PB-POSTGRES-CONFIG"));
    }
}
