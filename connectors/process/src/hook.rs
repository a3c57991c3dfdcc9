//! Runs a command that must end: a hook of the plan, or its stop command.

use crate::command::{Subject, log_tail, open_log, prepare, program};
use crate::error::{hook_failed, hook_timed_out, no_log, not_started};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use planb_model::Epoch;
use planb_model::plan::CommandLine;
use planb_ports::PortResult;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Child;

/// Runs `line` and returns when it has ended with exit code 0, within the
/// shorter of its own timeout and `limit`. What it says on standard error goes
/// to its log, or else to `errors`, a file and no pipe: a service that a hook
/// leaves running must not lose its output when PlanB ends.
///
/// # Errors
/// `Timeout` when it did not end; its process group is killed then, and what it
/// has done is not known.
pub(crate) async fn run(
    line: &CommandLine,
    subject: &Subject,
    epoch: Epoch,
    limit: Duration,
    errors: &Path,
) -> PortResult<()> {
    let mut command = prepare(line, subject, epoch)?;
    let path = line.log.as_deref().unwrap_or(errors);
    let log = open_log(path)?;
    if line.log.is_none() {
        // Only the newest hook is of interest; its file must not grow for ever.
        log.set_len(0).map_err(|e| no_log(path, e))?;
        command.stdout(Stdio::null());
    } else {
        command.stdout(log.try_clone().map_err(|e| no_log(path, e))?);
    }
    let from = log.metadata().map_err(|e| no_log(path, e))?.len();
    command.stdin(Stdio::null()).stderr(log).process_group(0);
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .map_err(|e| not_started(program(line), line.directory.as_deref(), e))?;
    // Ends the group also when whoever waits for the hook stops waiting.
    let group = Group(child.id().and_then(|pid| i32::try_from(pid).ok()));
    let patience = line.timeout.min(limit);
    match tokio::time::timeout(patience, child.wait()).await {
        Ok(Ok(status)) => {
            group.forget();
            if status.success() {
                return Ok(());
            }
            Err(hook_failed(
                program(line),
                &status.to_string(),
                &log_tail(path, from),
            ))
        }
        Ok(Err(error)) => Err(hook_failed(program(line), &error.to_string(), "")),
        Err(_) => {
            drop(group);
            reap(child);
            let tail = log_tail(path, from);
            Err(hook_timed_out(program(line), patience.as_secs_f64(), &tail))
        }
    }
}

/// Kills a process group when it is dropped.
struct Group(Option<i32>);

impl Group {
    /// Lets the group live: its leader has ended in good order.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(group) = self.0 else { return };
        match killpg(Pid::from_raw(group), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => tracing::warn!(group, %error, "cannot kill the process group of a hook"),
        }
    }
}

/// Asks for the end of a killed child, so that no zombie stays.
fn reap(mut child: Child) {
    tokio::spawn(async move {
        if let Err(error) = child.wait().await {
            tracing::warn!(%error, "cannot ask how a hook ended");
        }
    });
}
