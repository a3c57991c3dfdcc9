//! What a seed does to the world: settings, and faults at their times.

mod draw;

use planb_model::plan::{FailoverMode, Strategy};
use planb_model::runbook::RunbookKind;
use planb_testkit::Weather;
use std::time::Duration;

/// One run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it was drawn from.
    pub seed: u64,
    /// How the standby is kept.
    pub strategy: Strategy,
    /// Who decides about failovers.
    pub mode: FailoverMode,
    /// How the network behaves while faults last.
    pub weather: Weather,
    /// How long faults last; afterwards the world is quiet.
    pub faults_last: Duration,
    /// What happens, by time.
    pub events: Vec<(Duration, Event)>,
    /// The site that does not come back when the faults stop, if it can be spared.
    pub stays_dead: Option<Target>,
}

/// A site, found when the event happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The one that the record says takes writes.
    Active,
    /// The other one.
    Standby,
}

/// Something that happens to the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A machine loses power, for so long; its init starts the workload or not.
    SiteDies {
        /// Which.
        site: Target,
        /// For how long.
        lasts: Duration,
        /// Whether its init starts the workload when power is back.
        boots: bool,
        /// Whether its disk is lost; only where the data is elsewhere as well.
        loses_disk: bool,
    },
    /// The database of a site dies, for so long.
    DatabaseDies {
        /// Which.
        site: Target,
        /// For how long.
        lasts: Duration,
    },
    /// The workload of a site answers badly, for so long.
    WorkloadSick {
        /// Which.
        site: Target,
        /// For how long.
        lasts: Duration,
    },
    /// A site is cut off from control plane and observers, for so long;
    /// clients still reach it.
    SiteCutOff {
        /// Which.
        site: Target,
        /// For how long.
        lasts: Duration,
        /// Whether its power switch is still reached, so that it can be fenced.
        power_switch: bool,
    },
    /// The first so many observers lose the way to a site, for so long.
    ObserversBlind {
        /// Which.
        site: Target,
        /// How many.
        observers: usize,
        /// For how long.
        lasts: Duration,
        /// Whether it is their own uplink, which their canaries tell.
        uplink: bool,
    },
    /// The vault is not reached, for so long.
    VaultCut {
        /// For how long.
        lasts: Duration,
    },
    /// The edge is not steered, for so long; it goes on serving.
    EdgeCut {
        /// For how long.
        lasts: Duration,
    },
    /// The edge and its clients lose the way to a site, for so long.
    ClientsCut {
        /// Which.
        site: Target,
        /// For how long.
        lasts: Duration,
    },
    /// The control plane's process dies, and another one starts after so long.
    ControlCrashes {
        /// For how long.
        lasts: Duration,
    },
    /// The control plane's process dies next to its n-th call from now on.
    ControlCrashesAtCall {
        /// How many calls later.
        nth: u64,
        /// Whether the call still has its effect.
        after_effect: bool,
        /// Until another one starts.
        lasts: Duration,
    },
    /// The control plane is stopped in good order, and started after so long.
    ControlStops {
        /// For how long.
        lasts: Duration,
    },
    /// The control plane's process is frozen where it is, for so long.
    ControlFreezes {
        /// For how long.
        lasts: Duration,
        /// Whether another process takes over meanwhile; the frozen one then
        /// goes on beside it for a moment, with what it knew.
        replaced: bool,
    },
    /// The control plane's wall clock jumps.
    ClockJumps {
        /// By this much, forwards or back.
        millis: i64,
    },
    /// The log of a site's database is purged.
    LogPurged {
        /// Which.
        site: Target,
    },
    /// An operator asks for something.
    Operator(Command),
}

/// What an operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Starts a runbook, approved at once.
    Start(RunbookKind),
    /// Stops new steps of what runs.
    Pause,
    /// Lets what is paused go on.
    Resume,
    /// Gives up what runs.
    Cancel,
}
