//! A warm standby under write load: how late it is, and how soon it takes writes
//! after the last segment.

use super::super::figure::{Gate, Measured};
use super::super::planb::Follow;
use super::super::server::Server;
use super::super::{Bench, data, peers};
use super::{Line, alone, load};
use anyhow::{Context, Result, bail};
use std::time::{Duration, SystemTime};

pub const LINES: &[Line] = &[
    (
        "planb follow",
        "last segment in the vault to first write with every row, at full write load",
        "s",
        Gate::AtMost(2.0, 1.0),
    ),
    (
        "planb follow",
        "lag under full write load, p99",
        "s",
        // Not promised: log is shipped once a second, and canaries come once a second.
        Gate::AtMost(5.0, 3.0),
    ),
];

/// Time between two tries to write.
const TRY: Duration = Duration::from_millis(10);
/// After this the standby has failed.
const TRY_SECS_MAX: u64 = 60;
/// An application's account, which the read-only switch keeps out.
const ACCOUNT: &str = "CREATE DATABASE IF NOT EXISTS probe; \
     CREATE TABLE IF NOT EXISTS probe.t (n INT AUTO_INCREMENT PRIMARY KEY); \
     CREATE USER IF NOT EXISTS app@'127.0.0.1'; GRANT INSERT ON probe.* TO app@'127.0.0.1'";

/// In each run the source writes at full speed until its stream is stopped, and
/// the standby is asked to promote at once. A standby that fell behind has all
/// of its backlog still to apply then, in the time that is measured.
pub fn measure(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let folder = bench.folder.join("follow");
    std::fs::create_dir_all(&folder)?;
    let target = Server::mariadb(&folder.join("target"), 6)?;
    let [promoted, late] = bench.medians(|turn| {
        let vault = folder.join(format!("vault-{turn}"));
        target.empty()?;
        target.sql("", ACCOUNT)?;
        let stream = bench.planb.stream(source, &vault, &[])?;
        let mut follow = bench.planb.follow(&target, &vault)?;
        must_be_read_only(&target)?;
        peers::prepare(&load::sysbench(bench, source))?;
        stream.stop()?;
        let durable = newest_segment(&vault)?;
        let late = lag(&follow)?;
        follow.ask_to_promote()?;
        let promoted = first_write(&target)?.duration_since(durable)?;
        follow.ended()?;
        data::must_equal("the standby", &data::checksums(source)?, &target)?;
        peers::prepare(&format!("rm -rf {}", vault.display()))?;
        Ok([promoted.as_secs_f64(), late])
    })?;
    Ok(vec![alone(promoted), alone(late)])
}

/// When the newest segment of the log was whole.
fn newest_segment(vault: &std::path::Path) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for segment in data::segments(vault)? {
        newest = newest.max(std::fs::metadata(segment)?.modified()?);
    }
    Ok(newest)
}

fn write(target: &Server) -> bool {
    let port = target.port;
    peers::prepare(&format!(
        "mariadb --no-defaults --protocol=tcp -h127.0.0.1 -P{port} -uapp \
         -e 'INSERT INTO probe.t VALUES ()'"
    ))
    .is_ok()
}

fn must_be_read_only(target: &Server) -> Result<()> {
    if write(target) {
        bail!("a standby took a write before it was promoted");
    }
    Ok(())
}

/// When the target took its first write.
fn first_write(target: &Server) -> Result<SystemTime> {
    let began = std::time::Instant::now();
    while !write(target) {
        if began.elapsed().as_secs() > TRY_SECS_MAX {
            bail!("the standby takes no writes");
        }
        std::thread::sleep(TRY);
    }
    Ok(SystemTime::now())
}

/// The lag that the standby told, p99.
fn lag(follow: &Follow) -> Result<f64> {
    let mut told = follow.numbers("lagSeconds")?;
    told.sort_by(f64::total_cmp);
    let at = (told.len() * 99).div_ceil(100).saturating_sub(1);
    eprintln!(
        "{} states, lag p50 {:.2} s",
        told.len(),
        told.get(told.len() / 2).unwrap_or(&f64::NAN)
    );
    told.get(at).copied().context("the standby told no lag")
}
