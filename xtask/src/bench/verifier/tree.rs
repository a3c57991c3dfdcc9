//! Processor time and memory of a process and of those it started, from /proc.

use anyhow::{Context, Result};
use std::ops::Sub;
use std::path::PathBuf;

/// Clock ticks per second of /proc/PID/stat; 100 on every Linux Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Of the process itself, in seconds.
    pub own_secs: f64,
    /// Of those it started, living and gone, in seconds.
    pub children_secs: f64,
}

impl Sub for Spent {
    type Output = Spent;

    fn sub(self, before: Spent) -> Spent {
        Spent {
            own_secs: self.own_secs - before.own_secs,
            children_secs: self.children_secs - before.children_secs,
        }
    }
}

/// Resident memory, or the highest there was.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Peaks {
    /// Of the process itself, in MiB.
    pub own_mib: f64,
    /// Of those it started, together, in MiB.
    pub children_mib: f64,
}

impl Peaks {
    /// Takes what is higher.
    pub fn raise(&mut self, now: &Peaks) {
        self.own_mib = self.own_mib.max(now.own_mib);
        self.children_mib = self.children_mib.max(now.children_mib);
    }
}

/// Processes that `pid` started, and that those did.
pub fn children(pid: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        // One that ends meanwhile is nobody's child any more.
        if let Some(stat) = stat(child) {
            parents.push((child, stat.parent));
        }
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let more = parents.iter().filter(|(_, p)| *p == parent);
        found.extend(more.map(|(child, _)| *child));
        next += 1;
    }
    found.remove(0);
    Ok(found)
}

/// What a process and those it started have taken so far.
pub fn spent(pid: u32) -> Result<Spent> {
    let own = stat(pid).context("cannot read /proc/PID/stat")?;
    let living = children(pid)?.into_iter().filter_map(stat);
    let living: f64 = living.map(|s| s.own_ticks + s.waited_ticks).sum();
    Ok(Spent {
        own_secs: own.own_ticks / TICKS_PER_SECOND,
        children_secs: (own.waited_ticks + living) / TICKS_PER_SECOND,
    })
}

/// Memory of a process and of those it started.
pub fn resident(pid: u32) -> Result<Peaks> {
    Ok(Peaks {
        own_mib: resident_mib(pid).context("no VmRSS in /proc/PID/status")?,
        children_mib: children(pid)?.into_iter().filter_map(resident_mib).sum(),
    })
}

fn resident_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(folder(pid).join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

fn folder(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    own_ticks: f64,
    waited_ticks: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&std::fs::read_to_string(folder(pid).join("stat")).ok()?)
}

/// Fields are counted after the name, which may hold spaces and parentheses.
fn parse(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own_ticks: ticks(11)? + ticks(12)?,
        waited_ticks: ticks(13)? + ticks(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_children_are_read() {
        let stat = parse("12 (a b) c) S 7 2 3 4 5 6 7 8 9 10 150 50 30 20 0 0");
        let wanted = Stat {
            parent: 7,
            own_ticks: 200.0,
            waited_ticks: 50.0,
        };
        assert_eq!(stat, Some(wanted));
        assert_eq!(parse("12 (a"), None);
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("starts");
        let found = children(std::process::id()).expect("read");
        assert!(found.contains(&child.id()), "{found:?}");
        assert!(resident(std::process::id()).expect("read").own_mib > 0.0);
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
}
