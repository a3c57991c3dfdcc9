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
    Show {
        /// Those of a broken log that was put aside, by its number
        #[arg(long, value_name = "N")]
        aside: Option<u32>,
    },
    /// Print the newest checkpoint, to be kept elsewhere
    Checkpoint,
    /// Prove one entry, or that an older checkpoint was continued, by a file of its own
    Prove(ProveArgs),
    /// Check such a file by the key alone, without any state
    CheckProof(CheckProofArgs),
}

/// What to prove.
#[derive(Debug, Clone, Args)]
pub struct ProveArgs {
    /// The entry, counted from 1 as `audit show` prints them
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    pub entry: Option<u64>,
    /// Prove that the log continues this older checkpoint
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// The checkpoint the proof leads to; by default the newest
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// File with the log's public key; by default that of the state
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Where the proof goes; by default stdout
    #[arg(short = 'o', long)]
    pub output: Option<PathBuf>,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// What to check.
#[derive(Debug, Clone, Args)]
pub struct CheckProofArgs {
    /// The proof
    pub file: PathBuf,
    /// File with the log's public key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// File with a checkpoint that was kept, which the proof must be about
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}
