//! Arguments of `audit`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: AuditVerb,
    /// Where PlanB keeps its state
    #[arg(long, default_value = ".planb", env = "PLANB_STATE", global = true)]
    pub state: PathBuf,
}

/// What to do with the audit log.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditVerb {
    /// Check every entry and signature, and that the state says what the log says
    Verify {
        /// File with the log's public key; one kept elsewhere proves more than the state's own
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// File with a checkpoint kept elsewhere, which the log must continue
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// Print one JSON object on stdout
        #[arg(long)]
        json: bool,
    },
    /// Print the entries as they were written, one per line
    Show,
    /// Print the newest checkpoint, to be kept elsewhere
    Checkpoint,
}
