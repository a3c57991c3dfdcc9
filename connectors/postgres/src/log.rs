//! The write-ahead log, read as a standby reads it.

pub(crate) mod slot;
mod source;
pub(crate) mod wal;

use crate::client::Client;
use crate::config::Method;
use crate::error::protocol;
use crate::lsn::{Lsn, Stream};
use crate::wire::Wire;
use planb_model::recovery::LogPosition;
use planb_ports::{Clock, ErrorKind, LogSource, PortError, PortResult};
use std::sync::Arc;

/// A server that was never promoted is on it.
const FIRST_TIMELINE: u32 = 1;

/// Opens the log at `start`.
pub(crate) async fn open(
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    start: &LogPosition,
) -> PortResult<Box<dyn LogSource>> {
    if client.config.method == Method::Logical {
        return Err(PortError::new(
            ErrorKind::Unsupported,
            "PB-POSTGRES-NO-LOG",
            "the logical method has snapshots only, no log",
        )
        .hint(
            "use the physical method (leave `method=logical` out) where the server allows replication; otherwise take snapshots often",
            "복제를 허용하는 서버라면 `method=logical`을 빼고 물리 방식을 사용하세요. 그렇지 않으면 스냅샷을 자주 만드세요",
        ));
    }
    Ok(Box::new(source::Source::open(client, clock, start).await?))
}

/// Who the server is, the timeline it is on and those before, and where its
/// log ends.
pub(crate) async fn identify(wire: &mut Wire) -> PortResult<(Stream, Lsn)> {
    let rows = wire.rows("identify the server", "IDENTIFY_SYSTEM").await?;
    let fields = rows.into_iter().next().unwrap_or_default();
    let mut fields = fields.into_iter();
    let system = fields.next().flatten();
    let timeline = fields.next().flatten().and_then(|text| text.parse().ok());
    let end = fields.next().flatten().and_then(|text| text.parse().ok());
    let (Some(system), Some(timeline), Some(end)) = (system, timeline, end) else {
        return Err(protocol("the server does not identify itself"));
    };
    let stream = Stream {
        system,
        timeline,
        ancestors: ancestors(wire, timeline).await?,
    };
    Ok((stream, end))
}

/// The timelines before; none when the server has no history file of them,
/// which is how the first one is, and one whose file was deleted.
async fn ancestors(wire: &mut Wire, timeline: u32) -> PortResult<Vec<(u32, Lsn)>> {
    if timeline == FIRST_TIMELINE {
        return Ok(Vec::new());
    }
    let sql = format!("TIMELINE_HISTORY {timeline}");
    let rows = match wire.rows("read the server's timelines", &sql).await {
        Ok(rows) => rows,
        // No such file.
        Err(error) if error.kind() == ErrorKind::LogLost => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let content = rows
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().nth(1)?);
    content
        .and_then(|text| Stream::ancestors_of(&text))
        .ok_or_else(|| protocol("the history of the server's timelines cannot be read"))
}

/// Bytes of one file of the server's log.
pub(crate) async fn wal_file_bytes(wire: &mut Wire) -> PortResult<u64> {
    let text = wire
        .first("read wal_segment_size", "SHOW wal_segment_size")
        .await?;
    let parsed = || {
        let text = text.as_deref()?;
        let digits = text.trim_end_matches(char::is_alphabetic);
        let unit = match &text[digits.len()..] {
            "kB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            _ => return None,
        };
        let bytes = digits.parse::<u64>().ok()? * unit;
        bytes.is_power_of_two().then_some(bytes)
    };
    parsed().ok_or_else(|| protocol("the server does not name the size of its log files"))
}
