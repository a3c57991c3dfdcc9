//! Makes a process out of a command line of the plan.

use crate::error::{no_directory, no_log, not_started};
use planb_model::plan::CommandLine;
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::PortResult;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Command;

/// Bytes of output shown in an error.
pub(crate) const TAIL_BYTES: u64 = 2 * 1024;

/// Who a command is run for.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub service: ServiceName,
    pub site: SiteName,
}

impl Subject {
    /// What to call the workload in messages.
    pub fn title(&self) -> String {
        format!("workload of {} at {}", self.service, self.site)
    }
}

/// The command with directory and environment; input and output are the
/// caller's to set. Relative programs count from the directory.
pub(crate) fn prepare(line: &CommandLine, subject: &Subject, epoch: Epoch) -> PortResult<Command> {
    let (program, arguments) = line
        .argv
        .split_first()
        .ok_or_else(|| not_started("", None, std::io::ErrorKind::NotFound.into()))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(&line.env)
        .env("PLANB_SERVICE", subject.service.as_str())
        .env("PLANB_SITE", subject.site.as_str())
        .env("PLANB_EPOCH", epoch.to_string());
    if let Some(directory) = &line.directory {
        // Told apart from a missing program, which fails in the same way.
        if !directory.is_dir() {
            return Err(no_directory(directory));
        }
        command.current_dir(directory);
    }
    Ok(command)
}

/// The program of a command line, for messages. Arguments are not shown.
pub(crate) fn program(line: &CommandLine) -> &str {
    line.argv.first().map_or("", String::as_str)
}

/// Opens the file output is added to.
pub(crate) fn open_log(path: &Path) -> PortResult<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|e| no_log(path, e))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|e| no_log(path, e))
}

/// The end of what was added to a log after `from`, on one line.
pub(crate) fn log_tail(path: &Path, from: u64) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    // An error about an error would only hide the first.
    read().map(|bytes| one_line(&bytes)).unwrap_or_default()
}

/// Output as one line without control characters.
pub(crate) fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<String> = text
        .lines()
        .map(|l| {
            l.chars()
                .filter(|c| !c.is_control())
                .collect::<String>()
                .trim()
                .to_owned()
        })
        .filter(|l| !l.is_empty())
        .collect();
    lines.join(" | ")
}
