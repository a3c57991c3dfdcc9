//! The small texts of a plan file that mean something: durations, sizes,
//! addresses, keys. Each is a type that is read once; its JSON Schema names it
//! by `format`, and [`check`] reads a text by that name, so that every bad
//! value of a file is found in one pass.

mod address;
mod age_key;
mod quantity;
mod signer;

pub(super) use address::{
    DatabaseUrl, database_url, host_and_port, http_url, origin_url, reachable, same_endpoint,
    vault_url,
};
pub(super) use age_key::recipient;
pub(super) use quantity::{duration, duration_text, size, size_text};
pub(super) use signer::signer;

use crate::{ServiceName, Text};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// Why a text is not what its field wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    pub message: Text,
    pub hint: Text,
    /// The text holds a secret: it is not shown and has a code of its own.
    pub secret: bool,
}

impl Bad {
    pub fn new(en: impl Into<String>, ko: impl Into<String>) -> Self {
        Self {
            message: Text::new(en, ko),
            hint: Text::new("", ""),
            secret: false,
        }
    }

    pub fn hint(mut self, en: impl Into<String>, ko: impl Into<String>) -> Self {
        self.hint = Text::new(en, ko);
        self
    }

    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message.en)
    }
}

/// Makes a type for the texts of one format: read by a function, named in the schema.
macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $format:literal, $example:literal, $read:expr, $write:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub(super) struct $name(pub $inner);

        impl TryFrom<String> for $name {
            type Error = Bad;
            fn try_from(text: String) -> Result<Self, Bad> {
                $read(&text).map($name)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                $write(&value.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $format.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "format": $format, "examples": [$example]})
            }
        }
    };
}

fn own(text: &str) -> String {
    text.to_owned()
}

fn name(text: &str) -> Result<String, Bad> {
    match ServiceName::new(text) {
        Ok(name) => Ok(name.into()),
        Err(_) => Err(Bad::new(
            format!("{} is not a name", shown(text)),
            format!("{} 값은 이름으로 쓸 수 없습니다", shown(text)),
        )
        .hint(
            "a name has 1 to 63 lower-case letters, digits and '-', such as `orders` or `seoul-2`",
            "이름은 영문 소문자, 숫자, '-'로 1~63자까지 쓸 수 있습니다. 예: `orders`, `seoul-2`",
        )),
    }
}

/// Name of an environment variable that holds a secret. What is not one may be
/// the secret itself, so it is never shown.
fn variable(text: &str) -> Result<String, Bad> {
    let first_ok = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if first_ok && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(text.to_owned());
    }
    Err(Bad::new(
        "not the name of an environment variable",
        "환경 변수 이름이 아닙니다",
    )
    .hint(
        "give the name of the variable, such as `DB_PASSWORD`, and put the secret into that variable",
        "`DB_PASSWORD`처럼 변수 이름만 적고, 비밀 값은 해당 환경 변수에 넣으세요",
    )
    .secret())
}

fn plain(text: &str) -> Result<String, Bad> {
    if text.trim().is_empty() {
        return Err(Bad::new("empty text", "빈 값입니다").hint(
            "give a value, or leave the field out",
            "값을 적거나 항목 자체를 지우세요",
        ));
    }
    if text.contains('\0') {
        return Err(
            Bad::new("a NUL character in a text", "NUL 문자가 들어 있습니다")
                .hint("take it out", "해당 문자를 제거하세요"),
        );
    }
    Ok(text.to_owned())
}

scalar!(/// A duration with units.
    DurationText, Duration, "planb-duration", "15m", duration, duration_text);
scalar!(/// A size in bytes with a unit.
    SizeText, u64, "planb-size", "1MiB", size, size_text);
scalar!(/// A DNS label.
    NameText, String, "planb-name", "orders", name, own);
scalar!(/// A text that is not empty.
    PlainText, String, "planb-text", "text", plain, own);
scalar!(/// Name of an environment variable.
    VariableText, String, "planb-variable", "DB_PASSWORD", variable, own);
scalar!(/// Address of a database.
    DatabaseUrlText, DatabaseUrl, "planb-database-url", "mariadb://planb@10.0.31.10:3306/orders", database_url, |url: &DatabaseUrl| url.to_string());
scalar!(/// An `http://` or `https://` URL.
    HttpUrlText, String, "planb-http-url", "http://10.0.11.10:8080/healthz", http_url, own);
scalar!(/// `http://host:port`, without a path.
    OriginText, String, "planb-origin", "http://10.0.11.10:8080", origin_url, own);
scalar!(/// `host:port`.
    ListenText, String, "planb-listen", "127.0.0.1:8080", host_and_port, own);
scalar!(/// An `http(s)://` URL or `tcp://host:port`.
    ReachableText, String, "planb-reachable", "tcp://1.1.1.1:443", reachable, own);
scalar!(/// Address of a vault.
    VaultUrlText, String, "planb-vault-url", "az://backups/planb", vault_url, own);
scalar!(/// An age public key.
    RecipientText, String, "planb-age-recipient", "age1…", recipient, own);
scalar!(/// An Ed25519 public key.
    SignerText, String, "planb-signer", "MCowBQYDK2VwAyEA…", signer, own);

/// Reads `text` as the schema's `format` says; texts of other formats are fine.
pub(super) fn check(format: &str, text: &str) -> Result<(), Bad> {
    match format {
        "planb-duration" => duration(text).map(drop),
        "planb-size" => size(text).map(drop),
        "planb-name" => name(text).map(drop),
        "planb-text" => plain(text).map(drop),
        "planb-variable" => variable(text).map(drop),
        "planb-database-url" => database_url(text).map(drop),
        "planb-http-url" => http_url(text).map(drop),
        "planb-origin" => origin_url(text).map(drop),
        "planb-listen" => host_and_port(text).map(drop),
        "planb-reachable" => reachable(text).map(drop),
        "planb-vault-url" => vault_url(text).map(drop),
        "planb-age-recipient" => recipient(text).map(drop),
        "planb-signer" => signer(text).map(drop),
        _ => Ok(()),
    }
}

/// A value in a message: quoted, short, on one line.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    let mut short: String = text
        .chars()
        .take(SHOWN_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() > SHOWN_CHARS_MAX {
        short.push('…');
    }
    format!("`{short}`")
}
