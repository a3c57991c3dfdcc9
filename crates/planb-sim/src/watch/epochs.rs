//! Rule 1: no target takes an older epoch after a newer one. Rule 8: the edge
//! never has an empty plan.

use super::Watch;
use crate::plan::service;
use planb_model::{Epoch, SiteName};

impl Watch {
    pub(super) fn epochs_never_go_back(&self) {
        let mut went_back = Vec::new();
        for site in &self.world.sites {
            went_back.extend(self.database_epoch(&site.name));
            went_back.extend(self.workload_epoch(&site.name));
        }
        went_back.extend(self.store_epoch());
        went_back.extend(self.edge_plans());
        if self.world.repository.written_after_closing() > 0 {
            went_back.push("the vault took log of a closed chain".to_owned());
        }
        for rule in went_back {
            self.broken(rule);
        }
    }

    fn database_epoch(&self, name: &SiteName) -> Option<String> {
        let database = &self.world.site(name).database;
        let (disk, epoch) = (database.disk_no(), database.peek_fence().epoch);
        let now = (disk, epoch.unwrap_or_default());
        let mut seen = self.seen.borrow_mut();
        let before = seen.database_epochs.insert(name.clone(), now);
        let (_, older) = before.filter(|(d, e)| *d == disk && *e > now.1)?;
        Some(format!(
            "database {name} went back from epoch {older} to {}",
            now.1
        ))
    }

    fn workload_epoch(&self, name: &SiteName) -> Option<String> {
        let workload = &self.world.site(name).workload;
        let (fenced, running) = (
            workload.fenced()?,
            workload.running().unwrap_or(Epoch(u64::MAX)),
        );
        let mut seen = self.seen.borrow_mut();
        let before = seen.workload_epochs.insert(name.clone(), fenced);
        if before.is_some_and(|b| b > fenced) {
            return Some(format!(
                "workload {name} forgot that it was fenced by a newer epoch"
            ));
        }
        (running < fenced)
            .then(|| format!("workload {name} runs under {running}, fenced by {fenced}"))
    }

    fn store_epoch(&self) -> Option<String> {
        let record = self.world.store.peek(&service())?;
        let mut seen = self.seen.borrow_mut();
        let older = std::mem::replace(&mut seen.store_epoch, record.epoch);
        (older > record.epoch).then(|| format!("the store went back from epoch {older}"))
    }

    fn edge_plans(&self) -> Option<String> {
        if self.world.edge.plans() == self.seen.borrow().edge_plans {
            return None;
        }
        let history = self.world.edge.history();
        let first_new = std::mem::replace(&mut self.seen.borrow_mut().edge_plans, history.len());
        let new = history.get(first_new.saturating_sub(1)..)?;
        if new.iter().any(|plan| !plan.is_servable()) {
            return Some("the edge has an empty plan".to_owned());
        }
        let went_back = new.windows(2).find(|pair| !pair[1].supersedes(&pair[0]))?;
        Some(format!(
            "the edge went back from epoch {} revision {} to {} revision {}",
            went_back[0].epoch, went_back[0].revision, went_back[1].epoch, went_back[1].revision
        ))
    }
}
