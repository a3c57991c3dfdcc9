//! One run: from a seed to a report.

use crate::client::{self, CLIENTS, Ledger};
use crate::control::Control;
use crate::faults;
use crate::operator;
use crate::scenario::Scenario;
use crate::watch::Watch;
use crate::world::World;
use planb_model::Epoch;
use planb_model::runbook::RunbookKind;
use planb_ports::{Clock, Workload};
use planb_testkit::Trace;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

/// Time between two looks at whether the world has settled, in seconds.
const SETTLE_LOOK_SECS: u64 = 2;
/// Longest time from the end of the faults to a service that is well, in
/// seconds: several deadlines and every try of the operator.
const SETTLE_SECS_MAX: u64 = 1_800;

/// Chance of late requests in worlds with something broken.
const LATE_FOR_BROKEN: f64 = 0.2;

/// A target whose epoch check is taken away, to see that the watch notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The databases take any epoch.
    Database,
    /// The workloads obey any epoch.
    Workload,
    /// The edge takes any plan.
    Edge,
    /// The vault lets closed chains be extended.
    Vault,
    /// A failover leaves log that waits for the vault where it is.
    Spool,
}

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Decides everything.
    pub seed: u64,
    /// What does not work as it should.
    pub broken: Option<Broken>,
    /// Whether the report has the text of the trace.
    pub keep_trace: bool,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of which seed.
    pub seed: u64,
    /// Rules that were broken, in order.
    pub violations: Vec<String>,
    /// Hash of the whole trace.
    pub fingerprint: u64,
    /// Every event, when it was kept.
    pub trace: Option<String>,
    /// What happened, in numbers.
    pub stats: Stats,
}

/// What happened, in numbers; a simulator that never moves a service proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Virtual milliseconds.
    pub millis: u64,
    /// Events of the trace.
    pub events: u64,
    /// Lives of the control plane.
    pub lives: u64,
    /// Failovers that were opened.
    pub failovers: u64,
    /// Switchovers and failbacks that were opened.
    pub switchovers: u64,
    /// Epoch at the end.
    pub epoch: u64,
    /// Segments that waited on the control plane's disk.
    pub spooled: u64,
    /// Acknowledged writes that were kept.
    pub kept: u64,
    /// Acknowledged writes that failovers lost.
    pub lost: u64,
}

/// Runs the world of a seed to its end, or to the first broken rule.
pub fn run(options: Options) -> Report {
    #[expect(clippy::expect_used, reason = "a runtime without I/O needs nothing")]
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let local = LocalSet::new();
    local.block_on(&runtime, simulate(options))
}

async fn simulate(options: Options) -> Report {
    let trace = if options.keep_trace {
        Trace::keeping()
    } else {
        Trace::fingerprint_only()
    };
    let mut scenario = Scenario::draw(options.seed);
    if options.broken.is_some() {
        // A missing check shows when something old arrives; have it arrive often.
        scenario.weather.late = LATE_FOR_BROKEN;
    }
    let scenario = Rc::new(scenario);
    trace.record("scenario", &format!("{scenario:?}"));
    let world = Rc::new(World::new(&scenario, trace, options.broken));
    let ledger = Rc::new(Ledger::default());
    let watch = Rc::new(Watch::new(world.clone(), ledger.clone()));
    let control = Rc::new(Control::new(world.clone()));
    let quiet = Rc::new(Cell::new(false));

    begin(&world).await;
    control.start();
    spawn_clients(&world, &ledger, &watch, &scenario);
    spawn_rest(&world, &watch, &control, &quiet, &scenario);
    world.clock.sleep(scenario.faults_last).await;
    faults::mend(&world, &scenario);
    quiet.set(true);
    settle(&world, &watch).await;
    if !watch.is_broken() {
        watch.finish(scenario.weather.late > 0.0);
    }
    report(options, &world, &watch, &control, &ledger)
}

/// The service ran before anybody thought of protecting it.
async fn begin(world: &World) {
    let home = &world.sites[0];
    for n in 0..40 {
        if let Err(error) = home.database.put(&format!("old-{n}"), "v") {
            world.trace.record("begin", &error.to_string());
        }
    }
    if let Err(error) = home.workload.start(Epoch::FIRST).await {
        world.trace.record("begin", &error.to_string());
    }
}

fn spawn_clients(world: &Rc<World>, ledger: &Rc<Ledger>, watch: &Rc<Watch>, scenario: &Scenario) {
    for n in 0..CLIENTS {
        let (world, ledger, watch) = (world.clone(), ledger.clone(), watch.clone());
        let seed = scenario.seed;
        tokio::task::spawn_local(async move {
            client::run(&world, &ledger, n, seed, |site| watch.acknowledged(site)).await;
        });
    }
}

fn spawn_rest(
    world: &Rc<World>,
    watch: &Rc<Watch>,
    control: &Rc<Control>,
    quiet: &Rc<Cell<bool>>,
    scenario: &Scenario,
) {
    let looking = watch.clone();
    tokio::task::spawn_local(async move { looking.run().await });
    let (tended, by, when) = (world.clone(), control.clone(), quiet.clone());
    tokio::task::spawn_local(async move { operator::tend(&tended, &by, &when).await });
    for (at, event) in scenario.events.clone() {
        let (world, control) = (world.clone(), control.clone());
        tokio::task::spawn_local(async move {
            world.clock.sleep(at).await;
            faults::play(&world, &control, event).await;
        });
    }
    world.set_weather(scenario.weather);
}

/// Waits until the service is well again; not being so in time breaks a rule.
async fn settle(world: &World, watch: &Watch) {
    let give_up_at = world.clock.monotonic() + Duration::from_secs(SETTLE_SECS_MAX);
    while !watch.is_broken() {
        let Some(why) = watch.unsettled() else {
            return;
        };
        if world.clock.monotonic() >= give_up_at {
            return watch.never_settled(&why);
        }
        world
            .clock
            .sleep(Duration::from_secs(SETTLE_LOOK_SECS))
            .await;
    }
}

fn report(
    options: Options,
    world: &World,
    watch: &Watch,
    control: &Control,
    ledger: &Ledger,
) -> Report {
    let executions = world.store.peek_executions();
    let of = |kind: RunbookKind| {
        executions
            .iter()
            .filter(move |(e, _)| e.runbook.kind == kind)
    };
    let failovers = of(RunbookKind::Failover).count() as u64;
    let stats = Stats {
        millis: u64::try_from(world.clock.monotonic().as_millis()).unwrap_or(u64::MAX),
        events: world.trace.count(),
        lives: control.lives(),
        failovers,
        switchovers: executions.len() as u64 - failovers,
        epoch: world
            .store
            .peek(&crate::plan::service())
            .map_or(0, |r| r.epoch.0),
        spooled: world.repository.spooled(),
        kept: ledger.entries().len() as u64,
        lost: watch.lost() as u64,
    };
    Report {
        seed: options.seed,
        violations: watch.violations(),
        fingerprint: world.trace.fingerprint(),
        trace: options.keep_trace.then(|| world.trace.text()),
        stats,
    }
}
