//! Where the program `azurite-blob` is.

use crate::LaunchError;
use planb_model::Text;
use std::env;
use std::path::{Path, PathBuf};

/// Environment variable that names the program, for machines that keep it elsewhere.
const PROGRAM_ENV: &str = "PLANB_AZURITE";
/// Where `cargo xtask services` puts it, below the build directory's parent.
const SERVICES_PATH: &str = "target/services/node_modules/.bin/azurite-blob";
/// The same, seen from inside a build directory that is not called `target`.
const BUILD_PATH: &str = "services/node_modules/.bin/azurite-blob";

/// Looks in [`PROGRAM_ENV`], then upwards from the current program and the
/// current directory, then in `PATH`.
pub(super) fn azurite_blob() -> Result<PathBuf, LaunchError> {
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
        .or_else(in_path)
        .ok_or_else(|| missing(format!("{PROGRAM_ENV}, {SERVICES_PATH}, PATH")))
}

fn upwards(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .flat_map(|dir| [dir.join(SERVICES_PATH), dir.join(BUILD_PATH)])
        .find(|path| path.is_file())
}

fn in_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join("azurite-blob"))
        .find(|path| path.is_file())
}

fn missing(looked_for: String) -> LaunchError {
    LaunchError::Missing {
        server: super::SERVER,
        looked_for,
        hint: Box::new(Text::new(
            "install it with `cargo xtask services` (needs Node.js and npm), \
             or name the program azurite-blob in PLANB_AZURITE",
            "`cargo xtask services`로 설치하거나(Node.js와 npm 필요), \
             azurite-blob 프로그램의 경로를 PLANB_AZURITE에 지정하세요",
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
    fn what_is_missing_says_how_to_install_it() {
        let error = missing("here".into());
        let hint = error.hint().expect("hint");
        assert!(hint.en.contains("cargo xtask services"), "{hint:?}");
        assert!(hint.ko.contains("cargo xtask services"), "{hint:?}");
    }
}
