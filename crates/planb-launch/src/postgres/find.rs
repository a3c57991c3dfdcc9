//! Where the programs of PostgreSQL are.

use crate::LaunchError;
use planb_model::Text;
use std::env;
use std::path::{Path, PathBuf};

/// Where Debian keeps one folder for each major version.
const VERSIONS_DIR: &str = "/usr/lib/postgresql";

/// The folder with `postgres` and `initdb`: one of `PATH`, or the newest
/// version Debian has installed.
pub(crate) fn bin_dir() -> Result<PathBuf, LaunchError> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(versions(Path::new(VERSIONS_DIR)))
        .find_map(|dir| whole(&dir))
        .ok_or_else(missing)
}

/// The folder behind `dir`'s server, when all its programs are there: a link to
/// it may stand alone in a folder of links.
fn whole(dir: &Path) -> Option<PathBuf> {
    let server = dir.join("postgres").canonicalize().ok()?;
    let bin = server.parent()?;
    let all = ["initdb", "pg_ctl", "psql"]
        .iter()
        .all(|name| bin.join(name).is_file());
    all.then(|| bin.to_owned())
}

/// `<dir>/17/bin`, `<dir>/15/bin`: the newest first.
fn versions(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let bin = |number: u32| dir.join(number.to_string()).join("bin");
    numbers.into_iter().map(bin).collect()
}

fn missing() -> LaunchError {
    LaunchError::Missing {
        server: super::SERVER,
        looked_for: "postgres, initdb, pg_ctl, psql".into(),
        hint: Box::new(Text::new(
            "install it: `sudo apt-get install postgresql`",
            "다음 명령으로 설치하세요: `sudo apt-get install postgresql`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for name in ["9", "17", "15", "lib"] {
            std::fs::create_dir(dir.path().join(name)).expect("made");
        }
        let found = versions(dir.path());
        let wanted = ["17", "15", "9"].map(|n| dir.path().join(n).join("bin"));
        assert_eq!(found, wanted);
    }
}
