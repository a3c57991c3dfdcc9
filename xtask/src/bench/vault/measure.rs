//! Wall time, processor time and memory of programs and servers, from /proc.

use anyhow::{Context, Result, bail};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks per second of /proc/PID/stat; 100 on every Linux Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
/// Pause between two looks at a process's highest memory.
const LOOK: Duration = Duration::from_millis(10);

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    pub wall_secs: f64,
    /// Of the program with all its children, and of the server; NaN when the
    /// server's process did not live through it.
    pub cpu_secs: f64,
    /// Highest resident memory of the program itself.
    pub peak_mib: f64,
}

/// Runs `command` to its end, and counts the server's processor time as well.
pub fn run(command: &mut Command, server: u32) -> Result<(Used, String)> {
    let line = format!("{command:?}");
    let line: String = line.chars().take(400).collect();
    eprintln!("$ {line}");
    let (ours, theirs) = (children_secs()?, process_secs(server)?);
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {line}"))?;
    let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let (status, peak_mib) = watch(&mut child)?;
    let wall_secs = began.elapsed().as_secs_f64();
    let (out, err) = (joined(out), joined(err));
    if !status.success() {
        let last: String = err.trim().chars().rev().take(600).collect();
        let last: String = last.chars().rev().collect();
        bail!("{line} failed ({status}): {}", last.replace('\n', " "));
    }
    let server_after = process_secs(server).unwrap_or(f64::NAN);
    let cpu_secs = children_secs()? - ours + server_after - theirs;
    let used = Used {
        wall_secs,
        cpu_secs,
        peak_mib,
    };
    Ok((used, out))
}

fn watch(child: &mut Child) -> Result<(std::process::ExitStatus, f64)> {
    let mut peak = 0.0_f64;
    loop {
        peak = peak.max(peak_mib(child.id()).unwrap_or(0.0));
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak));
        }
        std::thread::sleep(LOOK);
    }
}

type Reader = Option<std::thread::JoinHandle<String>>;

/// Reads in a thread of its own, so that a full pipe stops nobody.
fn reader(pipe: Option<impl std::io::Read + Send + 'static>) -> Reader {
    pipe.map(|mut pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read so far is shown when a pipe breaks.
            let read = pipe.read_to_end(&mut bytes);
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            if let Err(error) = read {
                text.push_str(&format!("(cannot read the rest: {error})"));
            }
            text
        })
    })
}

fn joined(reader: Reader) -> String {
    reader
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default()
}

/// Highest resident memory of a process so far.
pub fn peak_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

/// Makes the highest resident memory of a process what it has now (proc(5),
/// `clear_refs`).
pub fn forget_peak(pid: u32) -> Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("cannot reset VmHWM")
}

/// Processor time of a process, all its threads.
fn process_secs(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let [user, system, ..] = times(&stat).context("cannot read /proc/PID/stat")?;
    Ok((user + system) / TICKS_PER_SECOND)
}

/// Processor time of the children of this process that have ended, and of theirs.
fn children_secs() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let [_, _, user, system] = times(&stat).context("cannot read /proc/self/stat")?;
    Ok((user + system) / TICKS_PER_SECOND)
}

/// User and system time, and those of children that were waited for. The second
/// field is a name in parentheses that may hold spaces.
fn times(stat: &str) -> Option<[f64; 4]> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_after_the_last_parenthesis() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 7 8 0";
        assert_eq!(times(stat), Some([150.0, 50.0, 7.0, 8.0]));
    }

    #[test]
    fn a_program_is_measured_and_its_failure_is_an_error() {
        let server = std::process::id();
        let (used, out) = run(Command::new("echo").arg("hello"), server).unwrap();
        assert_eq!(out, "hello\n");
        assert!(used.wall_secs > 0.0);
        let failing = run(
            Command::new("sh").args(["-c", "echo why >&2; exit 3"]),
            server,
        );
        assert!(failing.unwrap_err().to_string().contains("why"));
    }
}
