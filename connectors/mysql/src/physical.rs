//! Snapshots of the server's files, by the server's own tool.
//!
//! `mariadb-backup` copies the files while the server works and follows its
//! redo log; the copy becomes consistent when it is prepared. MySQL copies its
//! files itself (`clone`). It is the whole server, accounts included, and comes
//! back into a server of the same major version only.

mod alone;
mod backup;
mod choice;
mod clone;
mod folder;
mod program;
mod target;

pub(crate) use backup::take;
pub(crate) use choice::choose;
pub(crate) use target::{begin, check, end, is_no_server, load};

use async_trait::async_trait;
use planb_model::recovery::SnapshotManifest;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::path::PathBuf;
use std::sync::Arc;

/// Numbers of a version that must be the same at both sites.
const MAJOR_PARTS: usize = 2;

/// Kind of the part with the files: one `xbstream` of MariaDB's, one tar archive
/// of MySQL's.
pub(crate) use planb_model::recovery::PART_PHYSICAL as KIND_PHYSICAL;

/// A server whose files may be replaced, as PlanB reaches it on this machine.
#[derive(Debug, Clone)]
pub struct PhysicalTarget {
    /// Its data directory. Replaced as a whole; the one before stays beside it
    /// until the restore ends.
    pub data_dir: PathBuf,
    /// How it is stopped and started.
    pub control: Control,
}

/// How a server is stopped and started.
#[derive(Debug, Clone)]
pub enum Control {
    /// By programs.
    Commands {
        /// Program and arguments that stop it, and return when it is stopped. Must
        /// succeed when it is not running.
        stop: Vec<String>,
        /// Program and arguments that start it; it is then waited for.
        start: Vec<String>,
    },
    /// By whoever holds it.
    Held(Arc<dyn HeldServer>),
}

/// A server that is somebody's child, such as a drill's.
#[async_trait]
pub trait HeldServer: std::fmt::Debug + Send + Sync {
    /// Stops it. Succeeds when it does not run.
    async fn stop(&self) -> PortResult<()>;

    /// Starts it on what is in its data directory, and returns when it answers.
    async fn start(&self) -> PortResult<()>;
}

/// Whether a snapshot is one of files.
pub(crate) fn is(manifest: &SnapshotManifest) -> bool {
    manifest.parts.iter().any(|p| p.spec.kind == KIND_PHYSICAL)
}

/// `10.11` of `10.11.19-MariaDB-0+deb12u1-log`.
fn major(version: &str) -> &str {
    let end = version
        .match_indices('.')
        .nth(MAJOR_PARTS - 1)
        .map_or(version.len(), |(at, _)| at);
    &version[..end]
}

/// Whether the programs of version `here` open files of version `files`.
///
/// The same major version; of MySQL 8.0, which has no way back between two of its
/// releases, no older one ("Downgrading MySQL", MySQL 8.0 and 8.4 manuals).
fn opens(here: &str, files: &str) -> bool {
    let release = |version: &str| -> Option<u32> {
        let rest = version.strip_prefix("8.0.")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    major(here) == major(files) && release(here) >= release(files)
}

fn unsupported(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Unsupported, "PB-MYSQL-PHYSICAL", message).hint(
        "take logical snapshots (--logical): they need neither the server's files nor its version",
        "논리 스냅샷(--logical)을 사용하세요. 서버 파일이나 같은 버전이 필요하지 않습니다",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_first_two_numbers() {
        assert_eq!(major("10.11.19-MariaDB-0+deb12u1-log"), "10.11");
        assert_eq!(major("10.11.8-MariaDB"), major("10.11.19-MariaDB-log"));
        assert_ne!(major("10.6.8-MariaDB"), major("10.11.19-MariaDB-log"));
        assert_eq!(major("11"), "11");
    }

    #[test]
    fn files_are_not_given_to_a_server_that_cannot_open_them() {
        assert!(opens("9.7.4", "9.7.1") && opens("8.4.0", "8.4.6"));
        assert!(opens("8.0.40", "8.0.36-0ubuntu0.22.04.1"));
        assert!(!opens("8.0.35-0ubuntu0.22.04.1", "8.0.36"));
        assert!(!opens("8.4.0", "8.0.36") && !opens("8.0.36", "8.4.0"));
        assert!(opens("10.11.8-MariaDB", "10.11.19-MariaDB-log"));
    }
}
