//! What `planb up` costs while nothing happens but protection.

use super::{Table, release_binary};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks per second of /proc/PID/stat; 100 on every Linux Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// What runs, and for how long.
#[derive(Debug, Args)]
pub struct Options {
    /// The plan; its databases must be reachable
    #[arg(long, value_name = "PLANB_YAML")]
    plan: PathBuf,
    /// Seconds before measuring, for the first snapshot
    #[arg(long, default_value_t = 10)]
    settle_secs: u64,
    /// Seconds of measuring
    #[arg(long, default_value_t = 30)]
    secs: u64,
}

/// Runs `planb up` and reads its memory and processor time from /proc.
pub fn measure(options: &Options) -> Result<Table> {
    let binary = release_binary()?;
    let child = Command::new(binary)
        .arg("up")
        .arg("--file")
        .arg(&options.plan)
        .args(["--listen", "127.0.0.1:0", "--state"])
        .arg(crate::sh::root().join("target/bench-idle-state"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start `planb up`")?;
    let mut guard = Guard(child);
    std::thread::sleep(Duration::from_secs(options.settle_secs));
    let before = usage(&mut guard.0)?;
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(options.secs));
    let after = usage(&mut guard.0)?;
    let core = (after.ticks - before.ticks) / TICKS_PER_SECOND / began.elapsed().as_secs_f64();
    Ok(Table {
        name: "idle".to_owned(),
        markdown: format!(
            "`planb up`, one service, protection on, {} s.\n\n\
             | figure | measured |\n|---|---:|\n\
             | resident memory, MiB | {:.1} |\n| highest resident memory, MiB | {:.1} |\n\
             | processor, % of a core | {:.2} |\n",
            options.secs,
            after.resident_kib / 1024.0,
            after.resident_kib_max / 1024.0,
            core * 100.0
        ),
    })
}

/// Ends the process when measuring ends, however it ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        if let Err(error) = ended {
            eprintln!("cannot end `planb up`: {error}");
        }
    }
}

struct Usage {
    ticks: f64,
    resident_kib: f64,
    resident_kib_max: f64,
}

fn usage(child: &mut Child) -> Result<Usage> {
    if let Some(status) = child.try_wait()? {
        bail!("`planb up` ended by itself ({status}); its messages are above");
    }
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let stat = std::fs::read_to_string(folder.join("stat"))?;
    let status = std::fs::read_to_string(folder.join("status"))?;
    Ok(Usage {
        ticks: ticks_of(&stat).context("cannot read /proc/PID/stat")?,
        resident_kib: kib_of(&status, "VmRSS:").context("no VmRSS in /proc/PID/status")?,
        resident_kib_max: kib_of(&status, "VmHWM:").context("no VmHWM in /proc/PID/status")?,
    })
}

/// User plus system time. The second field is a name in parentheses that may
/// hold spaces, so fields are counted after the last parenthesis.
fn ticks_of(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn kib_of(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(ticks_of(stat), Some(200.0));
        assert_eq!(
            kib_of("Name:\tx\nVmRSS:\t  2048 kB\n", "VmRSS:"),
            Some(2048.0)
        );
        assert_eq!(kib_of("", "VmRSS:"), None);
    }
}
