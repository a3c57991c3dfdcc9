//! Starting the program.

use super::{ManagedWorkload, quit};
use crate::command::{log_tail, open_log, prepare, program};
use crate::error::{ended_at_once, no_group, no_log, not_started};
use crate::place::Lock;
use crate::procfs;
use crate::record::{FILE, Leader, MARK, Run};
use nix::errno::Errno;
use planb_model::Epoch;
use planb_ports::PortResult;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a program is watched for ending at once: long enough for a bad
/// option or a taken port to show, short beside a recovery time. Whether it
/// serves is for the health check.
const WATCH_MS: u64 = 150;

impl ManagedWorkload {
    /// Starts the program under `epoch`. Nothing of an earlier run is left.
    pub(super) async fn launch(&self, lock: &Lock, epoch: Epoch) -> PortResult<()> {
        let mut run = Run::new(epoch, self.options.join_group)?;
        let mut command = prepare(&self.start, &self.subject, epoch)?;
        command
            .env(MARK, &run.id)
            .stdin(Stdio::null())
            .process_group(run.joined.unwrap_or(0));
        let mut log_from = 0;
        match &self.start.log {
            Some(path) => {
                let log = open_log(path)?;
                log_from = log.metadata().map_err(|e| no_log(path, e))?.len();
                command
                    .stderr(log.try_clone().map_err(|e| no_log(path, e))?)
                    .stdout(log);
            }
            None => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
        }
        // The intent: from here on the processes can be found by their mark.
        self.place.write(lock, FILE, &run)?;
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                self.place.remove(lock, FILE)?;
                return Err(
                    match (run.joined, error.raw_os_error().map(Errno::from_raw)) {
                        // A missing group and a forbidden program fail alike.
                        (Some(group), Some(Errno::EPERM | Errno::ESRCH)) => no_group(group, error),
                        _ => not_started(
                            program(&self.start),
                            self.start.directory.as_deref(),
                            error,
                        ),
                    },
                );
            }
        };
        let leader = i32::try_from(child.id()).ok().and_then(procfs::process);
        let exited = reap(child);
        // No await since the spawn: whoever gives up waiting leaves a whole record.
        run.leader = leader.map(Leader::from);
        self.place.write(lock, FILE, &run)?;
        match tokio::time::timeout(Duration::from_millis(WATCH_MS), exited).await {
            Err(_) => Ok(()),
            Ok(status) => {
                let status =
                    status.map_or_else(|_| "an unknown status".to_owned(), |s| s.to_string());
                quit::end(&run, Duration::ZERO).await?;
                self.place.remove(lock, FILE)?;
                let log = self.start.log.as_deref();
                let tail = log.map(|path| log_tail(path, log_from)).unwrap_or_default();
                Err(ended_at_once(program(&self.start), &status, &tail))
            }
        }
    }
}

/// Waits for the child on a thread of its own, so that it never stays a zombie.
/// The thread does not keep PlanB from ending, and the child does not end with it.
fn reap(mut child: Child) -> oneshot::Receiver<ExitStatus> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || match child.wait() {
        // Nobody listens any more once the program was seen to stay.
        Ok(status) => drop(tell.send(status)),
        Err(error) => tracing::warn!(%error, "cannot ask how a workload ended"),
    });
    told
}
