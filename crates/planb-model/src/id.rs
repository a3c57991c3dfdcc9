//! Identifiers. Each is checked when it is made, so holders need not check again.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name of a service, site or step, in bytes (a DNS label, RFC 1123).
pub const NAME_BYTES_MAX: usize = 63;

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no characters.
    #[error("a name cannot be empty")]
    Empty,
    /// The text has more than [`NAME_BYTES_MAX`] bytes.
    #[error("a name has at most {NAME_BYTES_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// The text has a character that a DNS label cannot have.
    #[error(
        "a name has lower-case letters, digits and '-', and starts and ends with a letter or digit: '{0}'"
    )]
    BadCharacter(String),
}

fn check_name(text: &str) -> Result<(), NameError> {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong(text.len()));
    }
    let ok =
        text.chars().all(|c| edge(c) || c == '-') && text.starts_with(edge) && text.ends_with(edge);
    if ok {
        Ok(())
    } else {
        Err(NameError::BadCharacter(text.to_owned()))
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and makes it a name.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check_name(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// A protected service, `metadata.name` of its plan.
    ServiceName
);
name_type!(
    /// A place where the service can run.
    SiteName
);
name_type!(
    /// A step of a runbook, unique in it.
    StepId
);
name_type!(
    /// One run of a runbook, unique in a store: `<time>-<random>`.
    ExecutionId
);

/// Counts who may act for a service. It only grows; every mutating effect
/// carries it and every target refuses an older one (safety rule 1).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch a service has when it is first registered.
    pub const FIRST: Epoch = Epoch(1);

    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "orders", "seoul-2", "0"] {
            assert!(SiteName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "서울", "a b", &"x".repeat(64)] {
            assert!(SiteName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_name_does_not_deserialize() {
        assert!(serde_json::from_str::<SiteName>("\"Bad Name\"").is_err());
    }
}
