//! Reads the WAL file beside a live database.
//!
//! The length of the log comes from SQLite (shared memory), the bytes from the
//! file by its path: frames beyond the length are a transaction in the making,
//! or one whose writer died in its commit, and do not count.

mod hold;
mod patience;

use crate::Shared;
use crate::config::{
    CHUNK_BYTES, RESTART_PAUSE_MS, WAL_BYTES_MAX, WAL_FRAMES_MAX, WAL_KEEP_FACTOR,
};
use crate::connect::FileId;
use crate::error;
use crate::pin::{Extent, Pin};
use crate::position::Place;
use crate::wal::{Gathered, HEADER_BYTES, WalHeader};
use patience::Patience;
use planb_model::recovery::LogPosition;
use planb_ports::{LogBatch, PortError, PortResult};
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// State of one open log.
pub struct Reader {
    shared: Arc<Shared>,
    stream: String,
    /// Where the log was opened.
    start: Place,
    /// After the last batch that was made.
    returned: LogPosition,
    /// After the last batch that is durable in the vault.
    shipped: LogPosition,
    /// `None` before the first attach.
    now: Option<Now>,
    /// The end of a WAL that was begun anew; returned before anything else.
    closed: VecDeque<LogBatch>,
    restart_after: Option<Instant>,
    /// Waiting to hear that everything taken is durable.
    patience: Patience,
    /// Lives as long as this log is open.
    alive: Arc<()>,
    /// Where a snapshot was taken; a segment ends there.
    parting: Option<Place>,
    /// A snapshot of ours keeps the WAL from being begun anew.
    copying: bool,
    /// No batch is larger, but for a piece of a long transaction.
    batch_bytes_max: u64,
}

/// The WAL that is being read.
struct Now {
    file: u64,
    gathered: Gathered,
    first_pending_at: Option<Instant>,
}

impl Reader {
    /// A reader that is not attached yet.
    pub fn new(shared: Arc<Shared>, start: &LogPosition) -> PortResult<Self> {
        Ok(Self {
            shared,
            stream: start.stream.clone(),
            start: Place::parse(start)?,
            returned: start.clone(),
            shipped: start.clone(),
            now: None,
            closed: VecDeque::new(),
            restart_after: None,
            patience: Patience::default(),
            alive: Arc::default(),
            parting: None,
            copying: false,
            batch_bytes_max: CHUNK_BYTES as u64,
        })
    }

    /// Pins the log and proves that it continues.
    pub fn attach(&mut self) -> PortResult<()> {
        self.with_pin(|_, _| Ok(()))
    }

    /// Reads what is new, at least until `enough_bytes` are gathered, and begins
    /// the WAL anew when it has become long.
    pub fn poll(&mut self, enough_bytes: u64) -> PortResult<()> {
        self.batch_bytes_max = enough_bytes;
        self.with_pin(|reader, pin| {
            let extent = pin.extent()?;
            reader.read_to(extent, enough_bytes)?;
            if reader.copying {
                reader.patience.end();
            } else if reader.wants_restart(extent) {
                reader.restart(pin)?;
            }
            Ok(())
        })
    }

    /// Whether everything committed before the call was taken.
    pub fn is_drained(&mut self) -> PortResult<bool> {
        self.with_pin(|reader, pin| {
            let extent = pin.extent()?;
            reader.read_to(extent, CHUNK_BYTES as u64)?;
            let read = reader.now.as_ref().map(|n| n.gathered.committed().frame);
            Ok(read == Some(extent.frames) && !reader.has_pending())
        })
    }

    /// Notes that everything before `position` is durable elsewhere.
    pub fn shipped(&mut self, position: LogPosition) {
        self.shipped = position;
    }

    /// Whether nothing more should be taken until what was taken is durable: then
    /// the WAL can be begun anew, while it is short.
    pub fn holds_back(&self) -> bool {
        self.closed.is_empty() && self.patience.lasts(Instant::now())
    }

    /// Whether there is a whole transaction that was not taken.
    pub fn has_pending(&self) -> bool {
        let gathered = self.now.as_ref().map_or(0, |n| n.gathered.size().1);
        !self.closed.is_empty() || gathered > 0
    }

    /// Takes a batch when it is large or old enough.
    pub fn take_due(&mut self, flush_bytes: u64, flush_interval: Duration) -> Option<LogBatch> {
        if let Some(batch) = self.closed.pop_front() {
            return Some(batch);
        }
        let now = self.now.as_ref()?;
        let (bytes, transactions) = now.gathered.size();
        let old = now
            .first_pending_at
            .is_some_and(|at| at.elapsed() >= flush_interval);
        let is_full = now.gathered.is_full(flush_bytes);
        let due = transactions > 0 && (bytes >= flush_bytes || old);
        if !due && !is_full {
            return None;
        }
        self.cut()
    }

    /// Makes a batch of what was gathered. What does not fit stays as old as it is.
    fn cut(&mut self) -> Option<LogBatch> {
        let now = self.now.as_mut()?;
        let taken = now.gathered.take(self.batch_bytes_max)?;
        let mut end = Place::at(now.file, &taken.end);
        end.snapshot = self.parting.is_some_and(|parting| parting.is_at(&end));
        let end = end.to_position(&self.stream);
        if now.gathered.size().1 == 0 {
            now.first_pending_at = None;
        }
        Some(LogBatch {
            start: std::mem::replace(&mut self.returned, end.clone()),
            end,
            bytes: taken.bytes,
            transactions: taken.transactions,
            read_at: self.shared.clock.now(),
        })
    }

    /// Makes batches of everything gathered, to be returned before anything else.
    fn close(&mut self) {
        while let Some(batch) = self.cut() {
            self.closed.push_back(batch);
        }
    }

    /// Reads up to the end of the WAL, or until enough is gathered, and parts
    /// where a snapshot was taken.
    fn read_to(&mut self, extent: Extent, enough_bytes: u64) -> PortResult<()> {
        if let Some(parting) = self.parting.filter(|p| self.is_ahead(p)) {
            if parting.frame > extent.frames {
                return Err(error::log_lost("it is shorter than at the last snapshot"));
            }
            self.read_frames(parting.frame, enough_bytes)?;
            if self.is_ahead(&parting) {
                return Ok(());
            }
            self.part(&parting)?;
        }
        self.read_frames(extent.frames, enough_bytes)
    }

    /// Whether the log of this WAL has not come to `place` yet.
    fn is_ahead(&self, place: &Place) -> bool {
        self.now.as_ref().is_some_and(|now| {
            let read = now
                .gathered
                .committed()
                .frame
                .max(now.gathered.known_frames());
            now.file == place.file && read < place.frame
        })
    }

    /// Ends a batch at the snapshot's place; the next one begins with the whole
    /// WAL again.
    fn part(&mut self, parting: &Place) -> PortResult<()> {
        let (_, raw, header) = self.open_wal()?;
        let Some(now) = self.now.as_ref() else {
            return Ok(());
        };
        let file = now.file;
        let here = Place::at(file, &now.gathered.committed());
        if !parting.is_at(&here) || header.salts != parting.salts {
            return Err(error::log_lost("the last snapshot is not in it"));
        }
        self.close();
        self.now = Some(Now {
            file,
            gathered: Gathered::whole(&raw, &header, parting.frame),
            first_pending_at: None,
        });
        Ok(())
    }

    /// Reads frames up to the frame `to`, or until enough is gathered.
    fn read_frames(&mut self, to: u32, enough_bytes: u64) -> PortResult<()> {
        let Some(at) = self.now.as_ref().map(|n| n.gathered.read_from()) else {
            return Ok(());
        };
        if to < at.frame {
            return Err(error::log_lost("it is shorter than what was read"));
        }
        if to == at.frame {
            return Ok(());
        }
        let (wal, _, header) = self.open_wal()?;
        if header.salts != at.salts {
            return Err(error::log_lost("somebody began it anew"));
        }
        while let Some(now) = self.now.as_mut() {
            let at = now.gathered.read_from();
            let (bytes, transactions) = now.gathered.size();
            let enough = transactions > 0 && bytes >= enough_bytes;
            if at.frame >= to || enough || now.gathered.is_full(enough_bytes) {
                break;
            }
            let frames = (CHUNK_BYTES / at.frame_bytes()).max(1);
            let left = (to - at.frame) as usize;
            let mut chunk = vec![0; frames.min(left) * at.frame_bytes()];
            let read = wal.read_exact_at(&mut chunk, at.offset());
            let pushed = read.map(|()| now.gathered.push(&chunk));
            match pushed {
                Ok(pushed) => pushed.map_err(not_continued)?,
                Err(error) => return Err(self.lost_or_gone(error)),
            }
            if now.gathered.size().1 > 0 {
                now.first_pending_at.get_or_insert_with(Instant::now);
            }
        }
        Ok(())
    }

    fn wants_restart(&mut self, extent: Extent) -> bool {
        let Some(now) = self.now.as_ref() else {
            return false;
        };
        let at = now.gathered.read_from();
        let bytes = u64::from(extent.frames) * at.frame_bytes() as u64;
        let long = bytes > WAL_BYTES_MAX || extent.frames > WAL_FRAMES_MAX;
        let unshipped = self.shipped.at != self.returned.at;
        // What is not read yet is read under the write lock, so it must be little.
        let lag = u64::from(extent.frames.saturating_sub(at.frame)) * at.frame_bytes() as u64;
        let keep = unshipped && bytes < WAL_BYTES_MAX * WAL_KEEP_FACTOR;
        let resting = self.restart_after.is_some_and(|t| Instant::now() < t);
        let ready = long && !resting && lag <= WAL_BYTES_MAX;
        match ready && keep {
            true => self.patience.begin(Instant::now(), bytes),
            false => self.patience.end(),
        }
        ready && !keep
    }

    fn restart(&mut self, pin: &mut Pin) -> PortResult<()> {
        let before = self.now.as_ref().map(|n| n.gathered.read_from().salts);
        self.read_to(pin.extent()?, u64::MAX)?;
        pin.restart(|extent| self.read_to(extent, u64::MAX))?;
        self.notice_restart()?;
        let after = self.now.as_ref().map(|n| n.gathered.read_from().salts);
        self.restart_after =
            (before == after).then(|| Instant::now() + Duration::from_millis(RESTART_PAUSE_MS));
        Ok(())
    }

    /// Goes on in the new WAL when a write of ours, made right after everything
    /// had been read under the write lock, began it anew.
    fn notice_restart(&mut self) -> PortResult<()> {
        let (_, raw, header) = self.open_wal()?;
        let Some(now) = self.now.as_ref() else {
            return Ok(());
        };
        let (read, file) = (now.gathered.read_from(), now.file);
        if header.salts == read.salts {
            return Ok(());
        }
        if !header.salts.follow(read.salts) || now.gathered.committed() != read {
            return Err(error::log_lost("it was begun anew more than once"));
        }
        self.close();
        self.now = Some(Now {
            file: file + 1,
            gathered: Gathered::whole(&raw, &header, 0),
            first_pending_at: None,
        });
        Ok(())
    }

    /// Opens the WAL by its path; SQLite holds no locks on it that closing it
    /// could drop.
    fn open_wal(&self) -> PortResult<(File, [u8; HEADER_BYTES], WalHeader)> {
        open_wal(&self.shared.paths.wal).map_err(|e| self.lost_or_gone(e))
    }

    /// Why the WAL could not be read: the whole database is gone for now, or
    /// only its log is.
    fn lost_or_gone(&self, error: std::io::Error) -> PortError {
        match FileId::of(&self.shared.paths.database) {
            Err(gone) => gone,
            Ok(_) => error::log_lost("the WAL file cannot be read").source(error),
        }
    }
}

/// Opens a WAL and reads its header.
pub fn open_wal(path: &std::path::Path) -> std::io::Result<(File, [u8; HEADER_BYTES], WalHeader)> {
    let wal = File::open(path)?;
    let mut raw = [0; HEADER_BYTES];
    wal.read_exact_at(&mut raw, 0)?;
    let header = WalHeader::parse(&raw).map_err(std::io::Error::other)?;
    Ok((wal, raw, header))
}

fn not_continued(error: crate::wal::WalError) -> PortError {
    error::log_lost("a frame does not continue the one before").source(error)
}
