//! The safety rules, held against what happens.
//!
//! Looks at the fakes themselves, not at what the engine says. A rule that is
//! broken is one line of text; the first one is what matters.

mod end;
mod epochs;
mod losses;
mod wolf;

use crate::client::Ledger;
use crate::plan::service;
use crate::world::{SimSite, World};
use planb_decide::fold;
use planb_model::execution::ExecutionState;
use planb_model::{Epoch, ExecutionId, SiteName};
use planb_ports::Clock;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// Time between two looks, in milliseconds. Acknowledgements are looked at one by one.
pub const LOOK_MS: u64 = 100;
/// Longest time an execution may be in progress without a new journal entry
/// while the control plane runs: the longest deadline of a step that only
/// waits, and some.
const STILL_MAX: Duration = Duration::from_secs(400);

/// What was seen up to now.
#[derive(Default)]
struct Seen {
    database_epochs: BTreeMap<SiteName, (u64, Epoch)>,
    workload_epochs: BTreeMap<SiteName, Epoch>,
    store_epoch: Epoch,
    edge_plans: usize,
    promotions: BTreeSet<(SiteName, Epoch)>,
    opened: BTreeSet<ExecutionId>,
    /// Changes of the store, and when the last one was seen.
    grew: (u64, Duration),
    clear: wolf::Clear,
}

/// Watches one world.
pub struct Watch {
    world: Rc<World>,
    ledger: Rc<Ledger>,
    seen: RefCell<Seen>,
    violations: RefCell<Vec<String>>,
    lost: RefCell<BTreeMap<String, Epoch>>,
}

impl Watch {
    /// A watch that has seen nothing yet.
    pub fn new(world: Rc<World>, ledger: Rc<Ledger>) -> Self {
        Self {
            world,
            ledger,
            seen: RefCell::default(),
            violations: RefCell::default(),
            lost: RefCell::default(),
        }
    }

    /// Looks for ever.
    pub async fn run(&self) {
        loop {
            self.look();
            self.world.clock.sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Rules broken up to now.
    pub fn violations(&self) -> Vec<String> {
        self.violations.borrow().clone()
    }

    /// Whether any rule was broken up to now.
    pub fn is_broken(&self) -> bool {
        !self.violations.borrow().is_empty()
    }

    /// Acknowledged writes that failovers lost, as they may.
    pub fn lost(&self) -> usize {
        self.lost.borrow().len()
    }

    /// A client's write was acknowledged by `site` just now.
    pub fn acknowledged(&self, site: &SiteName) {
        let epoch_of = |name| self.world.site(name).database.peek_fence().epoch;
        for other in self.world.sites.iter().filter(|s| s.name != *site) {
            let fence = other.database.peek_fence();
            if fence.epoch > epoch_of(site) && !fence.read_only && other.database.is_alive() {
                self.broken(format!(
                    "split brain: {site} acknowledged a write under epoch {:?} although {} was promoted under {:?}",
                    epoch_of(site), other.name, fence.epoch
                ));
            }
        }
    }

    fn broken(&self, rule: String) {
        self.world.trace.record("VIOLATION", &rule);
        self.violations.borrow_mut().push(rule);
    }

    fn look(&self) {
        self.one_writer();
        self.epochs_never_go_back();
        self.promotions_lose_nothing_they_must_not();
        self.nobody_cries_wolf();
        self.executions_end_or_say_why();
    }

    fn one_writer(&self) {
        // A new, empty disk has no fence row; what its machine starts by itself
        // gets no requests, and an acknowledgement of it is looked at above.
        let remembers =
            |s: &&SimSite| s.database.disk_no() == 1 || s.database.peek_fence().epoch.is_some();
        let sites = self.world.sites.iter().filter(remembers);
        let writers = sites.filter(|s| s.takes_writes());
        let names: Vec<&str> = writers.map(|s| s.name.as_str()).collect();
        if names.len() > 1 {
            self.broken(format!("two writers at once: {}", names.join(" and ")));
        }
        for site in &self.world.sites {
            if site.database.primaries_destroyed() > 0 {
                self.broken(format!(
                    "a restore replaced {} while it took writes",
                    site.name
                ));
            }
        }
    }

    /// Every new entry is folded, and silence is looked into once it is long.
    fn executions_end_or_say_why(&self) {
        let now = self.world.clock.monotonic();
        let changes = self.world.store.changes();
        let (known, since) = self.seen.borrow().grew;
        if changes == known && now - since < STILL_MAX {
            return;
        }
        self.seen.borrow_mut().grew = (changes, now);
        for (execution, journal) in self.world.store.peek_executions() {
            let id = &execution.id;
            match fold(&execution, &journal) {
                Err(error) => self.broken(format!("journal {id} cannot be: {error}")),
                Ok(fold) if changes == known => {
                    if fold.status().state == ExecutionState::InProgress {
                        self.broken(format!("execution {id} stands still"));
                    }
                }
                Ok(_) => {}
            }
        }
    }

    fn record_active(&self) -> Option<SiteName> {
        self.world.store.peek(&service()).map(|r| r.active)
    }
}
