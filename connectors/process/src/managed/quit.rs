//! Ending a run, and seeing that it is over.

use crate::error::still_running;
use crate::procfs::{self, Process};
use crate::record::Run;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use planb_ports::PortResult;
use std::time::{Duration, Instant};

/// Longest wait after SIGKILL. The kernel needs a moment to free large memory;
/// what takes longer hangs on a device.
pub(super) const KILL_WAIT: Duration = Duration::from_secs(5);
/// Time between two looks at processes that are ending.
const POLL_MS: u64 = 10;

/// Ends all processes of `run`: SIGTERM, `grace`, SIGKILL. Returns when it was
/// seen that none is left.
///
/// # Errors
/// `Timeout` when some are left after SIGKILL.
pub(super) async fn end(run: &Run, grace: Duration) -> PortResult<()> {
    if grace > Duration::ZERO {
        signal(run, &run.members()?, Signal::SIGTERM);
        if wait_gone(run, grace).await? {
            return Ok(());
        }
    }
    let deadline = Instant::now() + KILL_WAIT;
    loop {
        let members = run.members()?;
        if members.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(still_running(
                &members.iter().map(|p| p.pid).collect::<Vec<_>>(),
            ));
        }
        // Again in every round: a process may have made another before it was killed.
        signal(run, &members, Signal::SIGKILL);
        settle(&members, deadline).await;
    }
}

/// Waits until no process of `run` is left, for at most `patience`; says
/// whether that is so.
pub(super) async fn wait_gone(run: &Run, patience: Duration) -> PortResult<bool> {
    let deadline = Instant::now() + patience;
    loop {
        let members = run.members()?;
        if members.is_empty() {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        settle(&members, deadline).await;
    }
}

/// Waits until `members` have ended, or `deadline`. Cheaper than looking at all
/// processes again and again.
async fn settle(members: &[Process], deadline: Instant) {
    let is_there = |p: &Process| {
        procfs::process(p.pid).is_some_and(|now| now.started == p.started && !now.ended)
    };
    while Instant::now() < deadline && members.iter().any(is_there) {
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}

/// Sends a signal to the run's own group at once, so that none of it can slip
/// away by forking, and to every other member by itself.
fn signal(run: &Run, members: &[Process], signal: Signal) {
    let group = run.leader.filter(|_| run.joined.is_none()).map(|l| l.pid);
    if let Some(group) = group
        && members.iter().any(|p| p.group == group)
    {
        log_failure(group, killpg(Pid::from_raw(group), signal));
    }
    for member in members.iter().filter(|p| Some(p.group) != group) {
        log_failure(member.pid, kill(Pid::from_raw(member.pid), signal));
    }
}

/// A process that is gone was what was wanted; what else fails shows when the
/// process is still there at the end.
fn log_failure(pid: i32, result: nix::Result<()>) {
    match result {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(pid, %error, "cannot send a signal to a workload"),
    }
}
