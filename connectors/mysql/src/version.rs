//! Which server answers, and whether it is one PlanB knows.

use crate::client::first;
use crate::config::MysqlConfig;
use mysql_async::Conn;
use planb_model::Text;
use planb_ports::{ErrorKind, PortError, PortResult};

/// The oldest servers with everything PlanB uses.
const MARIADB_MIN: (u32, u32) = (10, 5);
const MYSQL_MIN: (u32, u32) = (8, 0);

/// What a server says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub text: String,
    is_mariadb: bool,
    number: (u32, u32),
}

impl Version {
    /// Takes what `VERSION()` says.
    pub fn parse(text: &str) -> Self {
        let mut numbers = text
            .split(['.', '-'])
            .map(|n| n.parse::<u32>().unwrap_or(0));
        Self {
            number: (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
            is_mariadb: text.to_lowercase().contains("mariadb"),
            text: text.to_owned(),
        }
    }

    /// Whether it is of the configured engine, and new enough.
    pub fn fits(&self, config: &MysqlConfig) -> bool {
        let oldest = if config.is_mariadb() {
            MARIADB_MIN
        } else {
            MYSQL_MIN
        };
        self.is_mariadb == config.is_mariadb() && self.number >= oldest
    }

    /// What to do about one that does not fit.
    pub fn fix() -> Text {
        Text::new(
            "PlanB needs MySQL 8.0 or MariaDB 10.5, and the right one in the plan or URL",
            "MySQL 8.0 또는 MariaDB 10.5 이상이 필요하며, 계획 파일이나 URL의 엔진과 일치해야 합니다",
        )
    }
}

/// Asks the server.
pub(crate) async fn read(conn: &mut Conn) -> PortResult<Version> {
    let text: Option<String> = first(conn, "read the version", "SELECT VERSION()").await?;
    Ok(Version::parse(&text.unwrap_or_default()))
}

/// Refuses a server of another kind, and one that is too old: before rows are
/// read from it or anything in it is changed.
pub(crate) async fn expect(config: &MysqlConfig, conn: &mut Conn) -> PortResult<Version> {
    let version = read(conn).await?;
    if version.fits(config) {
        return Ok(version);
    }
    Err(unfit(config, &version))
}

/// The error of a server that does not know what every fitting one knows.
pub(crate) async fn explain(config: &MysqlConfig, conn: &mut Conn) -> PortError {
    match read(conn).await {
        Ok(version) => unfit(config, &version),
        Err(error) => error,
    }
}

fn unfit(config: &MysqlConfig, version: &Version) -> PortError {
    let fix = Version::fix();
    PortError::new(
        ErrorKind::Unsupported,
        "PB-MYSQL-VERSION",
        format!(
            "{} answers as {} {}, and {} was asked for",
            config.subject(),
            if version.is_mariadb {
                "MariaDB"
            } else {
                "MySQL"
            },
            version.text,
            config.engine
        ),
    )
    .hint(fix.en, fix.ko)
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::recovery::Engine;

    #[test]
    fn kind_and_age_are_told_from_what_the_server_says() {
        let fits = |engine, text| {
            let config = MysqlConfig::new(engine, "127.0.0.1", 1, "root");
            Version::parse(text).fits(&config)
        };
        assert!(fits(Engine::Mariadb, "10.11.6-MariaDB-0+deb12u1-log"));
        assert!(fits(Engine::Mariadb, "11.4.2-MariaDB"));
        assert!(!fits(Engine::Mariadb, "10.4.34-MariaDB"));
        assert!(!fits(Engine::Mariadb, "9.7.4"));
        assert!(fits(Engine::Mysql, "8.0.36-0ubuntu0.22.04.1"));
        assert!(fits(Engine::Mysql, "9.7.4"));
        assert!(!fits(Engine::Mysql, "5.7.44-log"));
        assert!(!fits(Engine::Mysql, "10.11.6-MariaDB"));
        assert!(!fits(Engine::Mysql, ""));
    }
}
