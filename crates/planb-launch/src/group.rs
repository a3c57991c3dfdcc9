//! A server in a process group of its own, whose output goes to a file, and
//! which is gone when its handle is dropped.

use crate::LaunchError;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to end in good order before it is killed.
pub const STOP_WAIT_MS_MAX: u64 = 10_000;
/// What `nice` calls the lowest priority.
const LOWEST_PRIORITY: &str = "19";
/// Pause between two looks at a process.
const POLL_PAUSE_MS: u64 = 10;
/// How much of the end of a server's output an error shows.
const OUTPUT_TAIL_BYTES_MAX: u64 = 2_000;

/// A command that runs `path`; with `lowest`, by `nice`, which becomes it.
pub(crate) fn program(path: &Path, lowest: bool) -> Command {
    if !lowest {
        return Command::new(path);
    }
    let mut command = Command::new("nice");
    command.args(["-n", LOWEST_PRIORITY]).arg(path);
    command
}

/// A running server with all its children.
#[derive(Debug)]
pub struct ProcessGroup {
    server: &'static str,
    child: Child,
    group: Pid,
    log: PathBuf,
    status: Option<ExitStatus>,
    /// Others are in the group too: signals go to the leader alone.
    shared: bool,
}

impl ProcessGroup {
    /// Starts `command` as leader of a new process group, with no input and
    /// with both outputs appended to the file `log`.
    pub fn spawn(
        server: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<Self, LaunchError> {
        Self::spawn_in(server, command, log, None)
    }

    /// As [`ProcessGroup::spawn`], but as a member of the process group `join`,
    /// when there is one: then stopping and killing touch this process only.
    pub fn spawn_in(
        server: &'static str,
        command: &mut Command,
        log: &Path,
        join: Option<i32>,
    ) -> Result<Self, LaunchError> {
        let what = || format!("write {}", log.display());
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(LaunchError::io(what()))?;
        let err = out.try_clone().map_err(LaunchError::io(what()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(join.unwrap_or(0))
            .spawn()
            .map_err(|source| LaunchError::Spawn {
                program: PathBuf::from(command.get_program()),
                source,
            })?;
        let group = Pid::from_raw(child.id().cast_signed());
        Ok(Self {
            server,
            child,
            group,
            log: log.to_owned(),
            status: None,
            shared: join.is_some(),
        })
    }

    /// Process ID of the leader, which is also the ID of the group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the leader still runs.
    pub fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    /// Kills the whole group at once (SIGKILL), as a crash of the machine would.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait_until(Instant::now() + Duration::from_millis(STOP_WAIT_MS_MAX));
    }

    /// Asks the group to end (SIGTERM), waits, and kills what is left.
    pub fn stop(&mut self) {
        if self.is_running() {
            self.signal(Signal::SIGTERM);
            // One that is paused hears it then.
            self.resume();
            self.wait_until(Instant::now() + Duration::from_millis(STOP_WAIT_MS_MAX));
        }
        // Children may outlive their leader.
        self.kill();
    }

    /// Stops the whole group where it is (SIGSTOP): its connections stay open and
    /// say nothing more.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a paused group go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Waits until `ready` answers `true`, at most `longest`.
    pub async fn wait_ready<Answer: Future<Output = bool>>(
        &mut self,
        longest: Duration,
        mut ready: impl FnMut() -> Answer,
    ) -> Result<(), LaunchError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Err(LaunchError::Ended {
                    server: self.server,
                    status: status.to_string(),
                    output: self.output_tail(),
                });
            }
            if ready().await {
                return Ok(());
            }
            if started.elapsed() > longest {
                return Err(LaunchError::NotReady {
                    server: self.server,
                    waited: longest,
                    output: self.output_tail(),
                });
            }
            tokio::time::sleep(Duration::from_millis(POLL_PAUSE_MS)).await;
        }
    }

    /// The end of what it wrote, on one line.
    pub fn output_tail(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| {
            let bytes = file.metadata()?.len();
            let from = bytes.saturating_sub(OUTPUT_TAIL_BYTES_MAX);
            file.seek(SeekFrom::Start(from))?;
            file.take(OUTPUT_TAIL_BYTES_MAX).read_to_end(&mut text)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&text).trim().replace('\n', " | "),
            Err(error) => format!("(cannot read {}: {error})", self.log.display()),
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            // An error means that it is not our child any more, which cannot
            // happen while `self` holds it; the signals below still work.
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    fn signal(&self, signal: Signal) {
        let sent = if !self.shared {
            killpg(self.group, signal)
        } else if self.status.is_none() {
            kill(self.group, signal)
        } else {
            return; // Reaped: its process ID may be somebody else's by now.
        };
        // ESRCH: everybody in the group is gone, which is what was wanted.
        if let Err(error) = sent
            && error != nix::errno::Errno::ESRCH
        {
            tracing::warn!(server = self.server, %error, "cannot signal the process group");
        }
    }

    fn wait_until(&mut self, deadline: Instant) {
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(POLL_PAUSE_MS));
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_group_is_gone_with_its_children() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo child $!; wait"]);
        let group = ProcessGroup::spawn("sh", &mut command, &log).expect("starts");
        let deadline = Instant::now() + Duration::from_secs(10);
        let child = loop {
            let text = std::fs::read_to_string(&log).expect("log");
            if let Some(pid) = text.trim().strip_prefix("child ") {
                break pid.parse::<u32>().expect("pid");
            }
            assert!(Instant::now() < deadline, "no output: {text:?}");
            std::thread::yield_now();
        };
        let alive = || {
            std::fs::read_to_string(format!("/proc/{child}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        assert!(alive());
        drop(group);
        while alive() {
            assert!(Instant::now() < deadline, "the child survived");
            std::thread::yield_now();
        }
    }
}
