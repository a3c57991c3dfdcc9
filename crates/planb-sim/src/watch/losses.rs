//! What a promotion may lose: nothing, and after a failover only what had not
//! reached the vault.

use super::Watch;
use planb_model::execution::Execution;
use planb_model::runbook::RunbookKind;
use planb_model::{Epoch, SiteName};

impl Watch {
    pub(super) fn promotions_lose_nothing_they_must_not(&self) {
        for site in &self.world.sites {
            let fence = site.database.peek_fence();
            let Some(epoch) = fence.epoch.filter(|_| !fence.read_only) else {
                continue;
            };
            let promotion = (site.name.clone(), epoch);
            if self.seen.borrow_mut().promotions.insert(promotion) {
                self.promoted(&site.name, epoch);
            }
        }
    }

    fn promoted(&self, site: &SiteName, epoch: Epoch) {
        let executions = self.world.store.peek_executions();
        let of_epoch = |e: &&Execution| e.runbook.epoch == epoch;
        let found = executions.iter().map(|(e, _)| e).rfind(of_epoch);
        let may_lose =
            found.is_some_and(|e| e.runbook.kind == RunbookKind::Failover && e.runbook.to == *site);
        let kind = found.map(|e| e.runbook.kind);
        let missing = self.missing_at(site);
        let (durable, waited) = if missing.is_empty() {
            Default::default()
        } else {
            let repository = &self.world.repository;
            (repository.ever_durable(), repository.left_behind())
        };
        self.world.trace.record(
            "watch",
            &format!(
                "{site} promoted under {epoch} by {kind:?}, {} missing",
                missing.len()
            ),
        );
        for key in missing {
            let entry = self.ledger.entries().remove(&key);
            let at = entry.map(|e| e.at).unwrap_or_default();
            if !may_lose {
                self.broken(format!(
                    "{kind:?} to {site} under epoch {epoch} lost {key}, acknowledged at {at:?}"
                ));
            } else if durable.contains(&key) {
                self.broken(format!(
                    "failover to {site} under epoch {epoch} lost {key}, acknowledged at {at:?}, which was in the vault"
                ));
            } else if waited.contains(&key) {
                self.broken(format!(
                    "failover to {site} under epoch {epoch} lost {key}, acknowledged at {at:?}, which waited on the control plane's disk"
                ));
            }
            self.lost.borrow_mut().insert(key, epoch);
        }
    }

    /// Acknowledged writes that are not in the database of `site`.
    pub(super) fn missing_at(&self, site: &SiteName) -> Vec<String> {
        let rows = self.world.site(site).database.rows();
        let entries = self.ledger.entries();
        let missing = entries
            .iter()
            .filter(|(k, e)| rows.get(*k) != Some(&e.value));
        missing.map(|(key, _)| key.clone()).collect()
    }
}
