//! Sizing, by utilisation and by load (V 7).

use serde::{Deserialize, Serialize};

/// What is there, and how full it is; shares in per cent, loads in vCPU.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sizing {
    /// Servers today.
    pub servers: f64,
    /// How full they are.
    pub utilisation_now: f64,
    /// How full container nodes are.
    pub utilisation_then: f64,
    /// On top of what is needed.
    pub buffer: f64,
    /// What cannot be packed more densely.
    pub stateful_share: f64,
    /// Load at peak.
    #[serde(default)]
    pub peak_load: Option<f64>,
    /// On top of it for VMs.
    pub safety_margin: f64,
    /// Average load.
    #[serde(default)]
    pub average_load: Option<f64>,
    /// What autoscaling adds at peak.
    #[serde(default)]
    pub peak_autoscale: Option<f64>,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Result {
    /// Servers today.
    pub servers_now: f64,
    /// By utilisation alone, as a whole number of servers.
    pub pure_scaling: f64,
    /// With buffer and stateful share.
    pub servers_then: f64,
    /// Peak times safety margin, in vCPU.
    pub vm_vcpu: Option<f64>,
    /// Average times buffer plus autoscaling at peak, in vCPU.
    pub container_vcpu: Option<f64>,
}

impl Sizing {
    /// Both formulas.
    pub fn result(&self) -> Result {
        let scaled = self.servers * self.utilisation_now / self.utilisation_then;
        let load = self.average_load.zip(self.peak_autoscale);
        let more = |share: f64| 1.0 + share / 100.0;
        Result {
            servers_now: self.servers,
            pure_scaling: scaled.ceil(),
            servers_then: self.servers_then(),
            vm_vcpu: self.peak_load.map(|peak| peak * more(self.safety_margin)),
            container_vcpu: load
                .map(|(average, autoscale)| average * more(self.buffer) + autoscale),
        }
    }

    /// Servers afterwards: what is stateful stays as it is, the rest is packed
    /// and has its buffer. Never more than today.
    pub fn servers_then(&self) -> f64 {
        let stateful = self.stateful_share / 100.0;
        let packed = self.servers * self.utilisation_now / self.utilisation_then;
        let packed = packed * (1.0 + self.buffer / 100.0);
        let all = (1.0 - stateful) * packed + stateful * self.servers;
        all.min(self.servers).ceil()
    }
}
