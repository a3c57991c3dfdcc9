//! Where the program `mysqld` is.

use crate::LaunchError;
use planb_model::Text;
use std::env;
use std::path::{Path, PathBuf};

/// Environment variable that names the program.
const PROGRAM_ENV: &str = "PLANB_MYSQLD";
/// Where `cargo xtask services` puts it, below the build directory's parent.
const SERVICES_PATH: &str = "target/services/mysql/mysqld";
/// The same, seen from inside a build directory that is not called `target`.
const BUILD_PATH: &str = "services/mysql/mysqld";

/// Looks in [`PROGRAM_ENV`], then upwards from the current program and the
/// current directory. Not in `PATH`: `mysqld` is MariaDB's there, often.
pub(super) fn mysqld() -> Result<PathBuf, LaunchError> {
    if let Some(named) = env::var_os(PROGRAM_ENV) {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(missing(format!("{PROGRAM_ENV}={}", named.display())))
        };
    }
    let places = [env::current_exe().ok(), env::current_dir().ok()];
    places
        .iter()
        .flatten()
        .find_map(|place| upwards(place))
        .ok_or_else(|| missing(format!("{PROGRAM_ENV}, {SERVICES_PATH}")))
}

/// A program in the server's folder, or in `bin` where the server is in `sbin`.
pub(super) fn beside(server: &Path, name: &str) -> Result<PathBuf, LaunchError> {
    let folder = server.parent().unwrap_or(server);
    let places = [folder.join(name), folder.join("../bin").join(name)];
    let found = places.iter().find(|path| path.is_file());
    found
        .cloned()
        .ok_or_else(|| missing(places[0].display().to_string()))
}

fn upwards(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .flat_map(|dir| [dir.join(SERVICES_PATH), dir.join(BUILD_PATH)])
        .find(|path| path.is_file())
}

fn missing(looked_for: String) -> LaunchError {
    LaunchError::Missing {
        server: super::SERVER,
        looked_for,
        hint: Box::new(Text::new(
            "get it with `cargo xtask services` (on Debian), or name the program mysqld \
             in PLANB_MYSQLD",
            "`cargo xtask services`로 받거나(Debian), mysqld 프로그램의 경로를 \
             PLANB_MYSQLD에 지정하세요",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_above_a_deep_directory() {
        let root = tempfile::tempdir().expect("temporary directory");
        let program = root.path().join(SERVICES_PATH);
        std::fs::create_dir_all(program.parent().expect("parent")).expect("directory");
        std::fs::write(&program, "").expect("file");
        let deep = root.path().join("target/debug/deps/test-1");
        assert_eq!(upwards(&deep), Some(program));
        assert_eq!(upwards(Path::new("/nonexistent/a/b")), None);
    }

    #[test]
    fn what_is_missing_says_how_to_get_it() {
        let error = missing("here".into());
        let hint = error.hint().expect("hint");
        assert!(hint.en.contains("cargo xtask services"), "{hint:?}");
        assert!(hint.ko.contains("cargo xtask services"), "{hint:?}");
    }
}
