//! PlanB's verbs, as a user calls them.

use super::measure::{self, Used};
use super::server::Server;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Time a snapshot may take, to the vault or into a standby.
const READY_SECS_MAX: u64 = 600;

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
    pub fn stream(&self, server: &Server, vault: &Path, more: &[&str]) -> Result<Stream> {
        let url = server.url();
        let arguments = [&["--database", &url], more].concat();
        let command = self.command("stream", vault, &arguments);
        let mut stream = Stream(Running::start(command, vault.with_extension("stream"))?);
        stream.0.until("puts log into the vault", |_| {
            Ok(!super::data::segments(vault)?.is_empty())
        })?;
        Ok(stream)
    }

    /// Follows with `server`, which may be replaced. Returns when a snapshot is loaded.
    pub fn follow(&self, server: &Server, vault: &Path) -> Result<Follow> {
        let url = server.url();
        let arguments = ["--to", &url, "--replace", "--every", "100ms"];
        let command = self.command("follow", vault, &arguments);
        let mut follow = Follow(Running::start(command, vault.with_extension("follow"))?);
        follow.0.until("loads a snapshot", |running| {
            Ok(running.told()?.contains("\"loaded\""))
        })?;
        Ok(follow)
    }
}

fn ending(files: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}.{ending}", files.display()))
}

/// A verb that runs on, killed when dropped.
struct Running {
    child: Child,
    /// What it writes on stdout and stderr, behind this name.
    files: PathBuf,
}

impl Running {
    fn start(mut command: Command, files: PathBuf) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(ending(&files, "out"))?)
            .stderr(File::create(ending(&files, "log"))?)
            .spawn()
            .context("cannot start a verb of planb")?;
        Ok(Self { child, files })
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        while !done(self)? {
            self.check()?;
            if began.elapsed().as_secs() > READY_SECS_MAX {
                bail!("it never {what}: {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("a verb of planb ended ({status}): {}", self.said());
        }
        Ok(())
    }

    fn told(&self) -> Result<String> {
        Ok(std::fs::read_to_string(ending(&self.files, "out"))?)
    }

    fn said(&self) -> String {
        let text = std::fs::read_to_string(ending(&self.files, "log")).unwrap_or_default();
        text.lines().last().unwrap_or_default().to_owned()
    }

    fn signal(&mut self, name: &str) -> Result<()> {
        self.check()?;
        let pid = self.child.id();
        super::peers::prepare(&format!("kill -{name} {pid}")).map(drop)
    }

    /// Waits for its end, which must be a good one.
    fn ended(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("a verb of planb ended badly ({status}): {}", self.said());
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Err(error) = self.child.kill().and_then(|()| self.child.wait())
        {
            eprintln!("cannot end a verb of planb: {error}");
        }
    }
}

/// A running `planb stream`.
pub struct Stream(Running);

impl Stream {
    /// Counts its highest memory from here on.
    pub fn forget_peak(&self) -> Result<()> {
        measure::forget_peak(self.0.child.id())
    }

    /// An error when it has ended.
    pub fn must_run(&mut self) -> Result<()> {
        self.0.check()
    }

    /// Stops it in good order, everything shipped. Its highest memory.
    pub fn stop(mut self) -> Result<f64> {
        self.0.check()?;
        let peak = measure::peak_mib(self.0.child.id()).context("no VmHWM")?;
        self.0.signal("TERM")?;
        self.0.ended()?;
        Ok(peak)
    }
}

/// A running `planb follow`.
pub struct Follow(Running);

impl Follow {
    /// Every number of this name that it told.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        let mut numbers = Vec::new();
        let told = self.0.told()?;
        // It is running: the last line may be half written.
        let (whole, _) = told.rsplit_once('\n').unwrap_or_default();
        for line in whole.lines() {
            let event: serde_json::Value =
                serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
            numbers.extend(event[name].as_f64());
        }
        Ok(numbers)
    }

    /// Asks it to take over.
    pub fn ask_to_promote(&mut self) -> Result<()> {
        self.0.signal("USR1")
    }

    /// Waits until it has ended well.
    pub fn ended(mut self) -> Result<()> {
        self.0.ended()
    }
}
