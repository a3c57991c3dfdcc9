//! The control plane's durable knowledge of one service.

use crate::{Epoch, ExecutionId, ServiceName, SiteName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a service stands, as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRecord {
    /// The service.
    pub service: ServiceName,
    /// Highest epoch ever claimed.
    pub epoch: Epoch,
    /// The site that takes writes.
    pub active: SiteName,
    /// Epoch under which `active` was set; protection acts under this one.
    pub active_epoch: Epoch,
    /// The execution that claimed `epoch`; `None` for [`Epoch::FIRST`].
    pub claimed_by: Option<ExecutionId>,
    /// When the record last changed.
    pub updated_at: Timestamp,
}
