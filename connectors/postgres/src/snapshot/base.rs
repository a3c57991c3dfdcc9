//! A base backup, taken as `pg_basebackup` does, cut into parts that are whole
//! tar archives.
//!
//! The server sends one archive for its data directory and one for each
//! tablespace, with the log that was written meanwhile at the end. Files go to
//! the part that waits least, so that several are compressed at once; a part
//! ends with the file that makes it large enough.

use super::files::FileDigests;
use super::tar::{self, Piece, Reader};
use super::{KIND_BASE, KIND_MANIFEST, KIND_TABLESPACE};
use crate::client::Client;
use crate::error::{corrupt, protocol};
use crate::log::{identify, slot};
use crate::lsn::Lsn;
use crate::own;
use crate::wire::{Row, Wire};
use bytes::{Buf, Bytes};
use planb_model::recovery::{PartSpec, TableDigest};
use planb_ports::{
    ErrorKind, PartSink, PortError, PortResult, Progress, SnapshotFacts, SnapshotOptions,
    SnapshotSink,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A part ends with the file that brings it here.
const PART_BYTES: u64 = 64 << 20;
/// Parts written at once when nobody says; each has a compressor of its own.
const PARTS_OPEN: usize = 2;
/// More would only cost memory.
const PARTS_OPEN_MAX: usize = 8;
/// Pieces of about 32 KiB between the connection and a part.
const PIECES_WAITING_MAX: usize = 64;
const WHAT: &str = "take a base backup";

/// Takes it.
pub(crate) async fn take(
    client: &Client,
    sink: &dyn SnapshotSink,
    options: &SnapshotOptions,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    drop(own::ensure(client).await?);
    let mut wire = client.replication().await?;
    let (mut stream, _) = identify(&mut wire).await?;
    slot::ensure(client, &mut wire).await?;
    progress.stage("base backup");
    let sql =
        "BASE_BACKUP (LABEL 'planb', PROGRESS true, CHECKPOINT 'fast', WAL true, MANIFEST 'yes')";
    wire.send_query(WHAT, sql).await?;
    wire.result_set(WHAT).await?;
    let spaces = wire.result_set(WHAT).await?;
    let mut meter = Meter {
        progress,
        done: 0,
        total: spaces.iter().filter_map(kilobytes).sum::<u64>() * 1024,
    };
    wire.copy_begins(WHAT, b'H').await?;
    let open = match options.connections {
        0 => PARTS_OPEN,
        n => n.min(PARTS_OPEN_MAX),
    };
    let received = receive(&mut wire, sink, open, &mut meter).await;
    let tables = received.map_err(log_too_short)?;
    let (end, timeline) = end_of(&wire.result_set(WHAT).await?)?;
    wire.ready(WHAT).await?;
    if stream.timeline != timeline {
        // It was promoted between the two questions.
        (stream, _) = identify(&mut wire).await?;
    }
    if stream.timeline != timeline {
        return Err(protocol("the server's timeline is not the base backup's"));
    }
    Ok(SnapshotFacts {
        position: stream.position(end),
        consistent_at: super::clock(&mut client.anywhere().await?).await?,
        server_version: wire.server_version().to_owned(),
        tables,
        databases: Vec::new(),
        why: None,
    })
}

/// The backup brings the log that was written meanwhile; a server that keeps
/// less than that has nothing to bring.
fn log_too_short(error: PortError) -> PortError {
    if error.kind() != ErrorKind::LogLost {
        return error;
    }
    PortError::new(
        ErrorKind::Unavailable,
        "PB-POSTGRES-KEEPS-TOO-LITTLE",
        "the server removed log that the base backup needs",
    )
    .hint(
        "raise max_slot_wal_keep_size or wal_keep_size to what is written while a snapshot is taken",
        "스냅샷을 만드는 동안 기록되는 양에 맞게 max_slot_wal_keep_size 또는 wal_keep_size를 늘리세요",
    )
    .source(error)
}

/// The third column of the list of tablespaces.
fn kilobytes(row: &Row) -> Option<u64> {
    row.get(2)?.as_deref()?.parse().ok()
}

fn end_of(rows: &[Row]) -> PortResult<(Lsn, u32)> {
    let parsed = || {
        let row = rows.first()?;
        let lsn = row.first()?.as_deref()?.parse().ok()?;
        Some((lsn, row.get(1)?.as_deref()?.parse().ok()?))
    };
    parsed().ok_or_else(|| protocol("the base backup does not say where it ends"))
}

struct Meter<'a> {
    progress: &'a dyn Progress,
    done: u64,
    total: u64,
}

impl Meter<'_> {
    fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        let total = self.total.max(self.done);
        self.progress.bytes(self.done, Some(total));
    }
}

/// Reads the copy to its end.
async fn receive(
    wire: &mut Wire,
    sink: &dyn SnapshotSink,
    open: usize,
    meter: &mut Meter<'_>,
) -> PortResult<Vec<TableDigest>> {
    let mut archive: Option<Archive<'_>> = None;
    let mut digests = FileDigests::default();
    let mut manifest: Option<Box<dyn PartSink>> = None;
    while let Some(mut message) = wire.copy_data(WHAT).await? {
        let cut_off = |_| protocol("a message of the base backup is cut off");
        match message.try_get_u8().map_err(cut_off)? {
            b'n' => {
                if let Some(archive) = archive.take() {
                    digests.merge(archive.end().await?);
                }
                archive = Some(Archive::begin(sink, open, &message)?);
            }
            b'm' => manifest = Some(sink.begin(spec("backup_manifest", KIND_MANIFEST)).await?),
            b'd' => match (&mut manifest, &mut archive) {
                (Some(part), _) => part.write(message).await?,
                (None, Some(archive)) => {
                    meter.add(message.len());
                    archive.add(message).await?;
                }
                (None, None) => return Err(protocol("bytes outside of an archive")),
            },
            b'p' => {}
            other => return Err(protocol(format!("a message {other} in the base backup"))),
        }
    }
    if let Some(archive) = archive.take() {
        digests.merge(archive.end().await?);
    }
    match manifest {
        Some(part) => part.end().await?,
        None => return Err(protocol("the base backup has no manifest")),
    }
    Ok(digests.finish())
}

fn spec(name: &str, kind: &str) -> PartSpec {
    PartSpec {
        name: name.to_owned(),
        kind: kind.to_owned(),
        table: None,
    }
}

/// One archive on its way into parts.
struct Archive<'a> {
    sink: &'a dyn SnapshotSink,
    /// `base`, or the OID of a tablespace.
    name: String,
    reader: Reader,
    open: Vec<OpenPart>,
    open_max: usize,
    begun: usize,
    ending: Vec<JoinHandle<PortResult<()>>>,
    /// The part the current file goes to, and the file.
    current: usize,
    file: Option<(String, blake3::Hasher)>,
    digests: FileDigests,
}

impl<'a> Archive<'a> {
    /// `base.tar` or `16400.tar`, a zero byte, the place of the tablespace, another one.
    fn begin(sink: &'a dyn SnapshotSink, open_max: usize, message: &[u8]) -> PortResult<Self> {
        let name = message.split(|b| *b == 0).next().unwrap_or_default();
        let name = std::str::from_utf8(name)
            .ok()
            .and_then(|n| n.strip_suffix(".tar"));
        let good = |n: &&str| *n == "base" || n.bytes().all(|b| b.is_ascii_digit());
        let name = name.filter(good);
        Ok(Self {
            sink,
            name: name
                .ok_or_else(|| corrupt("an archive without a name"))?
                .to_owned(),
            reader: Reader::default(),
            open: Vec::new(),
            open_max,
            begun: 0,
            ending: Vec::new(),
            current: 0,
            file: None,
            digests: FileDigests::default(),
        })
    }

    async fn add(&mut self, bytes: Bytes) -> PortResult<()> {
        self.reader.feed(bytes);
        while let Some(piece) = self.reader.next()? {
            match piece {
                Piece::Begin {
                    path,
                    member,
                    header,
                } => {
                    self.choose_part().await?;
                    if matches!(member, tar::Member::File(_)) {
                        self.file = Some((path, blake3::Hasher::new()));
                    }
                    self.write(header).await?;
                }
                Piece::Content(bytes) => {
                    if let Some((_, hasher)) = &mut self.file {
                        hasher.update(&bytes);
                    }
                    self.write(bytes).await?;
                }
                Piece::End(fill) => {
                    self.write(fill).await?;
                    if let Some((path, hasher)) = self.file.take() {
                        self.digests.add(&self.labelled(&path), &hasher.finalize());
                    }
                }
            }
        }
        Ok(())
    }

    fn labelled(&self, path: &str) -> String {
        match self.name.as_str() {
            "base" => path.to_owned(),
            oid => format!("tablespace/{oid}/{path}"),
        }
    }

    /// Takes the part with the most room for the file that begins.
    async fn choose_part(&mut self) -> PortResult<()> {
        if let Some(full) = self.open.iter().position(|p| p.bytes >= PART_BYTES) {
            let part = self.open.swap_remove(full);
            part.finish().await?;
            self.ending.push(part.task);
            self.reap().await?;
        }
        let roomy = |part: &OpenPart| part.pieces.capacity() == PIECES_WAITING_MAX;
        if !self.open.iter().any(roomy) && self.open.len() < self.open_max {
            self.begun += 1;
            let (kind, name) = match self.name.as_str() {
                "base" => (KIND_BASE, format!("base-{:05}", self.begun)),
                oid => (
                    KIND_TABLESPACE,
                    format!("tablespace-{oid}-{:05}", self.begun),
                ),
            };
            let part = self.sink.begin(spec(&name, kind)).await?;
            self.open.push(OpenPart::new(part));
        }
        let room = |(_, part): &(usize, &OpenPart)| part.pieces.capacity();
        let best = self.open.iter().enumerate().max_by_key(room);
        self.current = best.map(|(at, _)| at).unwrap_or_default();
        Ok(())
    }

    /// Waits for ended parts, so that only few are being ended at once.
    async fn reap(&mut self) -> PortResult<()> {
        while self.ending.len() > self.open_max {
            joined(self.ending.remove(0).await)?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(part) = self.open.get_mut(self.current) else {
            return Err(protocol("bytes outside of a part"));
        };
        part.bytes += bytes.len() as u64;
        if part.pieces.send(Some(bytes)).await.is_err() {
            let part = self.open.swap_remove(self.current);
            return Err(joined(part.task.await).err().unwrap_or_else(given_up));
        }
        Ok(())
    }

    async fn end(mut self) -> PortResult<FileDigests> {
        if !self.reader.is_done() {
            return Err(corrupt(format!("the archive {} is cut off", self.name)));
        }
        for part in self.open.drain(..) {
            part.finish().await?;
            self.ending.push(part.task);
        }
        for task in self.ending.drain(..) {
            joined(task.await)?;
        }
        Ok(self.digests)
    }
}

/// A part and the task that writes it.
struct OpenPart {
    /// `None` is the end; without it the part is given up.
    pieces: mpsc::Sender<Option<Bytes>>,
    task: JoinHandle<PortResult<()>>,
    bytes: u64,
}

impl OpenPart {
    fn new(mut part: Box<dyn PartSink>) -> Self {
        let (pieces, mut waiting) = mpsc::channel(PIECES_WAITING_MAX);
        let task = tokio::spawn(async move {
            while let Some(piece) = waiting.recv().await {
                match piece {
                    Some(bytes) => part.write(bytes).await?,
                    None => return part.end().await,
                }
            }
            Err(given_up())
        });
        Self {
            pieces,
            task,
            bytes: 0,
        }
    }

    /// Makes it a whole archive. A part that failed says so when it is joined.
    async fn finish(&self) -> PortResult<()> {
        for piece in [Some(Bytes::from_static(&tar::END)), None] {
            if self.pieces.send(piece).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

fn given_up() -> PortError {
    PortError::new(
        ErrorKind::Canceled,
        "PB-POSTGRES-GIVEN-UP",
        "the base backup was given up",
    )
}

fn joined(ended: Result<PortResult<()>, tokio::task::JoinError>) -> PortResult<()> {
    ended.map_err(|error| protocol("a part could not be written").source(error))?
}
