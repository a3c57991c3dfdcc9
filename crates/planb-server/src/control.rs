//! All services of one control plane, and where an execution belongs.

use crate::api::types::ExecutionChange;
use planb_engine::{EngineError, Service};
use planb_model::runbook::RunbookHash;
use planb_model::status::{ExecutionHistory, ExecutionStatus, ServiceStatus};
use planb_model::{ExecutionId, ServiceName, Text};
use planb_ports::{ErrorKind, PortError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Digits of a hash that are enough to approve: 48 bits, as `planb` prints them.
const HASH_PREFIX_DIGITS_MIN: usize = 12;

/// The running services, by name.
pub struct ControlPlane {
    services: BTreeMap<ServiceName, Arc<Service>>,
    /// What is wrong with the control plane itself; part of every status.
    notices: Vec<Text>,
}

impl ControlPlane {
    /// Puts services together.
    pub fn new(services: BTreeMap<ServiceName, Arc<Service>>, notices: Vec<Text>) -> Self {
        Self { services, notices }
    }

    /// What is wrong with the control plane itself.
    pub fn notices(&self) -> &[Text] {
        &self.notices
    }

    /// All services.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// One service; `NotFound` when the plan file has no such one.
    pub fn service(&self, name: &ServiceName) -> Result<&Arc<Service>, EngineError> {
        self.services.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.services.keys().map(ServiceName::as_str).collect();
            PortError::new(
                ErrorKind::NotFound,
                "PB-SERVICE-NOT-FOUND",
                format!(
                    "there is no service '{name}' here, only: {}",
                    known.join(", ")
                ),
            )
            .into()
        })
    }

    /// How every service is, now.
    pub fn statuses(&self) -> Vec<ServiceStatus> {
        let status = |service: &Arc<Service>| ServiceStatus {
            notices: self.notices.clone(),
            ..service.status()
        };
        self.services.values().map(status).collect()
    }

    /// Newest executions of all services, newest first, at most `limit`.
    pub async fn history(&self, limit: usize) -> Result<Vec<ExecutionStatus>, EngineError> {
        let mut all = Vec::new();
        for service in self.services.values() {
            all.extend(service.history(limit).await?);
        }
        all.sort_by_key(|h| std::cmp::Reverse(h.execution.opened_at));
        all.truncate(limit);
        Ok(all)
    }

    /// One execution with its journal.
    pub async fn execution(&self, id: &ExecutionId) -> Result<ExecutionHistory, EngineError> {
        let mut last = None;
        for service in self.services.values() {
            match service.execution_history(id).await {
                Ok(found) => return Ok(found),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| not_found(id)))
    }

    /// Does what an operator asks to an execution.
    pub async fn change(
        &self,
        id: &ExecutionId,
        change: ExecutionChange,
    ) -> Result<(), EngineError> {
        let history = self.execution(id).await?;
        let execution = &history.status.execution;
        let service = self.service(&execution.runbook.service)?;
        match change {
            ExecutionChange::Approve { hash, who } => {
                service
                    .approve(id, &whole(&hash, &execution.hash), &who)
                    .await
            }
            ExecutionChange::Resume { who } => service.resume(id, &who).await,
            ExecutionChange::Skip { step, who, reason } => {
                service.skip(id, &step, &who, &reason).await
            }
            ExecutionChange::Pause { who } => service.pause(id, &who).await,
            ExecutionChange::Cancel { who } => service.cancel(id, &who).await,
        }
    }
}

/// The hash that `given` begins, when it is long enough to mean it.
fn whole(given: &RunbookHash, expected: &RunbookHash) -> RunbookHash {
    if given.0.len() >= HASH_PREFIX_DIGITS_MIN && expected.0.starts_with(&given.0) {
        expected.clone()
    } else {
        given.clone()
    }
}

fn not_found(id: &ExecutionId) -> EngineError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-EXECUTION-NOT-FOUND",
        format!("there is no execution '{id}'"),
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_enough_beginning_stands_for_a_hash() {
        let hash = RunbookHash("0123456789abcdef".into());
        assert_eq!(whole(&RunbookHash("0123456789ab".into()), &hash), hash);
        assert_ne!(whole(&RunbookHash("0123".into()), &hash), hash);
        assert_ne!(whole(&RunbookHash("0123456789ax".into()), &hash), hash);
    }
}
