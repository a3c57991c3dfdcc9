//! When and where something was measured.

use crate::sh;
use anyhow::Result;
use std::process::Command;

/// `2026-11-20, Debian GNU/Linux 12, AMD EPYC, 2 cores, 24 GB, commit 1234567.`
pub fn line() -> Result<String> {
    let date = sh::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let commit = sh::capture(
        Command::new("git")
            .current_dir(sh::root())
            .args(["describe", "--always", "--dirty"]),
    )?;
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let system = field(&read("/etc/os-release"), "PRETTY_NAME=");
    let processor = field(&read("/proc/cpuinfo"), "model name\t:");
    let kib: u64 = field(&read("/proc/meminfo"), "MemTotal:")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or(0);
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "{}, {system}, {processor}, {cores} cores, {} GB memory, commit {}.\n",
        date.trim(),
        kib.div_ceil(1024 * 1024),
        commit.trim()
    ))
}

/// The rest of the first line that starts with `key`, or `unknown`.
fn field(text: &str, key: &str) -> String {
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .map_or("unknown", |value| value.trim().trim_matches('"'))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_or_unknown() {
        assert_eq!(field("A=1\nPRETTY_NAME=\"X 12\"\n", "PRETTY_NAME="), "X 12");
        assert_eq!(field("", "MemTotal:"), "unknown");
    }
}
