//! What runs on this machine, read from `/proc`.

use std::fs::{self, File};
use std::io::{self, Read};

/// Most bytes of an environment that are read; Linux passes on 6 MiB at most.
const ENVIRON_BYTES_MAX: u64 = 8 << 20;

/// A process, as `/proc/<pid>/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub pid: i32,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// When it started, in clock ticks after boot. With the pid it names one
    /// process for as long as the machine is up.
    pub started: u64,
    /// It has ended and nobody has asked how: it does nothing any more.
    pub ended: bool,
}

/// Names the time from one boot to the next.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// A name nobody else has.
pub(crate) fn unique_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/uuid")?
        .trim()
        .to_owned())
}

/// The process `pid`; `None` when there is none.
pub(crate) fn process(pid: i32) -> Option<Process> {
    // The name of a process may be any bytes, so this is not read as UTF-8.
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&stat))
}

/// All processes. Those that end meanwhile are left out.
pub(crate) fn processes() -> io::Result<Vec<Process>> {
    let pids = fs::read_dir("/proc")?
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(process).collect())
}

/// Whether `mark` (`NAME=value`) is in the environment `pid` was started with.
pub(crate) fn has_mark(pid: i32, mark: &str) -> bool {
    let mut environ = Vec::new();
    let read = File::open(format!("/proc/{pid}/environ"))
        .and_then(|file| file.take(ENVIRON_BYTES_MAX).read_to_end(&mut environ));
    // Other users' processes do not read; they were not started by PlanB.
    read.is_ok()
        && environ
            .split(|byte| *byte == 0)
            .any(|pair| pair == mark.as_bytes())
}

/// Reads `pid (name) state ppid pgrp session … starttime …`; the name may hold
/// spaces and brackets.
fn parse_stat(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Field 3 of proc(5), the state, is the first after the name.
    let number = |field: usize| fields.get(field - 3)?.parse::<i32>().ok();
    Some(Process {
        pid: pid.parse().ok()?,
        parent: number(4)?,
        group: number(5)?,
        session: number(6)?,
        started: fields.get(22 - 3)?.parse().ok()?,
        ended: matches!(*fields.first()?, "Z" | "X" | "x"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_no_trap() {
        let stat = "42 (a) b (c)) S 7 40 39 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        let expected = Process {
            pid: 42,
            parent: 7,
            group: 40,
            session: 39,
            started: 987_654,
            ended: false,
        };
        assert_eq!(parse_stat(stat), Some(expected));
        assert!(parse_stat(&stat.replace(" S ", " Z ")).unwrap().ended);
        assert_eq!(parse_stat("42 (a"), None);
    }

    #[test]
    fn this_process_is_found() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(process(pid).unwrap().pid, pid);
        assert!(processes().unwrap().iter().any(|p| p.pid == pid));
        assert!(!boot_id().unwrap().is_empty());
        assert_ne!(unique_id().unwrap(), unique_id().unwrap());
    }
}
