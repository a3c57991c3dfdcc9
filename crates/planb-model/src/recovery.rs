//! What the vault holds and what can be recovered from it.
//!
//! The types here are stored as JSON inside the vault; docs/formats/vault.md is
//! their specification. Readers must refuse a `format` they do not know.

mod point;
mod record;
mod restore;
mod retention;

pub use point::{LogRange, Place, SnapshotPoint, SnapshotSummary};
pub use record::{NewRecord, Record, RecordKind, SignatureState, Verdict};
pub use restore::{Reached, RestorePlan, SnapshotLoad};
pub use retention::{
    Cut, Decision, Kept, LockedObject, PruneReport, RetentionPolicy, SnapshotDecision,
};

use crate::{Canary, Epoch, ServiceName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the vault format written by this build.
pub const VAULT_FORMAT: u32 = 1;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// SQLite in WAL mode.
    Sqlite,
    /// MySQL 8.
    Mysql,
    /// MariaDB 10.5 or later.
    Mariadb,
    /// PostgreSQL 15 or later.
    Postgresql,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sqlite => "sqlite",
            Engine::Mysql => "mysql",
            Engine::Mariadb => "mariadb",
            Engine::Postgresql => "postgresql",
        })
    }
}

/// A place in a database's own log, always between two transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPosition {
    /// Names one unbroken log. Positions of different streams do not compare,
    /// unless the connector knows that one goes on from the other;
    /// a log that cannot be continued starts a new stream with a new snapshot.
    pub stream: String,
    /// Where in the stream, in the engine's own terms: `binlog.000007:1234`,
    /// `wal:3:45032`. Only the connector reads it.
    pub at: String,
    /// The GTID set executed here, when the engine has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtid: Option<String>,
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.at)
    }
}

/// BLAKE3 of an object as stored, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectHash(pub String);

impl ObjectHash {
    /// What the first segment of an epoch has as its predecessor.
    pub fn genesis() -> Self {
        Self("0".repeat(64))
    }

    /// Hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }

    /// First 16 digits, enough for object names.
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

/// Where a segment stands in the chain of its epoch, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentSeq(pub u64);

impl SegmentSeq {
    /// The first of an epoch.
    pub const FIRST: SegmentSeq = SegmentSeq(1);

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Head of a log segment, stored in the same object as its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SegmentHeader {
    /// [`VAULT_FORMAT`].
    pub format: u32,
    /// Whose log.
    pub service: ServiceName,
    /// Epoch of the writer.
    pub epoch: Epoch,
    /// Place in the chain of the epoch.
    pub seq: SegmentSeq,
    /// Hash of the object before this one in the epoch.
    pub previous: ObjectHash,
    /// When it was put together, by the writer's clock.
    pub written_at: Timestamp,
    /// What it holds.
    pub body: SegmentBody,
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub enum SegmentBody {
    /// Raw log bytes of whole transactions.
    Log {
        /// Position before the first transaction.
        start: LogPosition,
        /// Position after the last transaction.
        end: LogPosition,
        /// Number of transactions.
        transactions: u64,
        /// Bytes before compression.
        raw_bytes: u64,
    },
    /// The end of the chain: `by` fenced this epoch, nothing can follow.
    Closed {
        /// The newer epoch.
        by: Epoch,
    },
}

/// A snapshot: written last, after all its parts, by conditional create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotManifest {
    /// [`VAULT_FORMAT`].
    pub format: u32,
    /// Unique in the service; sorts by time.
    pub id: String,
    /// Whose data.
    pub service: ServiceName,
    /// Epoch of the writer.
    pub epoch: Epoch,
    /// What wrote it.
    pub engine: Engine,
    /// Version text of the database server or library.
    pub server_version: String,
    /// When taking it began, by the writer's clock: before its consistent point.
    pub taken_at: Timestamp,
    /// No transaction in it was committed after this: by the source's clock when
    /// the connector knows it, else when all of it was written. A restore to a
    /// moment before it does not begin here. Missing in older vaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistent_at: Option<Timestamp>,
    /// The log position of its consistent point.
    pub position: LogPosition,
    /// The segment that continues it: the first one that ends after `position`.
    /// It starts at `position`, or before it when the snapshot was taken while
    /// log was shipped. It may not exist yet.
    pub next_segment: SegmentSeq,
    /// Its objects, in the order they are loaded.
    pub parts: Vec<PartManifest>,
    /// Row counts and hashes per table at the consistent point.
    pub tables: Vec<TableDigest>,
    /// The protected databases in the files of a whole server; empty where `tables`
    /// tells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<String>,
    /// Whether the objects are `age` files.
    pub encrypted: bool,
}

impl SnapshotManifest {
    /// Whether it is one of a server's files, without rows of its own.
    pub fn has_files(&self) -> bool {
        has_files(&self.parts)
    }
}

/// Whether parts are those of a server's files.
pub fn has_files(parts: &[PartManifest]) -> bool {
    let of_files = |kind: &str| matches!(kind, PART_PHYSICAL | PART_BASE);
    parts.iter().any(|part| of_files(&part.spec.kind))
}

/// One object of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartManifest {
    /// What it is, and how it is loaded.
    #[serde(flatten)]
    pub spec: PartSpec,
    /// Object key, relative to the service's folder in the vault.
    pub key: String,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Hash of the object as stored.
    pub hash: ObjectHash,
}

/// Kind of a part that holds a database's own files, copied whole while it
/// worked. A snapshot of such parts may have no digests of tables: its point is
/// known only when the copy is done.
pub const PART_PHYSICAL: &str = "physical";

/// Kind of the parts of a base backup: the files of a whole server, too, with a
/// digest of each.
pub const PART_BASE: &str = "base";

/// Kind of the part with accounts, their password hashes and privileges. Never
/// loaded with the others: only a restore that is asked for accounts uses it.
pub const PART_ACCOUNTS: &str = "accounts";

/// What a part of a snapshot is; the engine's connector gives and reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartSpec {
    /// Unique in the snapshot, safe in an object key: `[a-z0-9._-]`.
    pub name: String,
    /// How the connector loads it: `schema`, `rows`, `pages`, `routines`, …
    pub kind: String,
    /// The table, for row parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// Row count and order-independent hash of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableDigest {
    /// `schema.table`, or `table` where there are no schemas.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
    /// Sum modulo 2^128 of a 128-bit hash of every row, in hexadecimal. The
    /// order of rows does not matter; a row more, less or changed does.
    pub hash: String,
}

/// Adds row hashes into a [`TableDigest`].
#[derive(Debug, Clone, Copy, Default)]
pub struct RowHasher {
    rows: u64,
    sum: u128,
}

impl RowHasher {
    /// Adds one row, given as any injective encoding of its values.
    pub fn add(&mut self, row: &[u8]) {
        self.add_hash(&blake3::hash(row));
    }

    /// Adds one row that was hashed piece by piece.
    pub fn add_hash(&mut self, hash: &blake3::Hash) {
        let mut low = [0u8; 16];
        low.copy_from_slice(&hash.as_bytes()[..16]);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(low));
    }

    /// Adds the rows of another hasher, such as another chunk of the table.
    pub fn merge(&mut self, other: RowHasher) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The digest of everything added.
    pub fn finish(self, table: impl Into<String>) -> TableDigest {
        TableDigest {
            table: table.into(),
            rows: self.rows,
            hash: format!("{:032x}", self.sum),
        }
    }
}

/// How far a target has been brought. Kept in the target itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedMark {
    /// The snapshot it was loaded from.
    pub snapshot: String,
    /// Epoch of the chain whose segments were applied.
    pub epoch: Epoch,
    /// The next segment to apply.
    pub next_segment: SegmentSeq,
    /// Position after the last applied transaction.
    pub position: LogPosition,
}

/// The newest state that could be recovered now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPoint {
    /// The snapshot it starts from.
    pub snapshot: String,
    /// Epoch of the chain.
    pub epoch: Epoch,
    /// The last segment of the chain that is there; `None` when the snapshot has no log yet.
    pub last_segment: Option<SegmentSeq>,
    /// Position after its last transaction.
    pub position: LogPosition,
    /// When the last segment, or else the snapshot, was written.
    pub written_at: Timestamp,
    /// The newest canary seen in it by reading the vault back.
    pub canary: Option<Canary>,
    /// Stored bytes a restore has to read.
    pub restore_bytes: u64,
    /// Why newer snapshots were passed over, newest first: damaged or forged ones.
    /// Each begins with its code in brackets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_ignores_order_and_notices_everything_else() {
        let digest = |rows: &[&str]| {
            let mut hasher = RowHasher::default();
            for row in rows {
                hasher.add(row.as_bytes());
            }
            hasher.finish("t")
        };
        assert_eq!(digest(&["a", "b", "c"]), digest(&["c", "a", "b"]));
        assert_ne!(digest(&["a", "b"]), digest(&["a", "b", "b"]));
        assert_ne!(digest(&["a", "a"]), digest(&["b", "b"]));
        assert_ne!(digest(&["a"]), digest(&["A"]));
    }

    #[test]
    fn a_segment_header_refuses_unknown_fields() {
        let json = r#"{"kind":"closed","by":2,"extra":1}"#;
        assert!(serde_json::from_str::<SegmentBody>(json).is_err());
    }
}
