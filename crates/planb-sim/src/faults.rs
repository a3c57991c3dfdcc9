//! Making a scenario's faults happen, and mending them.

use crate::control::Control;
use crate::operator;
use crate::scenario::{Event, Scenario, Target};
use crate::world::{SimSite, World};
use planb_ports::Clock;
use planb_testkit::link::ANY_METHOD;
use planb_testkit::{Fault, Link, Weather};
use std::time::Duration;

/// Weather of the quiet time after the faults.
const QUIET: Weather = Weather {
    delay_ms_max: 5,
    ..Weather::CALM
};

/// Makes `event` happen, and takes it back after its time.
pub async fn play(world: &World, control: &Control, event: Event) {
    world.trace.record("fault", &format!("{event:?}"));
    match event {
        Event::SiteDies {
            site,
            lasts,
            boots,
            loses_disk,
        } => {
            let loses_disk = loses_disk && site == Target::Standby;
            site_dies(world, world.target(site), lasts, boots, loses_disk).await;
        }
        Event::DatabaseDies { site, lasts } => {
            let site = world.target(site);
            site.database.kill();
            if passes(world, lasts).await {
                site.database.revive();
            }
        }
        Event::WorkloadSick { site, lasts } => {
            let site = world.target(site);
            site.workload.set_healthy(false);
            if passes(world, lasts).await {
                site.workload.set_healthy(true);
            }
        }
        Event::ClockJumps { millis } => world.clock.jump(millis),
        Event::LogPurged { site } => world.target(site).database.purge_log(),
        Event::Operator(command) => operator::ask(world, control, command).await,
        Event::ControlCrashes { lasts } => control.crash(lasts).await,
        Event::ControlFreezes { lasts, replaced } => control.freeze(lasts, replaced).await,
        Event::ControlStops { lasts } => control.stop(world, lasts).await,
        Event::ControlCrashesAtCall {
            nth,
            after_effect,
            lasts,
        } => crash_at_call(world, control, nth, after_effect, lasts).await,
        cut => {
            let (links, lasts) = links_of(world, cut);
            cut_links(world, &links, lasts).await;
        }
    }
}

/// Whether a fault lasts its whole time; `false` when it was mended before.
async fn passes(world: &World, lasts: Duration) -> bool {
    world.clock.sleep(lasts).await;
    !world.mended.get()
}

fn links_of(world: &World, event: Event) -> (Vec<Link>, Duration) {
    match event {
        Event::SiteCutOff {
            site,
            lasts,
            power_switch,
        } => {
            let site = world.target(site);
            let mut links = site.from_observers.clone();
            links.extend([site.to_database.clone(), site.to_health.clone()]);
            if !power_switch {
                links.push(site.to_workload.clone());
            }
            (links, lasts)
        }
        Event::ObserversBlind {
            site,
            observers,
            lasts,
            uplink,
        } => {
            let blind = world.target(site).from_observers.iter().take(observers);
            let mut links: Vec<Link> = blind.cloned().collect();
            if uplink {
                links.extend(world.uplinks.iter().take(observers).cloned());
            }
            (links, lasts)
        }
        Event::VaultCut { lasts } => (vec![world.to_vault.clone()], lasts),
        Event::EdgeCut { lasts } => (vec![world.to_edge.clone()], lasts),
        Event::ClientsCut { site, lasts } => (vec![world.target(site).from_edge.clone()], lasts),
        _ => (vec![], Duration::ZERO),
    }
}

async fn cut_links(world: &World, links: &[Link], lasts: Duration) {
    for link in links {
        link.set_up(false);
    }
    world.clock.sleep(lasts).await;
    for link in links {
        link.set_up(true);
    }
}

async fn site_dies(world: &World, site: &SimSite, lasts: Duration, boots: bool, loses_disk: bool) {
    site.database.kill();
    site.workload.set_powered(false);
    if !passes(world, lasts).await {
        return;
    }
    // The disk of a site that has become active meanwhile is not lost.
    if loses_disk && world.active().name != site.name && !site.takes_writes() {
        site.database.revive_empty();
    } else {
        site.database.revive();
    }
    site.workload.set_powered(true);
    if boots {
        let booted = site.workload.boot();
        world
            .trace
            .record(site.name.as_str(), &format!("boots: {booted:?}"));
    }
}

/// Every link of the control plane counts; the first that is reached kills it.
async fn crash_at_call(
    world: &World,
    control: &Control,
    nth: u64,
    after_effect: bool,
    lasts: Duration,
) {
    let fault = if after_effect {
        Fault::CrashAfter
    } else {
        Fault::CrashBefore
    };
    let mut links = vec![&world.to_store, &world.to_vault, &world.to_edge];
    for site in &world.sites {
        links.extend([&site.to_database, &site.to_workload]);
    }
    let picked = usize::try_from(nth).unwrap_or(0) % links.len();
    let link = links[picked];
    let share = nth / links.len() as u64 + 1;
    link.script(ANY_METHOD, link.calls(ANY_METHOD) + share, fault);
    control.restart_once_dead(world, lasts).await;
}

/// Whether the service can go on without `site`: the other one can be restored,
/// and nothing is being moved to `site`. A move whose target dies for good after
/// its promotion was begun has no way out but the target's return.
fn can_be_spared(world: &World, site: &SimSite) -> bool {
    let moving = operator::unfinished(world);
    let moving_there = moving.is_some_and(|f| f.execution().runbook.to == site.name);
    world.repository.is_recoverable() && !moving_there
}

/// Ends all faults: the network is whole and the machines run, but for the one
/// that stays dead, when the service can do without it.
pub fn mend(world: &World, scenario: &Scenario) {
    world.trace.record("fault", "everything is mended");
    world.mended.set(true);
    world.set_weather(QUIET);
    for link in world.links() {
        if !link.is_up() {
            link.set_up(true);
        }
    }
    let dead = scenario.stays_dead.map(|target| world.target(target));
    let dead = dead.filter(|site| can_be_spared(world, site));
    for site in &world.sites {
        site.workload.set_healthy(true);
        if dead.is_some_and(|d| d.name == site.name) {
            world.trace.record(site.name.as_str(), "stays dead");
            site.database.kill();
            site.workload.set_powered(false);
        } else {
            site.database.revive();
            site.workload.set_powered(true);
        }
    }
}
