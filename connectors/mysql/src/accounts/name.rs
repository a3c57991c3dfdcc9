//! Names of accounts.

use crate::client::ident;
use serde::{Deserialize, Serialize};

/// Accounts of the servers themselves, by their user part.
const RESERVED: [&str; 6] = [
    "root",
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
    "mariadb.sys",
    // A role everybody has (MariaDB): it cannot be made.
    "PUBLIC",
];

/// The name of a user or role. MariaDB's roles have no host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    pub user: String,
    pub host: String,
    /// A role of MariaDB.
    pub role: bool,
}

impl Name {
    pub fn new(user: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            host: host.into(),
            role: false,
        }
    }

    pub fn role(name: impl Into<String>) -> Self {
        Self {
            user: name.into(),
            host: String::new(),
            role: true,
        }
    }

    /// As statements want it.
    pub fn quoted(&self) -> String {
        match self.role {
            true => ident(&self.user),
            false => format!("{}@{}", ident(&self.user), ident(&self.host)),
        }
    }

    /// Whether it is the server's own, or PlanB's.
    pub fn is_reserved(&self, planb: &str) -> bool {
        RESERVED.contains(&self.user.as_str()) || (self.user == planb && !self.role)
    }

    /// `user@host`, as the information schema writes definers. A host has no `@`.
    pub fn of_definer(text: &str) -> Self {
        match text.rsplit_once('@') {
            Some((user, host)) if !host.is_empty() => Self::new(user, host),
            Some((role, _)) => Self::role(role),
            None => Self::role(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_quotes_and_their_own_are_known() {
        let odd = Name::new("a`b'c \"주문\"", "10.0.%");
        assert_eq!(odd.quoted(), "`a``b'c \"주문\"`@`10.0.%`");
        assert_eq!(Name::role("r").quoted(), "`r`");
        assert_eq!(Name::of_definer("a@b@%"), Name::new("a@b", "%"));
        assert_eq!(Name::of_definer("r@"), Name::role("r"));
        assert!(Name::new("root", "localhost").is_reserved("planb"));
        assert!(Name::new("planb", "10.%").is_reserved("planb"));
        assert!(!Name::new("app", "%").is_reserved("planb"));
    }
}
