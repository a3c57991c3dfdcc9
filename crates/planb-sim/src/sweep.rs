//! Many seeds side by side.

use crate::run::{Broken, Options, Report, run};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Threads of a sweep; the machines that test this have two cores.
pub const THREADS: u64 = 2;

/// Runs the worlds of `seeds` and returns their reports by seed. Stops soon
/// after the first one that breaks a rule, which then is among them.
pub fn sweep(seeds: Range<u64>, broken: Option<Broken>) -> Vec<Report> {
    let next = AtomicU64::new(seeds.start);
    let reports = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds.end {
                return;
            }
            let report = run(Options {
                seed,
                broken,
                keep_trace: false,
            });
            if !report.violations.is_empty() {
                next.store(seeds.end, Ordering::SeqCst);
            }
            let mut all = reports.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(report);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    let mut all = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|report| report.seed);
    all
}
