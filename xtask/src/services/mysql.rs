//! A MySQL server for tests, unpacked below target/services and installed
//! nowhere: Debian has MySQL in its unstable suite only, with libraries of its
//! own.
//!
//! `apt-get` with folders of its own resolves and checks the packages (signed
//! by Debian's archive keys), from the mirror this machine uses anyway. Where
//! that is not possible, there is no MySQL, and the tests of it say so.

use crate::sh;
use anyhow::{Context, Result, bail};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is unpacked, with everything it needs.
const PACKAGES: [&str; 2] = ["mysql-server-core", "mysql-client-core"];
/// The suite that has them.
const SUITE: &str = "sid";
/// Where Debian keeps the keys its suites are signed with.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Needed by scripts that are not used.
const LEFT_OUT: &str = "perl";
/// The programs tests start.
const PROGRAMS: [&str; 3] = ["sbin/mysqld", "bin/mysql", "bin/mysqlbinlog"];

/// The server.
pub fn program() -> PathBuf {
    folder().join("mysqld")
}

/// Unpacks it when it is not there. An error says why there is none.
pub fn ensure() -> Result<()> {
    if program().is_file() {
        return Ok(());
    }
    let folder = folder();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let packages = download(&folder.join("apt"))?;
    let root = folder.join("root");
    for package in packages {
        sh::capture(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
    }
    for program in PROGRAMS.iter().rev() {
        write_wrapper(&folder, program)?;
    }
    remove(&folder.join("apt"))
}

fn folder() -> PathBuf {
    sh::root().join("target/services/mysql")
}

/// Fetches the packages and what they need; where they are.
fn download(apt: &Path) -> Result<Vec<PathBuf>> {
    if !sh::has_program("apt-get") || !sh::has_program("dpkg-deb") {
        bail!("this is no Debian system");
    }
    let targets = sh::capture(Command::new("apt-get").arg("indextargets"))?;
    let Some(mirror) = mirror(&targets) else {
        bail!("apt knows no Debian mirror");
    };
    remove(apt)?;
    for part in ["state/lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(apt.join(part))?;
    }
    std::fs::write(apt.join("status"), "")?;
    let source = format!("deb [signed-by={KEYS}] {mirror} {SUITE} main\n");
    std::fs::write(apt.join("sources.list"), source)?;
    let configuration = apt.join("apt.conf");
    std::fs::write(&configuration, settings(apt))?;
    let get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", &configuration).arg("-qq");
        sh::show(command.args(arguments))
    };
    get(&["update"])?;
    let mut install = vec!["install", "--yes", "--download-only"];
    install.extend(PACKAGES);
    get(&install)?;
    let archives = sh::files_below(&apt.join("cache/archives"), ".deb")?;
    let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned());
    Ok(archives
        .into_iter()
        .filter(|path| name(path).is_some_and(|n| !n.contains(LEFT_OUT)))
        .collect())
}

/// Folders of our own, and no package installed yet. A mirror may hold an old
/// state of the suite: what is signed is right for tests, however old it is.
fn settings(apt: &Path) -> String {
    let apt = apt.display();
    format!(
        "Dir::State \"{apt}/state\";\n\
         Dir::State::status \"{apt}/status\";\n\
         Dir::Cache \"{apt}/cache\";\n\
         Dir::Etc::sourcelist \"{apt}/sources.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         APT::Install-Recommends \"false\";\n\
         APT::Sandbox::User \"\";\n\
         APT::Update::Post-Invoke-Success \"\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Check-Valid-Until \"false\";\n"
    )
}

/// The mirror of Debian itself in what `apt-get indextargets` says.
fn mirror(targets: &str) -> Option<&str> {
    targets.split("\n\n").find_map(|target| {
        let field = |name: &str| {
            target
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let is_debian = field("Origin") == Some("Debian") && field("Label") == Some("Debian");
        let is_suite = field("Component") == Some("main");
        field("Repo-URI").filter(|_| is_debian && is_suite)
    })
}

/// A program that runs the unpacked one with the unpacked libraries.
fn write_wrapper(folder: &Path, program: &str) -> Result<()> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let path = folder.join(name);
    let text = format!(
        "#!/bin/sh\n\
         usr=$(dirname \"$(readlink -f \"$0\")\")/root/usr\n\
         exec \"$usr\"/lib*/ld-linux-*.so.* --argv0 \"$usr/{program}\" \
         --library-path \"$(echo \"$usr\"/lib/*-linux-gnu)\" \"$usr/{program}\" \"$@\"\n"
    );
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot delete {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_debians_own_and_not_somebody_elses() {
        let of = |origin: &str, label: &str, uri: &str| {
            format!(
                "MetaKey: main/Packages\nOrigin: {origin}\nLabel: {label}\nComponent: main\n\
                 Repo-URI: {uri}\n"
            )
        };
        let targets = [
            of("Debian", "Debian-Security", "a"),
            of("other", "Debian", "b"),
            of("Debian", "Debian", "c"),
        ];
        let text = targets.join("\n");
        assert_eq!(mirror(&text), Some("c"));
        assert_eq!(mirror(&targets[..2].join("\n")), None);
    }
}
