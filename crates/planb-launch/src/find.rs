//! Where a program is that `cargo xtask services` installs below `target/services`.

use crate::LaunchError;
use planb_model::Text;
use std::env;
use std::path::{Path, PathBuf};

/// A program of `target/services`.
pub(crate) struct Wanted {
    /// The server, as messages name it.
    pub(crate) server: &'static str,
    /// Environment variable that names the program, for machines that keep it elsewhere.
    pub(crate) program_env: &'static str,
    /// Its place below the build directory's `services`.
    pub(crate) below_services: &'static str,
    /// Its name in `PATH`.
    pub(crate) name: &'static str,
    /// What else must be installed first.
    pub(crate) needs: &'static str,
}

impl Wanted {
    /// Looks in the variable, then upwards from the current program and the
    /// current directory, then in `PATH`.
    pub(crate) fn find(&self) -> Result<PathBuf, LaunchError> {
        let variable = self.program_env;
        if let Some(named) = env::var_os(variable) {
            let named = PathBuf::from(named);
            return if named.is_file() {
                Ok(named)
            } else {
                Err(self.missing(format!("{variable}={}", named.display())))
            };
        }
        let places = [env::current_exe().ok(), env::current_dir().ok()];
        places
            .iter()
            .flatten()
            .find_map(|place| self.upwards(place))
            .or_else(|| self.in_path())
            .ok_or_else(|| {
                let below = self.below_services;
                self.missing(format!("{variable}, target/services/{below}, PATH"))
            })
    }

    /// Seen from beside `target` as well as from inside a build directory that
    /// is not called so.
    fn upwards(&self, from: &Path) -> Option<PathBuf> {
        let here = Path::new("services").join(self.below_services);
        from.ancestors()
            .flat_map(|dir| [dir.join("target").join(&here), dir.join(&here)])
            .find(|path| path.is_file())
    }

    fn in_path(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        env::split_paths(&path)
            .map(|dir| dir.join(self.name))
            .find(|path| path.is_file())
    }

    fn missing(&self, looked_for: String) -> LaunchError {
        let (needs, name, variable) = (self.needs, self.name, self.program_env);
        LaunchError::Missing {
            server: self.server,
            looked_for,
            hint: Box::new(Text::new(
                format!(
                    "install it with `cargo xtask services` (needs {needs}), \
                     or name the program {name} in {variable}"
                ),
                format!(
                    "`cargo xtask services`로 설치하거나({needs} 필요), \
                     {name} 프로그램의 경로를 {variable}에 지정하세요"
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted {
        server: "Something",
        program_env: "PLANB_SOMETHING",
        below_services: "node_modules/.bin/something",
        name: "something",
        needs: "Node.js",
    };

    #[test]
    fn the_program_is_found_above_a_deep_directory() {
        let root = tempfile::tempdir().expect("temporary directory");
        let program = root
            .path()
            .join("target/services")
            .join(WANTED.below_services);
        std::fs::create_dir_all(program.parent().expect("parent")).expect("directory");
        std::fs::write(&program, "").expect("file");
        let deep = root.path().join("target/debug/deps/test-1");
        assert_eq!(WANTED.upwards(&deep), Some(program));
        assert_eq!(WANTED.upwards(Path::new("/nonexistent/a/b")), None);
    }

    #[test]
    fn what_is_missing_says_how_to_install_it() {
        let error = WANTED.missing("here".into());
        let hint = error.hint().expect("hint");
        assert!(hint.en.contains("cargo xtask services"), "{hint:?}");
        assert!(hint.ko.contains("cargo xtask services"), "{hint:?}");
    }
}
