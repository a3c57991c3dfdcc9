//! Snapshots: the server's files, or rows as text.

mod base;
pub(crate) mod files;
pub(crate) mod logical;
mod tar;

pub(crate) use tar::{Member, Piece, Reader as TarReader};

pub(crate) use logical::{KIND_POST, KIND_ROWS, KIND_SCHEMA};

use crate::client::Client;
use crate::config::Method;
use crate::wire::Wire;
use jiff::Timestamp;
use planb_model::Text;
use planb_ports::{
    PortResult, Progress, SnapshotFacts, SnapshotMethod, SnapshotOptions, SnapshotSink,
};

/// Kind of the parts with files of the data directory: tar archives.
pub(crate) const KIND_BASE: &str = "base";
/// Kind of the parts with files of a tablespace; its OID is in the name.
pub(crate) const KIND_TABLESPACE: &str = "tablespace";
/// Kind of the part with the server's own list of the files.
pub(crate) const KIND_MANIFEST: &str = "manifest";

/// Writes a snapshot by the method that is asked for, or else by the plan's.
pub(crate) async fn take(
    client: &Client,
    sink: &dyn SnapshotSink,
    options: &SnapshotOptions,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    let logical = match options.method {
        SnapshotMethod::Auto => client.config.method == Method::Logical,
        SnapshotMethod::Logical => true,
        SnapshotMethod::Physical => false,
    };
    let facts = if logical {
        logical::take(client, sink, options, progress).await?
    } else {
        if options.accounts {
            progress.stage("the server's files hold its users anyway");
        }
        base::take(client, sink, options, progress).await?
    };
    Ok(SnapshotFacts {
        why: Some(why(options.method, logical)),
        ..facts
    })
}

/// Why rows or files are taken.
fn why(asked: SnapshotMethod, logical: bool) -> Text {
    match (asked, logical) {
        (SnapshotMethod::Auto, true) => Text::new(
            "the URL says method=logical",
            "URL에 method=logical이 지정되어 있습니다",
        ),
        (SnapshotMethod::Auto, false) => Text::new(
            "the log of PostgreSQL goes on from files only, and the URL does not say method=logical",
            "PostgreSQL의 로그는 파일에서만 이어지며, URL에 method=logical이 없습니다",
        ),
        _ => Text::new("asked for", "명시적으로 요청했습니다"),
    }
}

/// The server's clock now.
async fn clock(wire: &mut Wire) -> PortResult<Option<Timestamp>> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let now = wire.first("read the server's clock", sql).await?;
    Ok(now.and_then(|text| Timestamp::from_microsecond(text.parse().ok()?).ok()))
}
