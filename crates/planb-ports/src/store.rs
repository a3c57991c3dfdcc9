//! The control plane's durable state: epochs and journals.

use crate::PortResult;
use async_trait::async_trait;
use jiff::Timestamp;
use planb_model::execution::{Execution, JournalEntry, JournalRecord};
use planb_model::service::ServiceRecord;
use planb_model::{Epoch, ExecutionId, ServiceName, SiteName};

/// Durable state. Every method that changes something is durable when it
/// returns `Ok`.
#[async_trait]
pub trait Store: Send + Sync {
    /// Registers a service at [`Epoch::FIRST`] with `active` taking writes, if
    /// it is not registered; returns the record either way.
    async fn register(
        &self,
        service: &ServiceName,
        active: &SiteName,
        now: Timestamp,
    ) -> PortResult<ServiceRecord>;

    /// The record of a service; `NotFound` when it is not registered.
    async fn service(&self, service: &ServiceName) -> PortResult<ServiceRecord>;

    /// Takes epoch `based_on + 1` for `execution` by compare-and-swap. The same
    /// execution again: returns the same epoch. `Fenced` when the record has moved on.
    async fn claim_epoch(
        &self,
        service: &ServiceName,
        based_on: Epoch,
        execution: &ExecutionId,
        now: Timestamp,
    ) -> PortResult<Epoch>;

    /// Sets the site that takes writes. `Fenced` when the record's epoch is newer.
    async fn activate(
        &self,
        service: &ServiceName,
        site: &SiteName,
        epoch: Epoch,
        now: Timestamp,
    ) -> PortResult<ServiceRecord>;

    /// Opens an execution. `Conflict` when the service has one that has not
    /// finished; `AlreadyExists` when the id is taken.
    async fn open_execution(&self, execution: &Execution) -> PortResult<()>;

    /// One execution; `NotFound` when there is none.
    async fn execution(&self, id: &ExecutionId) -> PortResult<Execution>;

    /// The newest executions of a service, newest first, at most `limit`.
    async fn executions(&self, service: &ServiceName, limit: usize) -> PortResult<Vec<Execution>>;

    /// Executions that have no `Finished` entry.
    async fn unfinished(&self) -> PortResult<Vec<Execution>>;

    /// Appends to a journal at place `expected_seq` (1 for the first entry) and
    /// returns the record. `Conflict` when the place is taken: another process
    /// writes this journal.
    async fn append(
        &self,
        id: &ExecutionId,
        expected_seq: u64,
        entry: &JournalEntry,
        now: Timestamp,
    ) -> PortResult<JournalRecord>;

    /// A whole journal, in order.
    async fn journal(&self, id: &ExecutionId) -> PortResult<Vec<JournalRecord>>;
}
