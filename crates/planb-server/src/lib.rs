//! Wiring, API and status page of the control plane.
//!
//! Layer 5. The only place where ports meet connectors; there is no decision
//! here and no step.

pub mod api;
pub mod audit;
pub mod check;
pub mod control;
pub mod drills;
pub mod edge;
pub mod offline;
pub mod page;
pub mod report;
pub mod runtime;
pub mod secrets;
pub mod wiring;

/// File in the state directory that tells the CLI where the API is.
pub const API_FILE: &str = "api.json";
/// File in the state directory with epochs and journals.
pub const STATE_FILE: &str = "state.db";

/// Makes ring the TLS library of this process. Again: no effect.
pub fn install_crypto() {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("the TLS library was chosen before");
    }
}
