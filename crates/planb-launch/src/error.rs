//! What goes wrong when a server is started: which server, why, and what to do.

use planb_model::Text;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a server could not be started or prepared.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its program is not on this machine.
    #[error("{server} is not installed (looked for {looked_for})")]
    Missing {
        /// What is missing: `Azurite`, `mariadbd`.
        server: &'static str,
        /// Where it was looked for.
        looked_for: String,
        /// How it is installed.
        hint: Box<Text>,
    },
    /// Its program is there and cannot be started.
    #[error("cannot start {}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file, directory or port of ours could not be prepared.
    #[error("cannot {what}")]
    Io {
        /// What was tried, in the infinitive: `create /tmp/x`.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{server} ended before it was ready ({status}): {output}")]
    Ended {
        /// The server.
        server: &'static str,
        /// Its exit status, in words.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// It runs and did not become ready in time.
    #[error("{server} was not ready after {} s: {output}", waited.as_secs())]
    NotReady {
        /// The server.
        server: &'static str,
        /// How long was waited.
        waited: Duration,
        /// The end of what it wrote.
        output: String,
    },
    /// It is ready and refused what had to be prepared in it.
    #[error("{server} refused to {what}: {answer}")]
    Refused {
        /// The server.
        server: &'static str,
        /// What was asked, in the infinitive.
        what: String,
        /// What it answered.
        answer: String,
    },
}

impl LaunchError {
    /// Its code, with a page in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            LaunchError::Missing { .. } => "PB-LAUNCH-MISSING",
            LaunchError::Spawn { .. } => "PB-LAUNCH-SPAWN",
            LaunchError::Io { .. } => "PB-LAUNCH-IO",
            LaunchError::Ended { .. } => "PB-LAUNCH-ENDED",
            LaunchError::NotReady { .. } => "PB-LAUNCH-NOT-READY",
            LaunchError::Refused { .. } => "PB-LAUNCH-REFUSED",
        }
    }

    /// What to do about it, when a user can do something.
    pub fn hint(&self) -> Option<&Text> {
        match self {
            LaunchError::Missing { hint, .. } => Some(hint),
            _ => None,
        }
    }

    /// Says what of ours could not be prepared: `.map_err(LaunchError::io("create x"))`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> LaunchError {
        let what = what.into();
        move |source| LaunchError::Io { what, source }
    }
}
