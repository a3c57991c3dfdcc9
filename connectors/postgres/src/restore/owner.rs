//! Who owns a data directory: files are given to that user, and programs run as it.

use crate::error::{self, invalid};
use nix::unistd::Uid;
use planb_ports::PortResult;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

/// Whom files are given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// User and group, when they are not PlanB's own.
    other: Option<(u32, u32)>,
}

impl Owner {
    /// The owner of `path`, or of the nearest folder above it that is there.
    pub fn of(path: &Path) -> PortResult<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self { other: None });
        }
        let there = path
            .ancestors()
            .find(|p| p.exists())
            .unwrap_or(Path::new("/"));
        let facts = fs::metadata(there).map_err(|e| error::file(there, e))?;
        if facts.uid() == 0 {
            return Err(invalid(format!("{} belongs to root", there.display())).hint(
                "PostgreSQL refuses root: give the folder to its user (`chown postgres:`), or run PlanB as that user",
                "PostgreSQL은 root로 실행되지 않습니다. 폴더 소유자를 바꾸거나(`chown postgres:`) PlanB를 그 사용자로 실행하세요",
            ));
        }
        Ok(Self {
            other: Some((facts.uid(), facts.gid())),
        })
    }

    /// Gives a file or folder to it.
    pub fn owns(self, path: &Path) -> std::io::Result<()> {
        match self.other {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// Has a program run as it.
    pub fn runs(self, command: &mut std::process::Command) {
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
    }
}
