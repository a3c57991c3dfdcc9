//! Where the programs of MariaDB are.

use crate::LaunchError;
use planb_model::Text;
use std::env;
use std::path::PathBuf;

/// Where servers are kept that are not in every user's `PATH`.
const MORE_DIRS: [&str; 4] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/libexec",
    "/usr/local/mysql/bin",
];

/// The two programs that are needed.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    /// The server.
    pub server: PathBuf,
    /// What makes a data directory.
    pub install: PathBuf,
}

/// Looks in `PATH` and in [`MORE_DIRS`].
pub(super) fn programs() -> Result<Programs, LaunchError> {
    let dirs = dirs();
    Ok(Programs {
        server: first(&dirs, &["mariadbd", "mysqld"])?,
        install: first(&dirs, &["mariadb-install-db", "mysql_install_db"])?,
    })
}

fn dirs() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(MORE_DIRS.iter().map(PathBuf::from))
        .collect()
}

fn first(dirs: &[PathBuf], names: &[&str]) -> Result<PathBuf, LaunchError> {
    names
        .iter()
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)))
        .find(|path| path.is_file())
        .ok_or_else(|| missing(names))
}

fn missing(names: &[&str]) -> LaunchError {
    LaunchError::Missing {
        server: super::SERVER,
        looked_for: names.join(", "),
        hint: Box::new(Text::new(
            "install it: `sudo apt-get install mariadb-server-core mariadb-client`",
            "다음 명령으로 설치하세요: `sudo apt-get install mariadb-server-core mariadb-client`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_how_to_install_it() {
        let error = first(&[PathBuf::from("/nonexistent")], &["mariadbd"]).expect_err("missing");
        let hint = error.hint().expect("hint");
        assert!(hint.en.contains("apt-get install mariadb-server-core"));
        assert!(hint.ko.contains("apt-get install mariadb-server-core"));
    }

    #[test]
    fn the_first_name_that_is_there_is_taken() {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::fs::write(dir.path().join("mysqld"), "").expect("file");
        let found = first(&[dir.path().to_owned()], &["mariadbd", "mysqld"]).expect("found");
        assert_eq!(found, dir.path().join("mysqld"));
    }
}
