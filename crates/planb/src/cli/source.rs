//! Where evidence is looked for.

use clap::Args;
use std::path::PathBuf;

/// Plan, state and vault of the service whose evidence is looked for.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// The plan file whose service is looked at
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Where PlanB keeps its state
    #[arg(long, default_value = ".planb", env = "PLANB_STATE")]
    pub state: PathBuf,
    /// The service; may be left out when the plan has only one
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// File with the public key of the audit log; by default that of the state
    #[arg(long, value_name = "FILE")]
    pub audit_key: Option<PathBuf>,
    /// Accept only what this public key signed in the vault; give it again for further keys
    #[arg(long = "trust-signer", value_name = "KEY")]
    pub trusted_signers: Vec<String>,
    /// Do not connect to the vault; what is there counts as missing
    #[arg(long)]
    pub no_vault: bool,
}
