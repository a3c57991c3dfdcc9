//! Lets the kill -9 test end the process at a chosen point of the journal.
//!
//! `PLANB_CRASH_AT=<seq>:<before|after>` ends it with SIGKILL just before or
//! just after the journal entry `seq` is written. Only debug builds listen.

use planb_engine::{CrashPoints, NoCrash};
use std::sync::Arc;

/// What the environment asks for; nothing in release builds.
#[cfg(not(debug_assertions))]
pub fn from_environment() -> Arc<dyn CrashPoints> {
    Arc::new(NoCrash)
}

/// What the environment asks for.
#[cfg(debug_assertions)]
pub fn from_environment() -> Arc<dyn CrashPoints> {
    let Ok(text) = std::env::var("PLANB_CRASH_AT") else {
        return Arc::new(NoCrash);
    };
    match at(&text) {
        Some(point) => Arc::new(point),
        None => {
            tracing::warn!(%text, "PLANB_CRASH_AT is not understood");
            Arc::new(NoCrash)
        }
    }
}

#[cfg(debug_assertions)]
struct KillAt {
    seq: u64,
    side: planb_engine::Side,
}

#[cfg(debug_assertions)]
fn at(text: &str) -> Option<KillAt> {
    let (seq, side) = text.split_once(':')?;
    Some(KillAt {
        seq: seq.parse().ok()?,
        side: match side {
            "before" => planb_engine::Side::Before,
            "after" => planb_engine::Side::After,
            _ => return None,
        },
    })
}

#[cfg(debug_assertions)]
impl CrashPoints for KillAt {
    fn reached(&self, point: planb_engine::CrashPoint) {
        if point.seq == self.seq && point.side == self.side {
            use nix::sys::signal::{Signal, kill};
            if let Err(error) = kill(nix::unistd::getpid(), Signal::SIGKILL) {
                tracing::error!(%error, "cannot kill this process");
            }
        }
    }
}
