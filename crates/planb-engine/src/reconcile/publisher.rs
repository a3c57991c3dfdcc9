//! Puts the status together, for whoever watches it.

use super::rest;
use crate::EngineError;
use crate::service::status;
use crate::shared::Shared;
use std::sync::Arc;
use std::time::Duration;

/// Time between two statuses without a signal: figures such as the age of the
/// newest canary move by themselves.
const PUBLISH_MS: u64 = 500;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let mut changes = shared.subscribe();
    loop {
        shared.status.send_replace(status::compose(&shared));
        rest(&shared, &mut changes, Duration::from_millis(PUBLISH_MS)).await;
    }
}
