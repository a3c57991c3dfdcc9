//! Drawing a scenario from a seed.

use super::{Command, Event, Scenario, Target};
use crate::dice::Dice;
use crate::plan::OBSERVERS;
use planb_model::plan::{FailoverMode, Strategy};
use planb_model::runbook::RunbookKind;
use planb_testkit::Weather;
use std::time::Duration;

/// Events of one run, at least and at most. More of them mostly hide each other.
const EVENTS: (u64, u64) = (2, 12);
/// Nothing happens before: protection has to have begun.
const PEACE_MS: u64 = 8_000;
/// How long faults last, at least and at most.
const FAULTS_LAST_MS: (u64, u64) = (40_000, 90_000);

impl Scenario {
    /// The scenario of `seed`.
    pub fn draw(seed: u64) -> Self {
        let dice = Dice::new(seed, 1);
        let faults_last = dice.millis(FAULTS_LAST_MS.0, FAULTS_LAST_MS.1);
        let last_ms = u64::try_from(faults_last.as_millis()).unwrap_or(PEACE_MS);
        let count = dice.between(EVENTS.0, EVENTS.1);
        let at = |_| dice.millis(PEACE_MS, last_ms);
        let mut events: Vec<(Duration, Event)> =
            (0..count).map(|n| (at(n), event(&dice))).collect();
        events.sort_by_key(|(at, _)| *at);
        let automatic = dice.chance(0.8);
        Self {
            seed,
            strategy: *dice.pick(&[Strategy::PilotLight, Strategy::WarmStandby]),
            mode: if automatic {
                FailoverMode::Automatic
            } else {
                FailoverMode::Approve
            },
            weather: weather(&dice),
            faults_last,
            events,
            stays_dead: dice
                .chance(0.3)
                .then(|| *dice.pick(&[Target::Active, Target::Standby])),
        }
    }
}

fn weather(dice: &Dice) -> Weather {
    let stormy = dice.chance(0.5);
    let chance = |most_percent: u64| {
        let percent = dice.between(0, most_percent);
        if stormy { percent as f64 / 100.0 } else { 0.0 }
    };
    Weather {
        delay_ms_max: dice.between(1, 40),
        lose_request: chance(4),
        lose_answer: chance(4),
        late: chance(5),
        late_ms_max: 15_000,
        timeout_ms: 1_000,
    }
}

fn event(dice: &Dice) -> Event {
    // Most faults hit the site that has something to lose.
    let site = *dice.pick(&[Target::Active, Target::Active, Target::Standby]);
    let lasts = dice.millis(300, 25_000);
    match dice.between(0, 22) {
        0..=2 => Event::SiteDies {
            site,
            lasts,
            boots: dice.chance(0.5),
            loses_disk: dice.chance(0.2),
        },
        3 => Event::DatabaseDies { site, lasts },
        4 => Event::WorkloadSick { site, lasts },
        5..=6 => Event::SiteCutOff {
            site,
            lasts,
            power_switch: dice.chance(0.5),
        },
        7 => Event::ObserversBlind {
            site,
            observers: usize::try_from(dice.between(1, OBSERVERS as u64)).unwrap_or(1),
            lasts,
            uplink: dice.chance(0.5),
        },
        8 => Event::VaultCut { lasts },
        9 => Event::EdgeCut { lasts },
        10 => Event::ClientsCut { site, lasts },
        11 => Event::ControlCrashes { lasts },
        12..=13 => Event::ControlCrashesAtCall {
            nth: dice.between(1, 200),
            after_effect: dice.chance(0.5),
            lasts: dice.millis(100, 8_000),
        },
        14 => Event::ControlStops { lasts },
        15 => clock_or_log(dice, site),
        16 => Event::ControlFreezes {
            lasts,
            replaced: dice.chance(0.7),
        },
        _ => Event::Operator(command(dice)),
    }
}

fn clock_or_log(dice: &Dice, site: Target) -> Event {
    if dice.chance(0.2) {
        return Event::LogPurged { site };
    }
    let millis = i64::try_from(dice.between(100, 600_000)).unwrap_or(100);
    let millis = if dice.chance(0.5) { millis } else { -millis };
    Event::ClockJumps { millis }
}

fn command(dice: &Dice) -> Command {
    *dice.pick(&[
        Command::Start(RunbookKind::Switchover),
        Command::Start(RunbookKind::Switchover),
        Command::Start(RunbookKind::Failback),
        Command::Start(RunbookKind::Failover),
        Command::Pause,
        Command::Resume,
        Command::Cancel,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_scenario_and_times_are_in_order() {
        let text = |seed| format!("{:?}", Scenario::draw(seed));
        assert_eq!(text(9), text(9));
        assert_ne!(text(9), text(10));
        for seed in 0..200 {
            let scenario = Scenario::draw(seed);
            assert!(scenario.events.is_sorted_by_key(|(at, _)| *at));
            let within = |(at, _): &(Duration, Event)| *at <= scenario.faults_last;
            assert!(scenario.events.iter().all(within));
        }
    }
}
