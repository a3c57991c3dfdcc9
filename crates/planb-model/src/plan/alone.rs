//! Addresses given outside of a plan file, by the verbs that work without one.
//! They follow the rules of the plan file: no secret is ever inside a URL.

use super::scalar::{Bad, DatabaseUrl, database_url, duration, recipient, size, vault_url};
use super::{DatabaseAddress, VaultAddress};
use crate::{SecretRef, Text};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Why a text is not an address. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub hint: Text,
    /// A secret stood in the text.
    pub secret: bool,
}

impl From<Bad> for AddressError {
    fn from(bad: Bad) -> Self {
        Self {
            message: bad.message,
            hint: bad.hint,
            secret: bad.secret,
        }
    }
}

/// Reads `mariadb://user@host:3306/orders?tls-ca=/path/ca.pem&databases=orders,audit`
/// or `sqlite:/srv/orders.db`.
///
/// # Errors
/// When it is no database, names no schema, or holds a secret.
pub fn database_address(
    text: &str,
    password: Option<SecretRef>,
) -> Result<DatabaseAddress, AddressError> {
    let (url, query) = match text.split_once('?') {
        Some((url, query)) if !text.starts_with("sqlite:") => (url, query),
        _ => (text, ""),
    };
    // The whole text: a secret may stand in its query.
    if let Err(bad) = database_url(text)
        && bad.secret
    {
        return Err(bad.into());
    }
    let options = query_options(query)?;
    let address = match options.others.is_empty() {
        true => database_url(url)?,
        // What one engine alone has stands in its URL in a plan file, too.
        false if url.starts_with("postgres") || are_files(&options.others) => {
            let mut rest = url::form_urlencoded::Serializer::new(String::new());
            rest.extend_pairs(&options.others);
            database_url(&format!("{url}?{}", rest.finish()))?
        }
        false => return Err(unknown_option(&options.others[0].0)),
    };
    match address {
        DatabaseUrl::Sqlite(path) => Ok(DatabaseAddress::Sqlite { path }),
        DatabaseUrl::Server {
            engine,
            host,
            port,
            user,
            database,
            postgresql,
            files,
        } => {
            let mut databases = options.databases;
            if databases.is_empty() {
                databases.extend(database);
            }
            if databases.is_empty() {
                return Err(no_database());
            }
            Ok(DatabaseAddress::Server {
                engine,
                host,
                port,
                user,
                password,
                databases,
                tls_ca: options.tls_ca,
                postgresql,
                files,
            })
        }
    }
}

/// Reads the address of a vault; nothing is signed in it, and no signature checked.
///
/// # Errors
/// When it is no vault, a recipient is no `age` key, or a secret is in it.
pub fn vault_address(
    url: &str,
    options: BTreeMap<String, String>,
    secret_options: BTreeMap<String, SecretRef>,
    recipients: &[String],
    identity: Option<SecretRef>,
) -> Result<VaultAddress, AddressError> {
    Ok(VaultAddress {
        url: vault_url(url)?,
        options,
        secret_options,
        recipients: recipients
            .iter()
            .map(|text| recipient(text))
            .collect::<Result<_, _>>()?,
        identity,
        signing_key: None,
        trusted_signers: Vec::new(),
    })
}

/// Reads `90s`, `15m`, `30d`.
///
/// # Errors
/// When it is none.
pub fn duration_of(text: &str) -> Result<Duration, AddressError> {
    Ok(duration(text)?)
}

/// Reads `512KiB`, `1MiB`.
///
/// # Errors
/// When it is none.
pub fn size_of(text: &str) -> Result<u64, AddressError> {
    Ok(size(text)?)
}

#[derive(Default)]
struct QueryOptions {
    tls_ca: Option<PathBuf>,
    databases: Vec<String>,
    others: Vec<(String, String)>,
}

fn query_options(query: &str) -> Result<QueryOptions, AddressError> {
    let mut options = QueryOptions::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "tls-ca" if !value.is_empty() => options.tls_ca = Some(value.into_owned().into()),
            "databases" => options.databases.extend(
                value
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned),
            ),
            _ => options.others.push((name.into_owned(), value.into_owned())),
        }
    }
    Ok(options)
}

/// Whether options say which files of a server may be replaced.
fn are_files(options: &[(String, String)]) -> bool {
    let names = ["data-dir", "stop", "start"];
    options
        .iter()
        .all(|(name, _)| names.contains(&name.as_str()))
}

fn unknown_option(name: &str) -> AddressError {
    AddressError {
        message: Text::new(
            format!("the URL of a database has no option '{name}'"),
            format!("데이터베이스 URL에는 '{name}' 옵션이 없습니다"),
        ),
        hint: Text::new(
            "the options are `tls-ca=/path/ca.pem` and `databases=orders,audit`",
            "사용할 수 있는 옵션은 `tls-ca=/경로/ca.pem`, `databases=orders,audit`입니다",
        ),
        secret: false,
    }
}

fn no_database() -> AddressError {
    AddressError {
        message: Text::new(
            "the URL names no database",
            "URL에 데이터베이스 이름이 없습니다",
        ),
        hint: Text::new(
            "name it at the end: `mariadb://user@host:3306/orders`, or several by `?databases=orders,audit`",
            "끝에 이름을 적으세요: `mariadb://사용자@호스트:3306/orders`. 여러 개라면 `?databases=orders,audit`",
        ),
        secret: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_takes_its_options_from_the_query() {
        let read = database_address(
            "mariadb://u@h/a?tls-ca=/x/ca.pem&databases=a,%ED%95%9C",
            None,
        );
        let Ok(DatabaseAddress::Server {
            databases, tls_ca, ..
        }) = read
        else {
            panic!("{read:?}");
        };
        assert_eq!(databases, ["a", "한"]);
        assert_eq!(tls_ca, Some("/x/ca.pem".into()));
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_a_secret() {
        for text in [
            "mariadb://u:hunter2@h/a",
            "mariadb://u@h/a?password=hunter2",
            "mysql://u:hunter2@h",
        ] {
            let error = database_address(text, None).expect_err(text);
            assert!(error.secret && !format!("{error:?}").contains("hunter2"));
        }
        for text in [
            "mariadb://u@h",
            "mariadb://u@h/a?tls=1",
            "http://h/",
            "",
            "sqlite:",
        ] {
            let error = database_address(text, None).expect_err(text);
            assert!(!error.secret && !error.message.ko.is_empty(), "{text}");
        }
    }
}
