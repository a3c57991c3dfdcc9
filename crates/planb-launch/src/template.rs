//! New data directories, copied instead of made: MySQL needs five seconds to
//! make one, and a test suite starts many servers.

use crate::LaunchError;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Names a folder for templates. Without it every directory is made anew.
pub const TEMPLATES: &str = "PLANB_SERVER_TEMPLATES";

/// The server's own identity: two servers with one cannot replicate.
const IDENTITY: &str = "auto.cnf";

/// The directory one build of a server makes; kept from its first making on.
pub(crate) struct Template {
    /// `None` when no folder is named.
    path: Option<PathBuf>,
}

impl Template {
    /// What `tool` makes with `program` as it is on the disk now.
    pub(crate) fn of(tool: &str, program: &Path) -> Result<Self, LaunchError> {
        Self::below(std::env::var_os(TEMPLATES), tool, program)
    }

    fn below(folder: Option<OsString>, tool: &str, program: &Path) -> Result<Self, LaunchError> {
        let Some(folder) = folder else {
            return Ok(Self { path: None });
        };
        let facts = match std::fs::metadata(program) {
            Ok(facts) => facts,
            // Whoever starts it says so better.
            Err(_) => return Ok(Self { path: None }),
        };
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder)
            .map_err(LaunchError::io(format!("create {}", folder.display())))?;
        let name = format!(
            "{}-{}-{}-{}",
            tool.replace(' ', "-"),
            facts.ino(),
            facts.len(),
            facts.mtime()
        );
        Ok(Self {
            path: Some(folder.join(name)),
        })
    }

    /// Fills the empty directory `data`. `false` when there is no template yet.
    pub(crate) fn copy_to(&self, data: &Path) -> Result<bool, LaunchError> {
        match &self.path {
            Some(path) if path.is_dir() => copy(path, data)
                .map(|()| true)
                .map_err(LaunchError::io(format!("copy {}", path.display()))),
            _ => Ok(false),
        }
    }

    /// Keeps a copy of `data`, which no server has run on yet. Another process may do
    /// the same: the first whole one stays.
    pub(crate) fn keep(&self, data: &Path) -> Result<(), LaunchError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let io = |error| LaunchError::io(format!("keep {}", path.display()))(error);
        let folder = path.parent().unwrap_or(path);
        let unfinished = tempfile::tempdir_in(folder).map_err(io)?;
        let whole = unfinished.path().join("whole");
        std::fs::create_dir(&whole).map_err(io)?;
        copy(data, &whole).map_err(io)?;
        match std::fs::remove_file(whole.join(IDENTITY)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        match std::fs::rename(&whole, path) {
            Err(error) if !path.is_dir() => Err(io(error)),
            _ => Ok(()),
        }
    }
}

/// Copies what is in `from` into `to`, which is empty. Files and folders only.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            std::fs::create_dir(&there)?;
            std::fs::set_permissions(&there, entry.metadata()?.permissions())?;
            copy(&entry.path(), &there)?;
        } else {
            std::fs::copy(entry.path(), &there)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(folder: &Path) -> Template {
        let program = std::env::current_exe().expect("a program");
        Template::below(Some(folder.into()), "make it", &program).expect("a template")
    }

    #[test]
    fn the_first_one_is_kept_without_its_identity_and_copied() {
        let dir = tempfile::tempdir().expect("a directory");
        let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
        std::fs::create_dir_all(data.join("mysql")).expect("data");
        std::fs::create_dir(&copy).expect("a directory");
        std::fs::write(data.join("mysql/t"), "rows").expect("data");
        std::fs::write(data.join(IDENTITY), "me").expect("data");
        let template = template(&dir.path().join("templates"));
        assert!(!template.copy_to(&copy).expect("no template"));
        template.keep(&data).expect("kept");
        template.keep(&data).expect("kept again");
        assert!(template.copy_to(&copy).expect("copied"));
        let rows = std::fs::read_to_string(copy.join("mysql/t")).expect("rows");
        assert_eq!(rows, "rows");
        assert!(!copy.join(IDENTITY).exists());
        let left = std::fs::read_dir(dir.path().join("templates")).expect("a folder");
        assert_eq!(left.count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let program = std::env::current_exe().expect("a program");
        let template = Template::below(None, "t", &program).expect("a template");
        assert!(!template.copy_to(Path::new("/nowhere")).expect("nothing"));
        template.keep(Path::new("/nowhere")).expect("nothing");
    }
}
