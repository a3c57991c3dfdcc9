//! One look at something, without changing it.

use crate::PortResult;
use async_trait::async_trait;
use planb_model::SiteName;

/// Looks at one target in one way.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Looks once, within the timeout the probe was made with. `Ok` means the
    /// target is well; every error means it is not known to be.
    async fn look(&self) -> PortResult<Seen>;
}

/// What a successful look saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// The site that answered, when the answer says so (`x-planb-site` of the edge).
    pub site: Option<SiteName>,
    /// The HTTP status, for HTTP probes.
    pub status: Option<u16>,
}
