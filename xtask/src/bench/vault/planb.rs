//! PlanB's verbs, as a user calls them.

use super::measure::{self, Used};
use super::server::Server;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Time a stream may take to its first snapshot.
const STREAM_READY_SECS_MAX: u64 = 600;

/// The program.
pub struct PlanB {
    binary: PathBuf,
}

impl PlanB {
    pub fn new(binary: PathBuf) -> Self {
        Self { binary }
    }

    fn command(&self, verb: &str, vault: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg(verb)
            .args(["--vault", &format!("file://{}", vault.display())])
            .args(arguments)
            .arg("--json");
        command
    }

    /// One snapshot.
    pub fn backup(&self, server: &Server, vault: &Path, more: &[&str]) -> Result<Used> {
        let url = server.url();
        let arguments = [&["--database", &url], more].concat();
        let mut command = self.command("backup", vault, &arguments);
        Ok(measure::run(&mut command, server.pid()?)?.0)
    }

    /// Everything that is in the vault, compared row by row.
    pub fn restore(&self, server: &Server, vault: &Path, more: &[&str]) -> Result<Used> {
        let url = server.url();
        let arguments = [&["--to", &url], more].concat();
        let mut command = self.command("restore", vault, &arguments);
        Ok(measure::run(&mut command, server.pid()?)?.0)
    }

    /// Ships the log until it is stopped. Returns when log is in the vault.
    pub fn stream(&self, server: &Server, vault: &Path) -> Result<Stream> {
        let mut command = self.command("stream", vault, &["--database", &server.url()]);
        let log = vault.with_extension("stream.log");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start `planb stream`")?;
        let mut stream = Stream { child, log };
        let began = Instant::now();
        while super::data::segments(vault)?.is_empty() {
            stream.check()?;
            if began.elapsed().as_secs() > STREAM_READY_SECS_MAX {
                bail!(
                    "`planb stream` put no log into the vault: {}",
                    stream.said()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(stream)
    }
}

/// A running `planb stream`, killed when dropped.
pub struct Stream {
    child: Child,
    log: PathBuf,
}

impl Stream {
    fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("`planb stream` ended ({status}): {}", self.said());
        }
        Ok(())
    }

    fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// Stops it in good order, everything shipped. Its highest memory.
    pub fn stop(mut self) -> Result<f64> {
        self.check()?;
        let pid = self.child.id();
        let peak = measure::peak_mib(pid).context("no VmHWM")?;
        super::peers::prepare(&format!("kill -TERM {pid}"))?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("`planb stream` ended badly ({status}): {}", self.said());
        }
        Ok(peak)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Err(error) = self.child.kill().and_then(|()| self.child.wait())
        {
            eprintln!("cannot end `planb stream`: {error}");
        }
    }
}
