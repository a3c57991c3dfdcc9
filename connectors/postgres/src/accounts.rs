//! Roles: those that own or may use something in the protected databases, with
//! the hashes of their passwords, memberships and settings, and who may do what
//! with the databases themselves. Privileges on tables and everything else in a
//! database are in its definitions, by `pg_dump`.
//!
//! For rows only: files hold all roles of the server anyway.

mod apply;
mod part;
mod read;

pub(crate) use apply::apply;
pub(crate) use part::write;

use crate::client::{ident, literal};
use planb_ports::{ErrorKind, PortError};
use serde::{Deserialize, Serialize};

/// A role, as statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Role {
    name: String,
    /// What stands behind `ALTER ROLE … WITH`: attributes and password hash.
    attributes: String,
    /// `ALTER ROLE … SET …`.
    settings: Vec<String>,
    /// `GRANT … TO …`: the roles it is a member of.
    memberships: Vec<String>,
}

/// A database's owner and privileges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Door {
    database: String,
    statements: Vec<String>,
}

impl Role {
    /// What makes it, but for memberships.
    fn make(&self) -> Vec<String> {
        let mut statements = vec![format!("CREATE ROLE {}", ident(&self.name))];
        statements.push(self.alter());
        statements.extend(self.settings.iter().cloned());
        statements
    }

    fn alter(&self) -> String {
        format!("ALTER ROLE {} WITH {}", ident(&self.name), self.attributes)
    }
}

/// What an account that may not read hashes, or make roles, is told.
fn privilege(error: PortError, what: &'static str) -> PortError {
    if error.kind() != ErrorKind::PermissionDenied {
        return error;
    }
    PortError::new(
        ErrorKind::PermissionDenied,
        "PB-POSTGRES-USERS-PRIVILEGE",
        format!("PlanB's account may not {what}"),
    )
    .hint(
        "reading password hashes takes a superuser or a member of pg_read_all_data, writing them a superuser: use one, or leave users out",
        "비밀번호 해시를 읽으려면 슈퍼유저 또는 pg_read_all_data 역할이, 쓰려면 슈퍼유저가 필요합니다. 해당 계정을 사용하거나 사용자를 제외하세요",
    )
    .source(error)
}

/// A setting of a role: values of list settings are lists of names already.
fn set(role: &str, database: Option<&str>, name: &str, value: &str) -> String {
    const LISTS: [&str; 6] = [
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ];
    let place = database.map_or(String::new(), |d| format!(" IN DATABASE {}", ident(d)));
    let value = match LISTS.contains(&name) {
        true => value.to_owned(),
        false => literal(value),
    };
    format!(
        "ALTER ROLE {}{place} SET {} TO {value}",
        ident(role),
        ident(name)
    )
}
