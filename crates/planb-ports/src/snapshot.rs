//! Writing a snapshot: parts, one after the other or side by side.

use crate::PortResult;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::Text;
use planb_model::recovery::{LogPosition, PartSpec, TableDigest};

/// Takes the parts of a snapshot.
#[async_trait]
pub trait SnapshotSink: Send + Sync {
    /// Opens a part. Several may be open at once, each written by a task of its
    /// own. The manifest lists parts in the order of these calls, which is the
    /// order they are loaded in.
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>>;
}

/// One part being written. Dropped without [`PartSink::end`] it is given up,
/// and the snapshot it belongs to cannot become whole.
#[async_trait]
pub trait PartSink: Send {
    /// Adds bytes. A full pipe blocks.
    async fn write(&mut self, bytes: Bytes) -> PortResult<()>;

    /// Ends the part; durable on return.
    async fn end(self: Box<Self>) -> PortResult<()>;
}

/// Writes a part whose bytes are at hand.
pub async fn write_part(sink: &dyn SnapshotSink, spec: PartSpec, bytes: Bytes) -> PortResult<()> {
    let mut part = sink.begin(spec).await?;
    part.write(bytes).await?;
    part.end().await
}

/// How a source is asked to take a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SnapshotOptions {
    /// How many connections read at once; 0 leaves it to the connector.
    pub connections: usize,
    /// Rows or files.
    pub method: SnapshotMethod,
    /// Whether the accounts that may use the protected databases are stored,
    /// password hashes included. Files hold the accounts of the whole server
    /// anyway. `Unsupported` when the engine has none.
    pub accounts: bool,
    /// Whether every place it may be restored into says that its files may be
    /// replaced. [`SnapshotMethod::Auto`] copies files only then, where rows would
    /// be possible, too.
    pub target_takes_files: bool,
}

/// What a snapshot is made of. A connector that knows one way only takes that
/// way for [`SnapshotMethod::Auto`] and refuses the other as `Unsupported`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SnapshotMethod {
    /// The connector's way for disaster recovery.
    #[default]
    Auto,
    /// Rows as text, restorable into another version and by hand.
    Logical,
    /// The server's files, restorable into the same major version.
    Physical,
}

/// What a source knows when its snapshot is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFacts {
    /// The consistent point.
    pub position: LogPosition,
    /// A moment, by the source's clock, at or after the newest transaction in
    /// the snapshot was committed: best read right at the consistent point. A
    /// restore to a moment before it takes an older snapshot. `None` when the
    /// source does not tell; then it is the moment all was written.
    pub consistent_at: Option<Timestamp>,
    /// Version text of the server or library.
    pub server_version: String,
    /// Digests of all user tables at the consistent point.
    pub tables: Vec<TableDigest>,
    /// The protected databases, when `tables` does not tell them: of files, which
    /// are those of a whole server.
    pub databases: Vec<String>,
    /// Why rows or files were taken; `None` from a connector with one way only.
    pub why: Option<Text>,
}
