//! No crying wolf: the detector does not move a service that was well, as
//! clients saw it, while enough observers could see that.

use super::Watch;
use crate::plan::{OBSERVERS, PROMOTE_QUORUM};
use crate::world::World;
use planb_model::SiteName;
use planb_model::execution::{Execution, Trigger};
use planb_ports::Clock;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a site must have been well, and an observer's way to it clear, to
/// count: all rounds of a verdict, and the time it takes to open an execution.
const CLEAR_FOR: Duration = Duration::from_secs(12);

/// Since when things are as they should be, without a break.
#[derive(Default)]
pub(super) struct Clear {
    well: BTreeMap<SiteName, Duration>,
    observed: BTreeMap<(SiteName, usize), Duration>,
    shipped: BTreeMap<SiteName, Duration>,
}

fn update<K: Ord>(since: &mut BTreeMap<K, Duration>, key: K, is_clear: bool, now: Duration) {
    if is_clear {
        since.entry(key).or_insert(now);
    } else {
        since.remove(&key);
    }
}

impl Clear {
    fn look(&mut self, world: &World, now: Duration) {
        for site in &world.sites {
            let name = &site.name;
            update(
                &mut self.well,
                name.clone(),
                site.is_well_for_clients(),
                now,
            );
            for (n, link) in site.from_observers.iter().enumerate() {
                let clear = link.is_up() && world.uplinks.get(n).is_some_and(|l| l.is_up());
                update(&mut self.observed, (name.clone(), n), clear, now);
            }
            let ships = site.to_database.is_up() && world.to_vault.is_up();
            update(&mut self.shipped, name.clone(), ships, now);
        }
    }

    /// Why a failover away from `site` is a false alarm, if it is one.
    fn false_alarm(&self, site: &SiteName, now: Duration) -> Option<String> {
        let long = |since: Option<&Duration>| since.is_some_and(|s| now - *s >= CLEAR_FOR);
        if !long(self.well.get(site)) {
            return None;
        }
        let clear = |n: &usize| long(self.observed.get(&(site.clone(), *n)));
        let could_see = (0..OBSERVERS).filter(clear).count();
        if could_see > OBSERVERS - PROMOTE_QUORUM {
            return Some(format!("{could_see} observers could see that it was well"));
        }
        None
    }
}

impl Watch {
    pub(super) fn nobody_cries_wolf(&self) {
        let now = self.world.clock.monotonic();
        let mut alarms = Vec::new();
        {
            let mut seen = self.seen.borrow_mut();
            let unchanged = self.world.store.changes() == seen.grew.0;
            let all = if unchanged {
                vec![]
            } else {
                self.world.store.peek_executions()
            };
            for (execution, _) in all {
                if seen.opened.insert(execution.id.clone()) && is_detected(&execution) {
                    let from = &execution.runbook.from;
                    let why = seen.clear.false_alarm(from, now);
                    alarms.extend(why.map(|why| format!("false alarm about {from}: {why}")));
                }
            }
            seen.clear.look(&self.world, now);
        }
        for alarm in alarms {
            self.broken(alarm);
        }
    }
}

fn is_detected(execution: &Execution) -> bool {
    matches!(execution.trigger, Trigger::Detector { .. })
}
