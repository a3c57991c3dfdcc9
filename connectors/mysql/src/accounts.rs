//! Users and roles: those that may use the protected databases, with the hashes
//! of their passwords and what they may do.
//!
//! They are read as the server itself would write them (`SHOW CREATE USER`,
//! `SHOW GRANTS`), so they go back into a server of the same kind only. The
//! tables of accounts have no consistent point: the part holds them as they were
//! when the snapshot began.

mod apply;
mod definers;
mod grant;
mod name;
mod part;
mod read;

pub(crate) use apply::apply;
pub(crate) use definers::missing as missing_definers;
pub(crate) use part::write;

use name::Name;
use planb_ports::{ErrorKind, PortError};
use serde::{Deserialize, Serialize};

/// One user or role, as statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Account {
    name: Name,
    /// `CREATE USER …` or `CREATE ROLE …`, without roles.
    create: String,
    /// `GRANT … ON …` and `REVOKE … ON …`, sorted: grants before revocations.
    grants: Vec<String>,
    /// Roles it is a member of; `true` where it may give them on.
    roles: Vec<(Name, bool)>,
    default_roles: Vec<Name>,
    /// Privileges elsewhere that are not carried.
    left_out: usize,
}

/// Adds what is missing to an error of a server that refuses to tell or to make
/// accounts.
fn privilege(error: PortError, what: &'static str, grant: &str) -> PortError {
    if !matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::Unauthenticated
    ) {
        return error;
    }
    PortError::new(
        ErrorKind::PermissionDenied,
        "PB-MYSQL-USERS-PRIVILEGE",
        format!("PlanB's account may not {what}"),
    )
    .hint(
        format!("{grant}, or leave users out"),
        format!("{grant} 문을 실행하거나 사용자를 제외하세요"),
    )
    .source(error)
}
