//! A run as the demo makes it, for tests.

use planb_model::drill::{
    DrillResult, DrillSetup, FailbackResult, PhaseSeconds, ProbeSample, TimelineEntry,
};
use planb_model::runbook::Phase;

type Row = (f64, Option<f64>, Option<Phase>, &'static str, &'static str);

const FAILOVER: &[Row] = &[
    (0.0, None, None, "fault", "seoul: SIGKILL"),
    (5.31, None, Some(Phase::Detect), "verdict", "4 of 5 down"),
    (5.33, None, Some(Phase::Decide), "approval", "automatic"),
    (7.42, None, Some(Phase::Traffic), "back", ""),
    (
        5.33,
        Some(5.37),
        Some(Phase::Execute),
        "claim-epoch",
        "epoch 2",
    ),
    (
        5.37,
        Some(5.43),
        Some(Phase::Execute),
        "close-log",
        r#"{"chains":[1,2]}"#,
    ),
    (
        5.37,
        Some(5.52),
        Some(Phase::Execute),
        "fence-site",
        "not running",
    ),
    (
        5.33,
        Some(5.35),
        Some(Phase::Execute),
        "shed-traffic",
        "503, Retry-After 5",
    ),
    (
        5.52,
        Some(6.71),
        Some(Phase::Execute),
        "restore",
        r#"{"rowsCompared":12408,"segments":38,"snapshot":true}"#,
    ),
    (
        6.71,
        Some(6.88),
        Some(Phase::Execute),
        "verify-restored",
        "4 tables, canary 0.4 s before the fault",
    ),
    (6.88, Some(6.93), Some(Phase::Execute), "promote", "epoch 2"),
    (
        6.93,
        Some(7.18),
        Some(Phase::Execute),
        "start-workload",
        "pid 4127",
    ),
    (
        7.18,
        Some(7.31),
        Some(Phase::Execute),
        "check-health",
        "200",
    ),
    (
        7.31,
        Some(7.36),
        Some(Phase::Traffic),
        "switch-traffic",
        "busan first",
    ),
    (
        7.36,
        Some(7.42),
        Some(Phase::Traffic),
        "confirm-outside",
        "200 from busan",
    ),
];

const FAILBACK: &[Row] = &[
    (
        14.0,
        Some(15.2),
        None,
        "restore-ahead",
        "seoul follows the vault",
    ),
    (15.2, Some(15.22), None, "claim-epoch", "epoch 3"),
    (15.22, Some(15.3), None, "shed-traffic", "503"),
    (15.3, Some(15.5), None, "fence-database", "busan"),
    (15.5, Some(15.7), None, "drain-log", "nothing left"),
    (
        15.7,
        Some(16.0),
        None,
        "compare-databases",
        "4 tables, 13,011 rows, all equal",
    ),
    (16.0, Some(16.1), None, "promote", "epoch 3"),
    (16.1, Some(16.4), None, "start-workload", "pid 4201"),
    (16.4, Some(16.5), None, "switch-traffic", "seoul first"),
];

/// A verified failover of 7.42 s in which nothing was lost.
pub fn run() -> DrillResult {
    let entries = |rows: &[Row], failover| {
        let rows = rows
            .iter()
            .map(move |(at, until, phase, id, detail)| TimelineEntry {
                at_seconds: *at,
                until_seconds: *until,
                phase: *phase,
                id: (*id).to_owned(),
                detail: (*detail).to_owned(),
                failover,
            });
        rows.collect::<Vec<_>>()
    };
    DrillResult {
        rto_seconds: 7.42,
        phases: PhaseSeconds {
            detect_seconds: 5.31,
            decide_seconds: 0.02,
            execute_seconds: 1.98,
            traffic_seconds: 0.11,
        },
        rpo_seconds: 0.0,
        acknowledged: 1843,
        recovered: 1843,
        lost: 0,
        failback: FailbackResult {
            rto_seconds: 1.24,
            lost: 0,
        },
        verified: true,
        report: "report.html".to_owned(),
        execution: None,
        setup: DrillSetup {
            service: "orders".to_owned(),
            from: "seoul".to_owned(),
            to: "busan".to_owned(),
            database: "sqlite".to_owned(),
            vault: "local".to_owned(),
            database_bytes: 1_843_200,
            objective_rto_seconds: 10.0,
            objective_rpo_seconds: 1.0,
            version: "0.1.0".to_owned(),
            machine: "Debian GNU/Linux 12, x86_64, 2 cores".to_owned(),
            started_at: "2026-11-20T01:02:03Z".parse().expect("a time"),
        },
        timeline: [entries(FAILOVER, true), entries(FAILBACK, false)].concat(),
        probe: probe(),
    }
}

/// Ten looks a second, from four seconds before the fault to after the failback.
fn probe() -> Vec<ProbeSample> {
    (-40..200)
        .map(|tenth| {
            let at_seconds = f64::from(tenth) / 10.0;
            let (status, site) = match at_seconds {
                s if s < 0.0 => (200, Some("seoul")),
                s if s < 3.2 => (0, None),
                s if s < 7.4 => (503, None),
                s if s < 15.2 => (200, Some("busan")),
                s if s < 16.5 => (503, None),
                _ => (200, Some("seoul")),
            };
            ProbeSample {
                at_seconds,
                status,
                site: site.map(str::to_owned),
            }
        })
        .collect()
}
