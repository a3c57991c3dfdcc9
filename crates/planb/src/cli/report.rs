//! Arguments of `report`, one struct per report.

use super::{FormatArg, PlanArgs, SourceArgs};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Which report
    #[command(subcommand)]
    pub verb: ReportVerb,
}

/// The reports.
#[derive(Debug, Clone, Subcommand)]
pub enum ReportVerb {
    /// One or two sheets for the governance board
    Board(BoardArgs),
    /// Measured runs against the objectives: trend, losses, step times, quarters
    Drill(DrillArgs),
    /// Standby, failover, total cost and what moves it, from answers of `cost`
    Cost(CostArgs),
    /// Pack journal, audit proof, drills and policies into a signed zip for an auditor
    Evidence(EvidenceArgs),
}

/// Where a report goes.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// How the report is written
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    pub format: FormatArg,
    /// Where the report goes; by default stdout
    #[arg(short = 'o', long)]
    pub output: Option<PathBuf>,
}

/// Arguments of `report board`.
#[derive(Debug, Clone, Args)]
pub struct BoardArgs {
    /// The service; may be left out when the plan has only one
    pub service: Option<String>,
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Answers of an assessment (YAML); may be given again
    #[arg(long, value_name = "FILE")]
    pub answers: Vec<PathBuf>,
    /// Measured drills (JSON of `planb demo`), matched with the history; may be given again
    #[arg(long, value_name = "FILE")]
    pub drill: Vec<PathBuf>,
    /// Where it goes
    #[command(flatten)]
    pub out: OutputArgs,
}

/// Arguments of `report drill`.
#[derive(Debug, Clone, Args)]
pub struct DrillArgs {
    /// The service; may be left out when the plan has only one
    pub service: Option<String>,
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Measured drills (JSON of `planb demo`), matched with the history; may be given again
    #[arg(long, value_name = "FILE")]
    pub drill: Vec<PathBuf>,
    /// Only this one measured run, second by second (html or pdf)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["drill", "service"])]
    pub run: Option<PathBuf>,
    /// Where it goes
    #[command(flatten)]
    pub out: OutputArgs,
}

/// Arguments of `report cost`.
#[derive(Debug, Clone, Args)]
pub struct CostArgs {
    /// The answers of `cost` (YAML)
    #[arg(short = 'f', long = "file", default_value = "cost.yaml")]
    pub answers: PathBuf,
    /// Take the examples of the documents instead; every figure is illustrative
    #[arg(long, conflicts_with = "answers")]
    pub example: bool,
    /// Where it goes
    #[command(flatten)]
    pub out: OutputArgs,
}

/// Arguments of `report evidence`.
#[derive(Debug, Clone, Args)]
pub struct EvidenceArgs {
    /// Where evidence is looked for
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Answers of `planb assess compliance`; by default compliance.yaml, if it is there
    #[arg(short = 'f', long = "file", id = "answers", value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Policy to use in place of the built-in one
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Measured failovers (JSON of `planb demo`); may be given again
    #[arg(long, value_name = "FILE")]
    pub drill: Vec<PathBuf>,
    /// Ed25519 key (PEM) that signs the zip; by default that of the state
    #[arg(long, value_name = "FILE", env = "PLANB_SIGNING_KEY_FILE")]
    pub signing_key: Option<PathBuf>,
    /// Where the zip goes
    #[arg(short = 'o', long, default_value = "evidence.zip")]
    pub output: PathBuf,
    /// Check this zip instead of making one
    #[arg(long, value_name = "ZIP")]
    pub check: Option<PathBuf>,
    /// With --check: the public key the zip must be signed by, kept elsewhere
    #[arg(long, value_name = "FILE", requires = "check")]
    pub key: Option<PathBuf>,
}
