//! Clients: they write through the edge and keep every acknowledgement.

use crate::dice::Dice;
use crate::world::World;
use planb_model::SiteName;
use planb_model::traffic::TrafficMode;
use planb_ports::Clock;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Clients of a world.
pub const CLIENTS: u64 = 3;
/// Pause between two writes of a client, in milliseconds.
const PAUSE_MS: (u64, u64) = (20, 400);
/// Chance that the client does not hear of a write that was done.
const UNHEARD: f64 = 0.02;

/// A write that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// What was written.
    pub value: String,
    /// Who acknowledged it.
    pub site: SiteName,
    /// When, since the world began.
    pub at: Duration,
}

/// Every acknowledged write that nobody has accounted for as lost.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<BTreeMap<String, Acknowledged>>);

impl Ledger {
    /// Access to the entries, by key.
    pub fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Acknowledged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One write as the edge carries it out: the first origin of its plan that
/// answers. Tells who acknowledged it.
pub fn write(world: &World, key: &str, value: &str) -> Option<SiteName> {
    let plan = world.edge.serving(&crate::plan::service())?;
    let TrafficMode::Serve { origins } = plan.mode else {
        return None;
    };
    origins.into_iter().map(|o| o.site).find(|name| {
        let site = world.site(name);
        site.from_edge.is_up() && site.workload.write(key, value).is_ok()
    })
}

/// Writes for ever. `acknowledged` is told of every acknowledgement at once.
pub async fn run(
    world: &World,
    ledger: &Ledger,
    client: u64,
    seed: u64,
    acknowledged: impl Fn(&SiteName),
) {
    let dice = Dice::new(seed, 100 + client);
    let mut count = 0;
    loop {
        world.clock.sleep(dice.millis(PAUSE_MS.0, PAUSE_MS.1)).await;
        count += 1;
        let (key, value) = (format!("c{client}-{count}"), format!("v{count}"));
        let unheard = dice.chance(UNHEARD);
        let Some(site) = write(world, &key, &value) else {
            continue;
        };
        acknowledged(&site);
        if unheard {
            continue;
        }
        let at = world.clock.monotonic();
        let entry = Acknowledged { value, site, at };
        ledger.entries().insert(key, entry);
    }
}
