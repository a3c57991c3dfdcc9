//! How a run has to end: the service serves, is protected, and has everything
//! that was acknowledged and not lost in an accountable way.

use super::Watch;
use crate::operator::unfinished;
use planb_model::Epoch;

impl Watch {
    /// What keeps the world from being well again; `None` when it is.
    pub fn unsettled(&self) -> Option<String> {
        if let Some(fold) = unfinished(&self.world) {
            let state = fold.status().state;
            return Some(format!("execution {} is {state:?}", fold.execution().id));
        }
        let Some(active) = self.record_active() else {
            return Some("the service was never registered".to_owned());
        };
        let answering = self.world.outside().answering();
        if answering.as_ref() != Some(&active) {
            return Some(format!("{active} should answer, {answering:?} does"));
        }
        let site = self.world.site(&active);
        if !site.takes_writes() {
            return Some(format!("{active} takes no writes"));
        }
        let durable = self.world.repository.recoverable_keys();
        let entries = self.ledger.entries();
        let open = entries.keys().filter(|key| !durable.contains(*key)).count();
        (open > 0).then(|| format!("{open} acknowledged writes are not in the vault"))
    }

    /// The world did not become well again in time, because of `why`.
    pub fn never_settled(&self, why: &str) {
        self.broken(format!("long after the faults stopped: {why}"));
    }

    /// Looks at everything a last time.
    pub fn finish(&self, lateness: bool) {
        self.look();
        if let Some(active) = self.record_active() {
            for key in self.missing_at(&active) {
                self.broken(format!("at the end {active} does not have {key}"));
            }
        }
        if !lateness {
            self.no_effect_twice();
        }
    }

    /// Without late requests every effect of an epoch happens once.
    fn no_effect_twice(&self) {
        let newest = self.seen.borrow().store_epoch;
        for site in &self.world.sites {
            for epoch in (1..=newest.0).map(Epoch) {
                for method in ["promote", "fence"] {
                    let times = site.database.effects(method, epoch);
                    if times > 1 {
                        let name = &site.name;
                        self.broken(format!(
                            "{method}({epoch}) took effect {times} times at {name}"
                        ));
                    }
                }
            }
        }
        for (epoch, who) in self.world.repository.claims() {
            let claims = self.world.repository.claims();
            let same = claims.iter().filter(|(_, w)| *w == who).count();
            if same > 1 {
                self.broken(format!("{who} claimed {same} epochs, one of them {epoch}"));
            }
        }
    }
}
