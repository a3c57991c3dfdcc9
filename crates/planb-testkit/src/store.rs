//! A fake of the control plane's durable state, in memory. It survives every
//! [`Incarnation`](crate::Incarnation) that uses it, as a disk does.

use crate::{Link, fake_error, lock};
use async_trait::async_trait;
use jiff::Timestamp;
use planb_model::execution::{Execution, JournalEntry, JournalRecord};
use planb_model::service::ServiceRecord;
use planb_model::{Epoch, ExecutionId, ServiceName, SiteName};
use planb_ports::{ErrorKind, PortError, PortResult, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A store. Clones are the same store.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    link: Link,
}

#[derive(Debug, Default)]
struct State {
    services: BTreeMap<ServiceName, ServiceRecord>,
    /// In the order they were opened.
    executions: Vec<(Execution, Vec<JournalRecord>)>,
    changes: u64,
}

impl State {
    fn service(&mut self, service: &ServiceName) -> PortResult<&mut ServiceRecord> {
        let found = self.services.get_mut(service);
        found.ok_or_else(|| fake_error(ErrorKind::NotFound, "the service is not registered"))
    }

    fn execution(&mut self, id: &ExecutionId) -> PortResult<&mut (Execution, Vec<JournalRecord>)> {
        let found = self.executions.iter_mut().find(|(e, _)| &e.id == id);
        found.ok_or_else(|| fake_error(ErrorKind::NotFound, "there is no such execution"))
    }

    fn claim(
        &mut self,
        service: &ServiceName,
        based_on: Epoch,
        execution: &ExecutionId,
        now: Timestamp,
    ) -> PortResult<Epoch> {
        let record = self.service(service)?;
        if record.epoch == based_on.next() && record.claimed_by.as_ref() == Some(execution) {
            return Ok(record.epoch);
        }
        if record.epoch != based_on {
            return Err(PortError::fenced(
                record.epoch,
                "the store",
                based_on.next(),
            ));
        }
        record.epoch = based_on.next();
        record.claimed_by = Some(execution.clone());
        record.updated_at = now;
        Ok(record.epoch)
    }

    fn activate(
        &mut self,
        service: &ServiceName,
        site: &SiteName,
        epoch: Epoch,
        now: Timestamp,
    ) -> PortResult<ServiceRecord> {
        let record = self.service(service)?;
        if record.epoch > epoch {
            return Err(PortError::fenced(record.epoch, "the store", epoch));
        }
        if record.epoch < epoch {
            return Err(fake_error(ErrorKind::Conflict, "nobody claimed this epoch"));
        }
        if record.active != *site || record.active_epoch != epoch {
            record.active = site.clone();
            record.active_epoch = epoch;
            record.updated_at = now;
        }
        Ok(record.clone())
    }

    fn open(&mut self, execution: &Execution) -> PortResult<()> {
        if self.executions.iter().any(|(e, _)| e.id == execution.id) {
            return Err(fake_error(ErrorKind::AlreadyExists, "the id is taken"));
        }
        let service = &execution.runbook.service;
        let busy = |(e, journal): &(Execution, Vec<JournalRecord>)| {
            &e.runbook.service == service && !is_finished(journal)
        };
        if self.executions.iter().any(busy) {
            let message = "an execution of the service has not finished";
            return Err(fake_error(ErrorKind::Conflict, message));
        }
        self.executions.push((execution.clone(), vec![]));
        self.changes += 1;
        Ok(())
    }

    fn append(
        &mut self,
        id: &ExecutionId,
        expected_seq: u64,
        entry: &JournalEntry,
        now: Timestamp,
    ) -> PortResult<JournalRecord> {
        let (_, journal) = self.execution(id)?;
        if expected_seq != journal.len() as u64 + 1 {
            let message = format!("the journal has {} entries", journal.len());
            return Err(fake_error(ErrorKind::Conflict, message));
        }
        let record = JournalRecord {
            seq: expected_seq,
            at: now,
            entry: entry.clone(),
        };
        journal.push(record.clone());
        self.changes += 1;
        Ok(record)
    }
}

fn is_finished(journal: &[JournalRecord]) -> bool {
    let finished = |r: &JournalRecord| matches!(r.entry, JournalEntry::Finished { .. });
    journal.iter().any(finished)
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            link: Link::direct(),
        }
    }

    /// The same store behind `link`.
    #[must_use]
    pub fn through(&self, link: Link) -> Self {
        Self {
            state: self.state.clone(),
            link,
        }
    }

    /// The record of a service, without a network in between.
    pub fn peek(&self, service: &ServiceName) -> Option<ServiceRecord> {
        lock(&self.state).services.get(service).cloned()
    }

    /// Counts executions and journal entries as they come.
    pub fn changes(&self) -> u64 {
        lock(&self.state).changes
    }

    /// Every execution with its journal, oldest first, without a network in between.
    pub fn peek_executions(&self) -> Vec<(Execution, Vec<JournalRecord>)> {
        lock(&self.state).executions.clone()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn register(
        &self,
        service: &ServiceName,
        active: &SiteName,
        now: Timestamp,
    ) -> PortResult<ServiceRecord> {
        let register = || {
            let mut state = lock(&self.state);
            let record = state
                .services
                .entry(service.clone())
                .or_insert_with(|| ServiceRecord {
                    service: service.clone(),
                    epoch: Epoch::FIRST,
                    active: active.clone(),
                    active_epoch: Epoch::FIRST,
                    claimed_by: None,
                    updated_at: now,
                });
            Ok(record.clone())
        };
        self.link.call("register", register).await
    }

    async fn service(&self, service: &ServiceName) -> PortResult<ServiceRecord> {
        let read = || lock(&self.state).service(service).cloned();
        self.link.call("service", read).await
    }

    async fn claim_epoch(
        &self,
        service: &ServiceName,
        based_on: Epoch,
        execution: &ExecutionId,
        now: Timestamp,
    ) -> PortResult<Epoch> {
        let state = self.state.clone();
        let (service, execution) = (service.clone(), execution.clone());
        let claim = move || lock(&state).claim(&service, based_on, &execution, now);
        let call = ("claim", based_on.next());
        self.link.call_or_late(call, claim).await
    }

    async fn activate(
        &self,
        service: &ServiceName,
        site: &SiteName,
        epoch: Epoch,
        now: Timestamp,
    ) -> PortResult<ServiceRecord> {
        let state = self.state.clone();
        let (service, site) = (service.clone(), site.clone());
        let activate = move || lock(&state).activate(&service, &site, epoch, now);
        self.link.call_or_late(("activate", epoch), activate).await
    }

    async fn open_execution(&self, execution: &Execution) -> PortResult<()> {
        let open = || lock(&self.state).open(execution);
        let call = ("open-execution", execution.runbook.epoch);
        self.link.call(call, open).await
    }

    async fn execution(&self, id: &ExecutionId) -> PortResult<Execution> {
        let read = || Ok(lock(&self.state).execution(id)?.0.clone());
        self.link.call("execution", read).await
    }

    async fn executions(&self, service: &ServiceName, limit: usize) -> PortResult<Vec<Execution>> {
        let read = || {
            let state = lock(&self.state);
            let newest_first = state.executions.iter().rev().map(|(e, _)| e);
            let of_service = newest_first.filter(|e| &e.runbook.service == service);
            Ok(of_service.take(limit).cloned().collect())
        };
        self.link.call("executions", read).await
    }

    async fn unfinished(&self) -> PortResult<Vec<Execution>> {
        let read = || {
            let state = lock(&self.state);
            let open = state.executions.iter().filter(|(_, j)| !is_finished(j));
            Ok(open.map(|(e, _)| e.clone()).collect())
        };
        self.link.call("unfinished", read).await
    }

    async fn append(
        &self,
        id: &ExecutionId,
        expected_seq: u64,
        entry: &JournalEntry,
        now: Timestamp,
    ) -> PortResult<JournalRecord> {
        let append = || {
            let record = lock(&self.state).append(id, expected_seq, entry, now)?;
            self.link
                .record(&format!("journal {expected_seq} {entry:?}"));
            Ok(record)
        };
        self.link.call("append", append).await
    }

    async fn journal(&self, id: &ExecutionId) -> PortResult<Vec<JournalRecord>> {
        let read = || Ok(lock(&self.state).execution(id)?.1.clone());
        self.link.call("journal", read).await
    }
}

#[cfg(test)]
mod tests;
