//! The simulator, over many seeds.
//!
//! A failing seed is printed. `PLANB_SIM_SEED=<seed>` replays exactly that one
//! and prints every event; `PLANB_SIM_SEEDS=<count>` runs more or fewer, from
//! `PLANB_SIM_FIRST=<seed>` on.

use planb_sim::{Broken, Options, Report, Stats, run, sweep};

/// Seeds in an ordinary test run.
const SEEDS: u64 = 1_000;
/// Seeds that are run twice.
const TWICE: u64 = 24;
/// Violations that are printed.
const SHOWN_MAX: usize = 5;
/// Seeds within which a broken target has to be found.
const BROKEN_SEEDS_MAX: u64 = 1_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number of seeds, or a seed"))
}

fn replay(seed: u64) -> Report {
    run(Options {
        seed,
        broken: None,
        keep_trace: true,
    })
}

fn sum(reports: &[Report]) -> Stats {
    let mut sum = Stats::default();
    for stats in reports.iter().map(|r| r.stats) {
        sum.millis += stats.millis;
        sum.events += stats.events;
        sum.lives += stats.lives;
        sum.failovers += stats.failovers;
        sum.switchovers += stats.switchovers;
        sum.spooled += stats.spooled;
        sum.kept += stats.kept;
        sum.lost += stats.lost;
    }
    sum
}

#[test]
fn no_seed_breaks_a_safety_rule() {
    if let Some(seed) = number("PLANB_SIM_SEED") {
        let report = replay(seed);
        println!("{}", report.trace.as_deref().unwrap_or_default());
        println!("{:#?}\n{:?}", report.violations, report.stats);
        assert!(report.violations.is_empty(), "seed {seed} breaks a rule");
        return;
    }
    let seeds = number("PLANB_SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("PLANB_SIM_FIRST").unwrap_or(0);
    let reports = sweep(first..first + seeds, None);
    if let Some(broken) = reports.iter().find(|r| !r.violations.is_empty()) {
        panic!(
            "seed {} breaks a rule: {:?}\nreplay it with\n  PLANB_SIM_SEED={} cargo test -p planb-sim no_seed -- --nocapture",
            broken.seed,
            broken.violations.iter().take(SHOWN_MAX).collect::<Vec<_>>(),
            broken.seed
        );
    }
    let sum = sum(&reports);
    println!("{seeds} seeds: {sum:?}");
    // A world in which nothing happens breaks no rule either.
    assert_eq!(reports.len() as u64, seeds);
    assert!(sum.failovers > seeds / 10, "{sum:?}");
    assert!(sum.switchovers > seeds / 10, "{sum:?}");
    assert!(sum.lives > seeds + seeds / 10, "{sum:?}");
    assert!(sum.spooled > seeds, "{sum:?}");
    assert!(sum.kept > seeds * 100, "{sum:?}");
}

/// Seeds beyond the first thousand that broke a rule once: the fault must not
/// come back.
const FOUND: &[u64] = &[2973, 8200];

#[test]
fn seeds_that_found_a_fault_once_stay_clean() {
    for seed in FOUND {
        let violations = replay(*seed).violations;
        assert!(violations.is_empty(), "seed {seed}: {violations:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 20..20 + TWICE {
        let (one, two) = (replay(seed), replay(seed));
        if one.fingerprint != two.fingerprint {
            let (a, b) = (one.trace.expect("kept"), two.trace.expect("kept"));
            let differs = a.lines().zip(b.lines()).position(|(x, y)| x != y);
            let at = differs.unwrap_or(0);
            let part = |text: &str| -> Vec<String> {
                let from = at.saturating_sub(5);
                text.lines()
                    .skip(from)
                    .take(10)
                    .map(str::to_owned)
                    .collect()
            };
            panic!(
                "seed {seed} ran in two ways: {:#?}\n{:#?}",
                part(&a),
                part(&b)
            );
        }
        assert_eq!(one, two);
    }
}

/// Takes a target's epoch check away and expects that some seed shows it.
fn finds(broken: Broken, rule: &str) {
    let reports = sweep(0..BROKEN_SEEDS_MAX, Some(broken));
    let found = reports.iter().flat_map(|r| &r.violations);
    let texts: Vec<&String> = found.collect();
    assert!(
        texts.iter().any(|text| text.contains(rule)),
        "{broken:?} was not found in {} seeds, but {texts:?}",
        reports.len()
    );
}

#[test]
fn a_database_without_its_epoch_check_is_found() {
    finds(Broken::Database, "went back from epoch");
}

#[test]
fn a_workload_without_its_epoch_check_is_found() {
    finds(Broken::Workload, "workload");
}

#[test]
fn an_edge_without_its_epoch_check_is_found() {
    finds(Broken::Edge, "the edge went back");
}

#[test]
fn a_vault_without_its_closed_chains_is_found() {
    finds(Broken::Vault, "took log of a closed chain");
}

#[test]
fn a_failover_that_forgets_what_waits_on_disk_is_found() {
    finds(Broken::Spool, "waited on the control plane's disk");
}
