//! Counters of an edge, cheap to count and to read.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Live counters.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics { $(pub(crate) $name: Counter,)* }

        /// Counters since the edge started, as they were at one moment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct MetricsSnapshot { $($(#[$doc])* pub $name: u64,)* }

        impl Metrics {
            pub(crate) fn snapshot(&self) -> MetricsSnapshot {
                MetricsSnapshot { $($name: self.$name.get(),)* }
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections,
    /// Requests whose headers were read.
    requests,
    /// Requests answered by an origin, whatever the status.
    forwarded,
    /// Requests answered by the maintenance page.
    maintenance,
    /// Requests whose outcome is not known: sent, and no answer came (502).
    lost,
    /// Requests an origin did not answer in time (504).
    timed_out,
    /// Requests refused by the edge itself, or broken off by their client (4xx, 501).
    refused,
    /// Failed connects to origins.
    connect_failures,
    /// Requests tried again at the next origin.
    next_origin,
    /// Requests sent again because a kept connection was closed under them.
    stale_connections,
    /// Connections handed over to another protocol, such as WebSocket.
    tunnels,
    /// Plans applied.
    plans_applied,
    /// Plans refused because a newer or other one is held.
    plans_refused,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
