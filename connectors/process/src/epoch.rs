//! The newest epoch that acted on a workload, on disk (safety rule 1).

use crate::place::{Lock, Place};
use planb_model::Epoch;
use planb_ports::{PortError, PortResult};
use serde::{Deserialize, Serialize};

const FILE: &str = "epoch.json";

#[derive(Debug, Serialize, Deserialize)]
struct Newest {
    epoch: Epoch,
}

/// Lets `epoch` act, and no older one from then on. Durable on return.
/// `Fenced` when a newer one has acted.
pub(crate) fn enter(place: &Place, lock: &Lock, epoch: Epoch, what: &str) -> PortResult<()> {
    let newest = place.read::<Newest>(FILE)?.map(|n| n.epoch);
    match newest {
        Some(newest) if newest > epoch => Err(PortError::fenced(newest, what, epoch)),
        Some(newest) if newest == epoch => Ok(()),
        _ => place.write(lock, FILE, &Newest { epoch }),
    }
}
