//! What PlanB knows of a restored copy, in a small file beside it.
//!
//! Not in the database: the pages of a copy must stay exactly those of its
//! source, or the source's log could not be applied to them any more. While
//! there is a sidecar the file is a copy; [`crate::restore::promote`] removes
//! it, and the file is a database of its own.

use crate::config::Paths;
use crate::error::{self, from_io};
use crate::fence::FenceRow;
use planb_model::ServiceName;
use planb_model::recovery::AppliedMark;
use planb_ports::{ErrorKind, PortError, PortResult};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of the file's content.
const FORMAT: u32 = 1;

/// How far a stamp lies before the moment it is put on, in seconds: more than
/// any file system's step of time.
const STAMP_SHIFT_SECS: u64 = 10;

/// A restored copy, or one in the making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sidecar {
    format: u32,
    /// How far it is.
    pub state: CopyState,
    /// Fence rows of *this* site: those the file had before the restore, and
    /// those set since. The rows inside a copy are its source's.
    pub fences: BTreeMap<ServiceName, FenceRow>,
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub enum CopyState {
    /// What was there before is being put aside or deleted.
    Clearing {
        /// Whether it is kept.
        keep: bool,
    },
    /// Parts are loaded into the incoming file.
    Restoring {
        /// The snapshot.
        snapshot: String,
    },
    /// Whole, as the mark says, as long as the file is the one of the stamp.
    Clean {
        /// How far.
        mark: AppliedMark,
        /// The file when the mark was set.
        stamp: Stamp,
        /// Bytes of a transaction beside it whose commit comes in a later segment.
        #[serde(default, skip_serializing_if = "is_zero")]
        pending_bytes: u64,
    },
    /// A segment is being applied; after a crash nobody knows how much of it.
    Applying {
        /// The snapshot.
        snapshot: String,
    },
    /// It is being made a database of its own.
    Promoting,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Tells whether somebody changed a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stamp {
    inode: u64,
    bytes: u64,
    changed_secs: i64,
    changed_nanos: i64,
}

impl Stamp {
    /// Sets back the time of change of the file at `path`, and takes its stamp.
    ///
    /// File systems count time in steps of milliseconds: a change in the same
    /// step as ours would otherwise leave the same time.
    pub fn put_on(path: &Path) -> PortResult<Self> {
        let set_back = std::fs::OpenOptions::new()
            .read(true)
            .open(path)
            .and_then(|file| {
                let changed = file.metadata()?.modified()?;
                file.set_modified(changed - Duration::from_secs(STAMP_SHIFT_SECS))?;
                file.sync_all()
            });
        set_back.map_err(|e| from_io(path, e))?;
        Self::of(path)
    }

    /// The file at `path` as it is now.
    fn of(path: &Path) -> PortResult<Self> {
        let facts = std::fs::metadata(path).map_err(|e| from_io(path, e))?;
        Ok(Self {
            inode: facts.ino(),
            bytes: facts.size(),
            changed_secs: facts.mtime(),
            changed_nanos: facts.mtime_nsec(),
        })
    }
}

impl Sidecar {
    /// A sidecar in `state`.
    pub fn new(state: CopyState, fences: BTreeMap<ServiceName, FenceRow>) -> Self {
        Self {
            format: FORMAT,
            state,
            fences,
        }
    }

    /// Reads the sidecar; `None` when the file is no copy.
    pub fn read(paths: &Paths) -> PortResult<Option<Self>> {
        let bytes = match std::fs::read(&paths.sidecar) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(from_io(&paths.sidecar, e)),
        };
        let sidecar: Self =
            serde_json::from_slice(&bytes).map_err(|e| unreadable(paths).source(e))?;
        if sidecar.format != FORMAT {
            return Err(unreadable(paths));
        }
        Ok(Some(sidecar))
    }

    /// Replaces the sidecar; durable on return.
    pub fn write(&self, paths: &Paths) -> PortResult<()> {
        let bytes = serde_json::to_vec(self).map_err(|e| unreadable(paths).source(e))?;
        let mut name = paths.sidecar.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&new, &paths.sidecar)
        });
        written.map_err(|e| from_io(&new, e))?;
        sync_directory(paths)
    }

    /// Whether nobody changed the copy since its clean mark was set.
    pub fn is_untouched(&self, paths: &Paths) -> bool {
        let CopyState::Clean { stamp, .. } = &self.state else {
            return false;
        };
        let no_log = std::fs::metadata(&paths.wal).map_or(true, |facts| facts.len() == 0);
        no_log && Stamp::of(&paths.database).is_ok_and(|now| now == *stamp)
    }
}

/// Makes renames and deletions in the database's directory durable.
pub fn sync_directory(paths: &Paths) -> PortResult<()> {
    let directory = paths.directory();
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(|e| from_io(directory, e))
}

/// Takes away or gives back the permission to write the file: a service that is
/// started too early must not write into a copy.
pub fn set_writable(path: &Path, writable: bool) -> PortResult<()> {
    let facts = std::fs::metadata(path).map_err(|e| from_io(path, e))?;
    let mode = facts.permissions().mode();
    let mode = if writable {
        mode | 0o200
    } else {
        mode & !0o222
    };
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|e| from_io(path, e))
}

fn unreadable(paths: &Paths) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-SQLITE-SIDECAR",
        format!("{} cannot be read", paths.sidecar.display()),
    )
    .hint(
        "move the database and this file away, and restore again",
        "데이터베이스와 이 파일을 다른 곳으로 옮긴 뒤 다시 복원하세요",
    )
}

/// The copy is not what the sidecar says.
pub fn touched(paths: &Paths) -> PortError {
    error::conflict(format!(
        "{} was changed by somebody else since it was restored",
        paths.database.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_right_after_the_stamp_is_seen() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("copy.db");
        for _ in 0..50 {
            std::fs::write(&path, "pages").expect("written");
            let stamp = Stamp::put_on(&path).expect("stamped");
            assert_eq!(Stamp::of(&path).expect("there"), stamp);
            std::fs::write(&path, "PAGES").expect("changed");
            assert_ne!(Stamp::of(&path).expect("there"), stamp);
        }
    }
}
