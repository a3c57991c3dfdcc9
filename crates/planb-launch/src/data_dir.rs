//! The folders of a MySQL or MariaDB server below its own directory.

use crate::LaunchError;
use crate::template::Template;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Output;

/// Where a server keeps its data.
pub(crate) fn of(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// Not `/tmp`: a server that starts deletes the temporary tables it finds, also
/// those of others.
pub(crate) fn temporary(dir: &Path) -> PathBuf {
    dir.join("tmp")
}

/// The first argument: which settings count beside those of the command line.
pub(crate) fn defaults(file: Option<&Path>) -> String {
    match file {
        Some(file) => format!("--defaults-file={}", file.display()),
        None => "--no-defaults".to_owned(),
    }
}

/// The server refuses to run as root unless it is told so by name.
pub(crate) fn user_argument(dir: &Path) -> Result<Option<&'static str>, LaunchError> {
    let owner = std::fs::metadata(dir)
        .map_err(LaunchError::io(format!("read {}", dir.display())))?
        .uid();
    Ok((owner == 0).then_some("--user=root"))
}

/// Makes the data directory by the server's own `tool`, and gives it its name
/// only when it is whole. Does nothing when it is there.
pub(crate) async fn make(
    dir: &Path,
    tool: &'static str,
    command: impl FnOnce(&Path) -> Result<tokio::process::Command, LaunchError>,
) -> Result<(), LaunchError> {
    let data = of(dir);
    let create = |folder: &Path| {
        std::fs::create_dir_all(folder)
            .map_err(LaunchError::io(format!("create {}", folder.display())))
    };
    create(&temporary(dir))?;
    if data.is_dir() {
        return Ok(());
    }
    let unfinished = dir.join("data.new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)
            .map_err(LaunchError::io(format!("delete {}", unfinished.display())))?;
    }
    create(&unfinished)?;
    let mut command = command(&unfinished)?;
    let program = PathBuf::from(command.as_std().get_program());
    let template = Template::of(tool, &program)?;
    if !template.copy_to(&unfinished)? {
        command
            .env("TMPDIR", temporary(dir))
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let output = command
            .output()
            .await
            .map_err(|source| LaunchError::Spawn { program, source })?;
        if !output.status.success() {
            return Err(failed(tool, &output));
        }
        template.keep(&unfinished)?;
    }
    std::fs::rename(&unfinished, &data)
        .map_err(LaunchError::io(format!("create {}", data.display())))
}

fn failed(tool: &'static str, output: &Output) -> LaunchError {
    LaunchError::Ended {
        server: tool,
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    }
}
