//! Conditional create whose answer may get lost.

use crate::vault::Vault;
use bytes::Bytes;
use planb_ports::{ErrorKind, PortResult};

/// What is under the key now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Put {
    /// Our bytes; we or an earlier attempt of ours put them there.
    Ours,
    /// Other bytes, which stay.
    Others(Bytes),
}

impl Vault {
    /// Creates `key`. When the answer got lost or somebody was first, what is
    /// there is read and compared. Errors mean that it is still not known, or
    /// that nothing is there; the same call may be made again with the same bytes.
    pub(crate) async fn put(&self, key: &str, bytes: &Bytes) -> PortResult<Put> {
        let failed = match self.storage.create(key, bytes.clone()).await {
            Ok(()) => return Ok(Put::Ours),
            Err(e) => e,
        };
        match failed.kind() {
            ErrorKind::AlreadyExists | ErrorKind::Timeout => {}
            _ => return Err(failed),
        }
        match self.storage.read(key).await {
            Ok(there) if there == *bytes => Ok(Put::Ours),
            Ok(there) => Ok(Put::Others(there)),
            // It did not get there: the lost answer was one to a lost request.
            Err(e) if e.kind() == ErrorKind::NotFound => Err(lost(failed)),
            Err(e) => Err(e),
        }
    }
}

/// An object that was there for the create and not for the read was made
/// invisible by the store or deleted; trying again will tell.
fn lost(failed: planb_ports::PortError) -> planb_ports::PortError {
    match failed.kind() {
        ErrorKind::Timeout => failed,
        _ => planb_ports::PortError::new(
            ErrorKind::Unavailable,
            "PB-REPO-UNSTEADY",
            "the vault said that an object exists and then did not find it",
        )
        .source(failed),
    }
}
