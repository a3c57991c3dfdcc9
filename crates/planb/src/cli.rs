//! The command line. Help texts are English here and Korean in `help_ko`.

#[cfg(feature = "assess")]
mod assess;
mod audit;
mod data;
#[cfg(feature = "assess")]
mod report;
#[cfg(feature = "assess")]
mod source;

#[cfg(feature = "assess")]
pub use assess::{AssessArgs, AssessVerb, FormatArg};
pub use audit::{AuditArgs, AuditVerb, CheckProofArgs, ProveArgs};
pub use data::{
    BackupArgs, DatabaseArgs, FollowArgs, PointsArgs, PruneArgs, RestoreArgs, SnapshotArgs,
    StreamArgs, VaultArgs, VerifyArgs,
};
#[cfg(feature = "assess")]
pub use report::{BoardArgs, CostArgs, DrillArgs, EvidenceArgs, ReportArgs, ReportVerb};
#[cfg(feature = "assess")]
pub use source::SourceArgs;

use clap::{Args, Parser, Subcommand, ValueEnum};
use planb_model::Lang;
use std::path::PathBuf;

/// Disaster recovery for one service and its second home.
#[derive(Debug, Parser)]
#[command(
    name = "planb",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    /// Language of texts; by default that of the environment
    #[arg(long, global = true, value_enum)]
    pub lang: Option<LangArg>,
    /// Log what happens inside to stderr (or set PLANB_LOG)
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// A language on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LangArg {
    /// English
    En,
    /// Korean
    Ko,
}

impl From<LangArg> for Lang {
    fn from(lang: LangArg) -> Lang {
        match lang {
            LangArg::En => Lang::En,
            LangArg::Ko => Lang::Ko,
        }
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Protect a real service on this machine, kill its site, and watch it come back
    Demo(DemoArgs),
    /// Write a commented planb.yaml
    Init(InitArgs),
    /// Check the plan file, and everything it names
    Check(CheckArgs),
    /// Run the control plane
    Up(UpArgs),
    /// Show how services are and how much would be lost now
    Status(StatusArgs),
    /// Move a service away from a lost site
    Failover(MoveArgs),
    /// Move a service to the other site without loss; both must be well
    Switchover(MoveArgs),
    /// Move a service home to its primary site without loss
    Failback(MoveArgs),
    /// Approve an execution that waits
    Approve(ApproveArgs),
    /// Let a paused execution go on, skip a step, pause it, or give it up
    Execution(ExecutionArgs),
    /// Show past executions, or one with its journal
    History(HistoryArgs),
    /// Check, show or prove the audit log, or print its newest checkpoint
    Audit(AuditArgs),
    /// Put one snapshot of a database into a vault
    Backup(BackupArgs),
    /// Keep a database protected: a snapshot, then its log, until SIGTERM or Ctrl-C
    Stream(StreamArgs),
    /// Bring a database to a recovery point of a vault
    Restore(RestoreArgs),
    /// Assess before you build: which workloads, what it costs, what is demanded
    #[cfg(feature = "assess")]
    Assess(AssessArgs),
    /// Reports for boards and auditors: board, drill, cost, evidence
    #[cfg(feature = "assess")]
    Report(ReportArgs),
    /// List the recovery points of a vault: verified or not, clean or not
    Points(PointsArgs),
    /// Restore snapshots into a scratch server, compare, and sign the result
    Verify(VerifyArgs),
    /// Delete what no retention rule keeps
    Prune(PruneArgs),
    /// Keep a database near a vault, read-only, until it is promoted
    Follow(FollowArgs),
    /// Print the JSON Schema of planb.yaml
    Schema,
    /// Run an edge of its own, with an admin API for the control plane
    Edge(EdgeArgs),
    /// The order service of the demo
    #[command(hide = true)]
    DemoService(DemoServiceArgs),
}

/// Which plan and state.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The plan file
    #[arg(
        short = 'f',
        long = "file",
        default_value = "planb.yaml",
        env = "PLANB_FILE"
    )]
    pub file: PathBuf,
    /// Where PlanB keeps its state
    #[arg(long, default_value = ".planb", env = "PLANB_STATE")]
    pub state: PathBuf,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// The database of the service
    #[arg(long, value_enum, default_value_t = DemoDatabase::Sqlite)]
    pub database: DemoDatabase,
    /// Where the vault is
    #[arg(long, value_enum, default_value_t = DemoVault::Local)]
    pub vault: DemoVault,
    /// Megabytes of orders that are there before protection begins
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub size_mb: u32,
    /// Orders a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub rate: u32,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// Leave everything running at the end, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Working directory of the demo; by default a new one among the temporary files
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// Databases of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DemoDatabase {
    /// A SQLite file in each site
    Sqlite,
    /// A real mariadbd in each site
    Mariadb,
}

/// Vaults of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DemoVault {
    /// A directory
    Local,
    /// Azurite as Azure Blob Storage
    Azurite,
}

/// Arguments of `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Where to write it; `-` for stdout
    #[arg(short = 'o', long, default_value = "planb.yaml")]
    pub output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Only read the plan file; connect to nothing
    #[arg(long = "static")]
    pub static_only: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `up`.
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Where the API and the status page listen; loopback only
    #[arg(long, default_value = "127.0.0.1:7420")]
    pub listen: String,
    /// File with the Ed25519 key (PEM) that signs the audit log; by default one in the state
    #[arg(long, value_name = "FILE", env = "PLANB_SIGNING_KEY_FILE")]
    pub signing_key: Option<PathBuf>,
    /// File that gets every newest checkpoint of the audit log; best on another machine's disk
    #[arg(long, value_name = "FILE", env = "PLANB_AUDIT_CHECKPOINT")]
    pub audit_checkpoint: Option<PathBuf>,
    /// The key the audit log was begun with is lost: begin a new log that says so
    #[arg(long)]
    pub audit_key_lost: bool,
    /// Print the address of the API as JSON on stdout when it is ready
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Show it again every second
    #[arg(short, long)]
    pub watch: bool,
    /// Print one JSON array on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `failover`, `switchover` and `failback`.
#[derive(Debug, Clone, Args)]
pub struct MoveArgs {
    /// The service; may be left out when the plan has only one
    pub service: Option<String>,
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Print the runbook that would run, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Approve the runbook with this hash (from --dry-run) without being asked
    #[arg(long, value_name = "HASH")]
    pub approve: Option<String>,
    /// Approve whatever runbook is planned, without being asked
    #[arg(long, conflicts_with = "approve")]
    pub yes: bool,
    /// Go on although the old site is not proven fenced, for this recorded reason
    #[arg(long, value_name = "REASON")]
    pub override_fence: Option<String>,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `approve`.
#[derive(Debug, Clone, Args)]
pub struct ApproveArgs {
    /// The execution
    pub id: String,
    /// Hash of the runbook that is approved; its first 12 digits are enough
    #[arg(long)]
    pub hash: String,
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
}

/// Arguments of `execution`.
#[derive(Debug, Clone, Args)]
pub struct ExecutionArgs {
    /// The execution
    pub id: String,
    /// What to do with it
    #[command(subcommand)]
    pub action: ExecutionVerb,
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
}

/// What to do with an execution.
#[derive(Debug, Clone, Subcommand)]
pub enum ExecutionVerb {
    /// Try failed and unknown steps again
    Resume,
    /// Go on without a failed or unknown step
    Skip {
        /// The step
        step: String,
        /// Why; it is recorded
        #[arg(long)]
        reason: String,
    },
    /// Start no new steps
    Pause,
    /// Give it up
    Cancel,
}

/// Arguments of `history`.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// One execution, with its journal
    pub id: Option<String>,
    /// Which plan and state
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Print JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `edge`.
#[derive(Debug, Clone, Args)]
pub struct EdgeArgs {
    /// The service it serves
    pub service: String,
    /// Where it serves
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub listen: String,
    /// Where its admin API listens
    #[arg(long, default_value = "127.0.0.1:7421")]
    pub admin: String,
    /// File with the token of the admin API
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Where it keeps the last plan
    #[arg(long, default_value = ".planb-edge")]
    pub state: PathBuf,
}

/// Arguments of the order service.
#[derive(Debug, Clone, Args)]
pub struct DemoServiceArgs {
    /// Where it listens
    #[arg(long)]
    pub listen: String,
    /// `sqlite:PATH` or `mysql://user@host:port/name`
    #[arg(long)]
    pub database: String,
}
