//! A database that answers a trivial query is well.

use crate::error;
use async_trait::async_trait;
use planb_ports::probe::Seen;
use planb_ports::{Database, PortResult, Probe};
use std::sync::Arc;
use std::time::Duration;

/// Looks at a database through its port.
pub struct SqlProbe {
    database: Arc<dyn Database>,
    shown: String,
    timeout: Duration,
}

impl SqlProbe {
    /// A probe of `database`, called `name` in errors (such as `database of seoul`).
    pub fn new(database: Arc<dyn Database>, name: impl Into<String>, timeout: Duration) -> Self {
        Self {
            database,
            shown: name.into(),
            timeout,
        }
    }
}

#[async_trait]
impl Probe for SqlProbe {
    async fn look(&self) -> PortResult<Seen> {
        // The database's own error names cause and remedy better than ours.
        tokio::time::timeout(self.timeout, self.database.ping())
            .await
            .unwrap_or_else(|_| Err(error::timeout(&self.shown, self.timeout)))
            .map(|()| Seen::default())
    }
}
