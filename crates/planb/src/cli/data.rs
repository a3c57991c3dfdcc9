//! Arguments of the verbs that work on a vault and a database, without a plan.

use clap::{Args, ValueEnum};
use planb_ports::Verify;
use std::path::PathBuf;

/// Which vault, and how its objects are sealed.
#[derive(Debug, Clone, Args)]
pub struct VaultArgs {
    /// The vault: file:///path, az://container/prefix, s3://bucket/prefix or gs://bucket/prefix
    #[arg(long, value_name = "URL", env = "PLANB_VAULT")]
    pub vault: String,
    /// Name of the folder in the vault; one database each
    #[arg(
        id = "vault_service",
        long = "service",
        value_name = "NAME",
        default_value = "default",
        env = "PLANB_SERVICE"
    )]
    pub service: String,
    /// Encrypt to this age public key; give it again for further keys
    #[arg(long = "recipient", value_name = "AGE1...")]
    pub recipients: Vec<String>,
    /// File with the age identity that reads the vault
    #[arg(long, value_name = "FILE", env = "PLANB_IDENTITY_FILE")]
    pub identity: Option<PathBuf>,
    /// File with the Ed25519 key (PEM) that signs manifests, log and verification records
    #[arg(long, value_name = "FILE", env = "PLANB_SIGNING_KEY_FILE")]
    pub signing_key: Option<PathBuf>,
    /// Accept only what this public key signed; give it again for further keys
    #[arg(long = "trust-signer", value_name = "KEY")]
    pub trusted_signers: Vec<String>,
    /// Option of the vault's store, such as aws_region=ap-northeast-2
    #[arg(long = "vault-option", value_name = "NAME=VALUE")]
    pub vault_options: Vec<String>,
    /// Secret option of the vault's store, such as azure_storage_account_key=env:KEY or =file:/path
    #[arg(long = "vault-secret", value_name = "NAME=REFERENCE")]
    pub vault_secrets: Vec<String>,
}

/// Where the password of the database is.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// File with the password of the database; by default PLANB_DATABASE_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// How snapshots are taken.
#[derive(Debug, Clone, Copy, Args)]
pub struct SnapshotArgs {
    /// Connections a snapshot reads with; 0 leaves it to PlanB
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub snapshot_connections: u16,
    /// Copy the server's files instead of rows; by itself where the URL says that files may be replaced (data-dir, stop, start)
    #[arg(long, conflicts_with = "logical")]
    pub physical: bool,
    /// Copy rows as text, restorable into another version
    #[arg(long)]
    pub logical: bool,
    /// Store the users and roles that may use the database, too, with password hashes and grants; the vault must be encrypted
    #[arg(long)]
    pub with_users: bool,
}

/// Arguments of `backup`.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The database: mariadb://user@host:3306/name, mysql://…, postgresql://… or sqlite:/path
    #[arg(long, value_name = "URL")]
    pub database: String,
    /// Its password
    #[command(flatten)]
    pub access: DatabaseArgs,
    /// Which vault
    #[command(flatten)]
    pub vault: VaultArgs,
    /// How
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `stream`.
#[derive(Debug, Clone, Args)]
pub struct StreamArgs {
    /// The database: mariadb://user@host:3306/name, mysql://…, postgresql://… or sqlite:/path
    #[arg(long, value_name = "URL")]
    pub database: String,
    /// Its password
    #[command(flatten)]
    pub access: DatabaseArgs,
    /// Which vault
    #[command(flatten)]
    pub vault: VaultArgs,
    /// How
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
    /// Log is put into the vault this long after the first transaction that is not there
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub flush_interval: String,
    /// ... or when this much has gathered
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    pub flush_bytes: String,
    /// Time between snapshots
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub snapshot_interval: String,
    /// Directory where log waits while the vault is slow or away; without it, reading stops then
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// Most log that waits there
    #[arg(long, value_name = "SIZE", default_value = "1GiB", requires = "spool")]
    pub spool_max: String,
    /// Take over a vault that another database wrote: its log ends, and this one begins
    #[arg(long)]
    pub take_over: bool,
    /// Time between status lines when stderr is no terminal
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub every: String,
    /// Print one JSON object per event on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The database to restore into
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Its password
    #[command(flatten)]
    pub access: DatabaseArgs,
    /// Which vault
    #[command(flatten)]
    pub vault: VaultArgs,
    /// latest, a time (2026-01-31T09:00:00+09:00), or a place in the log: GTID, LSN, file:offset
    #[arg(long, value_name = "POINT", default_value = "latest")]
    pub at: String,
    /// The newest point that was drilled and shows no signs of tampering
    #[arg(long, conflicts_with = "at")]
    pub clean: bool,
    /// Print what would be restored, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace what the target holds
    #[arg(long)]
    pub replace: bool,
    /// Make the snapshot's users and roles that the target does not have
    #[arg(long)]
    pub with_users: bool,
    /// Give users that are there already the definition of the snapshot, password included
    #[arg(long, requires = "with_users")]
    pub replace_users: bool,
    /// How what was loaded is compared with the snapshot's manifest
    #[arg(long, value_enum, default_value_t = VerifyArg::Rows)]
    pub verify: VerifyArg,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `points`.
#[derive(Debug, Clone, Args)]
pub struct PointsArgs {
    /// Which vault
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Print one JSON array on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `prune`.
#[derive(Debug, Clone, Args)]
pub struct PruneArgs {
    /// Which vault
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Keep the newest this many snapshots
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub keep_last: u32,
    /// Keep snapshots, and the log for exact points, of this time
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub keep_for: String,
    /// Keep the last snapshot of so many days, weeks, months and years, such as 7,4,12,5
    #[arg(long, value_name = "D,W,M,Y")]
    pub gfs: Option<String>,
    /// Delete this snapshot and nothing else, whatever its age; may be given several times
    #[arg(long, value_name = "SNAPSHOT")]
    pub drop: Vec<String>,
    /// Print what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Which vault
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Where the snapshot is restored to: an empty database, or a server PlanB starts and removes
    #[arg(long, value_name = "URL|scratch", default_value = "scratch")]
    pub drill: String,
    /// Superuser of a PostgreSQL source, who logs in to the scratch copy of its server
    #[arg(long, value_name = "NAME", default_value = "postgres")]
    pub drill_user: String,
    /// Its password
    #[command(flatten)]
    pub access: DatabaseArgs,
    /// The snapshot; by default the newest
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub snapshot: Option<String>,
    /// Every snapshot that was never verified, newest first
    #[arg(long)]
    pub all: bool,
    /// Print one JSON array on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `follow`.
#[derive(Debug, Clone, Args)]
pub struct FollowArgs {
    /// The database that follows; read-only until it is promoted
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Its password
    #[command(flatten)]
    pub access: DatabaseArgs,
    /// Which vault
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Replace what the target holds
    #[arg(long)]
    pub replace: bool,
    /// Promote it: end the source's log, apply the rest, take writes; asks a running follow, or does it itself
    #[arg(long)]
    pub promote: bool,
    /// Time between status lines when stderr is no terminal
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub every: String,
    /// Print one JSON object per event on stdout
    #[arg(long)]
    pub json: bool,
}

/// How a loaded snapshot is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyArg {
    /// Row counts and hashes of every table
    Rows,
    /// Row counts
    Counts,
    /// Not at all
    Off,
}

impl From<VerifyArg> for Verify {
    fn from(verify: VerifyArg) -> Verify {
        match verify {
            VerifyArg::Rows => Verify::Rows,
            VerifyArg::Counts => Verify::Counts,
            VerifyArg::Off => Verify::Off,
        }
    }
}
