//! Addresses: databases, HTTP servers, listeners, vaults. An address never
//! holds a secret; one that does is refused and not shown.

mod settings;

use super::{Bad, shown};
use crate::plan::{PostgresqlSettings, ReplaceableFiles};
use crate::recovery::Engine;
use std::fmt;
use std::path::PathBuf;
use url::Url;

/// The port MySQL and MariaDB listen on when an address names none.
const MYSQL_PORT: u16 = 3306;
/// The one PostgreSQL listens on.
const POSTGRESQL_PORT: u16 = 5432;
/// Schemes of vaults, after `object_store`.
const VAULT_SCHEMES: [&str; 6] = ["file", "az", "azure", "abfss", "s3", "gs"];

/// A database's URL, taken apart.
#[expect(
    clippy::large_enum_variant,
    reason = "there are two in a plan, and servers are the usual ones"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) enum DatabaseUrl {
    Sqlite(PathBuf),
    Server {
        engine: Engine,
        host: String,
        port: u16,
        user: String,
        database: Option<String>,
        postgresql: Option<PostgresqlSettings>,
        files: Option<ReplaceableFiles>,
    },
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            DatabaseUrl::Server {
                engine,
                host,
                port,
                user,
                database,
                ..
            } => {
                let database = database.as_deref().unwrap_or_default();
                write!(f, "{engine}://{user}@{host}:{port}/{database}")
            }
        }
    }
}

/// Reads `sqlite:/path/orders.db`, `mysql://user@host:3306/orders`, `mariadb://…`,
/// `postgresql://user@host:5432/orders?data-dir=/srv/postgresql`,
/// `mariadb://user@host/orders?data-dir=/var/lib/mysql&stop=…&start=…`.
pub(in crate::plan) fn database_url(text: &str) -> Result<DatabaseUrl, Bad> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(['?', '\0']) || path == ":memory:" {
            return Err(not_a_database(text));
        }
        return Ok(DatabaseUrl::Sqlite(path.into()));
    }
    let engine = match text.split_once("://").map(|(scheme, _)| scheme) {
        Some("mysql") => Engine::Mysql,
        Some("mariadb") => Engine::Mariadb,
        Some("postgresql" | "postgres") => Engine::Postgresql,
        _ => {
            return Err(no_secret_inside(text)
                .err()
                .unwrap_or_else(|| not_a_database(text)));
        }
    };
    no_secret_inside(text)?;
    let url = Url::parse(text).map_err(|_| not_a_database(text))?;
    let host = url.host_str().unwrap_or_default();
    let path = url.path().trim_start_matches('/');
    if host.is_empty() || url.username().is_empty() || path.contains('/') {
        return Err(not_a_database(text));
    }
    let (port, postgresql, files) = match engine {
        Engine::Postgresql => (POSTGRESQL_PORT, Some(settings::postgresql(&url)?), None),
        _ => (MYSQL_PORT, None, settings::files(&url)?),
    };
    Ok(DatabaseUrl::Server {
        engine,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(port),
        user: unescaped(url.username()).ok_or_else(|| not_a_database(text))?,
        database: match path {
            "" => None,
            path => Some(unescaped(path).ok_or_else(|| not_a_database(text))?),
        },
        postgresql,
        files,
    })
}

fn not_a_database(text: &str) -> Bad {
    Bad::new(
        format!("{} is not the URL of a database", shown(text)),
        format!("{} 값은 데이터베이스 URL이 아닙니다", shown(text)),
    )
    .hint(
        "write `mariadb://user@host:3306/orders`, `mysql://user@host:3306/orders`, `postgresql://user@host:5432/orders` or `sqlite:/srv/orders.db`",
        "`mariadb://사용자@호스트:3306/orders`, `mysql://사용자@호스트:3306/orders`, `postgresql://사용자@호스트:5432/orders`, `sqlite:/srv/orders.db` 중 하나의 형식으로 적으세요",
    )
}

/// Takes `%40` and the like out of a part of a URL.
fn unescaped(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&pair).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Refuses `scheme://user:password@host` and signatures in queries.
fn no_secret_inside(text: &str) -> Result<(), Bad> {
    let after = text.split_once("://").map_or(text, |(_, after)| after);
    let has_password = after.rsplit_once('@').is_some_and(|(user, _)| {
        // `host:8080/@name` has an '@' in its path and only a port before it.
        let (authority, path) = user.split_once('/').unwrap_or((user, ""));
        let (_, password) = authority.split_once(':').unwrap_or(("", ""));
        let is_port = user != authority && password.parse::<u16>().is_ok();
        (!password.is_empty() && !is_port) || (authority.is_empty() && path.contains(':'))
    });
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let has_signature = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .any(|(key, _)| key == "sig" || crate::plan::excerpt::is_secret_name(key));
    if !has_password && !has_signature {
        return Ok(());
    }
    Err(Bad::new("a secret inside a URL", "URL 안에 비밀 값이 들어 있습니다")
        .hint(
            "take it out of the URL and refer to it: `password: { env: NAME }` or `{ file: /path }` (for a vault: `secretOptions`); change it, too, because files get copied",
            "URL에서 비밀 값을 빼고 `password: { env: 이름 }` 또는 `{ file: /경로 }`로 참조하세요(볼트는 `secretOptions`). 파일은 복사되기 쉬우므로 해당 비밀 값도 변경하세요",
        )
        .secret())
}

/// Reads an `http://` or `https://` URL.
pub(in crate::plan) fn http_url(text: &str) -> Result<String, Bad> {
    no_secret_inside(text)?;
    match Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && text.contains("://")
                && url.username().is_empty()
                && url.has_host() =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Bad::new(
            format!("{} is not an HTTP URL", shown(text)),
            format!("{} 값은 HTTP URL이 아닙니다", shown(text)),
        )
        .hint(
            "write `http://host:port/path` or `https://…`",
            "`http://호스트:포트/경로` 또는 `https://…` 형식으로 적으세요",
        )),
    }
}

/// Reads `http://host:port` without a path.
pub(in crate::plan) fn origin_url(text: &str) -> Result<String, Bad> {
    http_url(text)?;
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    if rest.trim_end_matches('/').contains(['/', '?', '#']) {
        return Err(Bad::new(
            format!("{} has more than a host and a port", shown(text)),
            format!("{} 값에 호스트와 포트 외의 내용이 있습니다", shown(text)),
        )
        .hint(
            "write only `http://host:port`; requests bring their own paths",
            "`http://호스트:포트`까지만 적으세요. 경로는 요청에 따라 정해집니다",
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Reads `host:port`.
pub(in crate::plan) fn host_and_port(text: &str) -> Result<String, Bad> {
    let is_good = text.rsplit_once(':').is_some_and(|(host, port)| {
        let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host_ok = match literal {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .chars()
                        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
            }
        };
        host_ok && port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    if is_good {
        return Ok(text.to_owned());
    }
    Err(Bad::new(
        format!("{} is not `host:port`", shown(text)),
        format!("{} 값은 `호스트:포트` 형식이 아닙니다", shown(text)),
    )
    .hint(
        "write a host and a port of 0 to 65535, such as `127.0.0.1:8080` or `[::1]:8080`",
        "호스트와 0~65535 사이의 포트를 적으세요. 예: `127.0.0.1:8080`, `[::1]:8080`",
    ))
}

/// Reads an `http(s)://` URL or `tcp://host:port`.
pub(in crate::plan) fn reachable(text: &str) -> Result<String, Bad> {
    no_secret_inside(text)?;
    let good = match text.strip_prefix("tcp://") {
        Some(rest) => host_and_port(rest).is_ok(),
        None => http_url(text).is_ok(),
    };
    if good {
        return Ok(text.to_owned());
    }
    Err(Bad::new(
        format!("{} is not something that can be looked at", shown(text)),
        format!("{} 값은 확인할 수 있는 주소가 아닙니다", shown(text)),
    )
    .hint(
        "write `https://host/path` or `tcp://host:port`",
        "`https://호스트/경로` 또는 `tcp://호스트:포트` 형식으로 적으세요",
    ))
}

/// Reads the address of a vault.
pub(in crate::plan) fn vault_url(text: &str) -> Result<String, Bad> {
    no_secret_inside(text)?;
    let bad = || {
        Bad::new(
            format!("{} is not the URL of a vault", shown(text)),
            format!("{} 값은 볼트 URL이 아닙니다", shown(text)),
        )
        .hint(
            "write `file:///path`, `az://container/prefix`, `s3://bucket/prefix` or `gs://bucket/prefix`",
            "`file:///경로`, `az://컨테이너/접두사`, `s3://버킷/접두사`, `gs://버킷/접두사` 중 하나의 형식으로 적으세요",
        )
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
    let place_ok = if scheme == "file" {
        rest.starts_with('/') && rest.len() > 1
    } else {
        !rest.is_empty() && !rest.starts_with('/')
    };
    if !VAULT_SCHEMES.contains(&scheme)
        || !place_ok
        || text.contains(['?', '#'])
        || text.contains(char::is_whitespace)
    {
        return Err(bad());
    }
    Url::parse(text).map_err(|_| bad())?;
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether two URLs lead to the same host and port.
pub(in crate::plan) fn same_endpoint(a: &str, b: &str) -> bool {
    match (Url::parse(a), Url::parse(b)) {
        (Ok(a), Ok(b)) => {
            a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_urls_are_taken_apart() {
        for (text, expected) in [
            ("sqlite:/srv/a.db", "sqlite:/srv/a.db"),
            ("sqlite:///srv/a.db", "sqlite:/srv/a.db"),
            ("mysql://planb@db/orders", "mysql://planb@db:3306/orders"),
            (
                "mariadb://pl%40nb@10.0.0.1:3307",
                "mariadb://pl@nb@10.0.0.1:3307/",
            ),
            ("mariadb://planb@[::1]:3307/a", "mariadb://planb@::1:3307/a"),
            (
                "postgres://planb@db/orders?slot=a_1",
                "postgresql://planb@db:5432/orders",
            ),
        ] {
            assert_eq!(database_url(text).unwrap().to_string(), expected);
        }
        for bad in [
            "",
            "sqlite:",
            "oracle://u@h/d",
            "postgresql://u@h/d?data-dir=relative",
            "postgresql://u@h/d?slot=A",
            "postgresql://u@h/d?other=1",
            "mysql://u@h/d?slot=a",
            "mysql://h/d",
            "mysql://u@/d",
            "mysql://u@h/a/b",
            "mysql://u@h:99999/a",
        ] {
            assert!(database_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_only_postgresql_has_is_in_the_query() {
        let url = "postgresql://u@h/d?data-dir=/srv/pg%20data&bin-dir=/b&slot=s&method=logical";
        let DatabaseUrl::Server { postgresql, .. } = database_url(url).unwrap() else {
            panic!("a server");
        };
        let wanted = PostgresqlSettings {
            logical: true,
            data_dir: Some("/srv/pg data".into()),
            bin_dir: Some("/b".into()),
            slot: Some("s".into()),
        };
        assert_eq!(postgresql, Some(wanted));
    }

    #[test]
    fn files_that_may_be_replaced_come_with_the_commands_for_their_server() {
        let url = "mariadb://u@h/d?data-dir=/var/lib/mysql&stop=systemctl+stop+db&start=systemctl%20start%20db";
        let DatabaseUrl::Server { files, .. } = database_url(url).unwrap() else {
            panic!("a server");
        };
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let wanted = ReplaceableFiles {
            data_dir: "/var/lib/mysql".into(),
            stop: words("systemctl stop db"),
            start: words("systemctl start db"),
        };
        assert_eq!(files, Some(wanted));
        for bad in [
            "data-dir=/a",
            "data-dir=/a&stop=x",
            "data-dir=a&stop=x&start=y",
            "stop=x&start=y",
            "data-dir=/a&stop=x&start=+",
        ] {
            assert!(
                database_url(&format!("mysql://u@h/d?{bad}")).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn secrets_in_urls_are_refused_and_not_shown() {
        for text in [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h/d",
            "mysql://u:hun@ter2@h/d",
        ] {
            let bad = database_url(text).unwrap_err();
            assert!(bad.secret && !format!("{bad:?}").contains("ter2"), "{text}");
        }
        assert!(http_url("http://u:hunter2@h/").unwrap_err().secret);
        assert!(http_url("http://h:8080/@name").is_ok());
        assert!(database_url("mysql://u:hun/ter2@h/d").unwrap_err().secret);
        assert!(vault_url("az://c/p?sv=1&sig=hunter2").unwrap_err().secret);
    }

    #[test]
    fn other_addresses() {
        assert_eq!(origin_url("http://h:1/").unwrap(), "http://h:1");
        assert!(origin_url("http://h:1/x").is_err());
        assert!(http_url("ftp://h/").is_err() && http_url("http:h").is_err());
        assert!(host_and_port("[::1]:0").is_ok() && host_and_port("h:+1").is_err());
        assert!(reachable("tcp://h:1").is_ok() && reachable("udp://h:1").is_err());
        assert!(vault_url("file:///v").is_ok() && vault_url("file://v").is_err());
        assert!(vault_url("az://c/p/").unwrap() == "az://c/p" && vault_url("ftp://x").is_err());
    }
}
