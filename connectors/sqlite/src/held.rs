//! What a database keeps between calls, and what its open log and its snapshots
//! must know of each other.

use crate::connect::FileId;
use crate::pin::Pin;
use crate::position::Place;
use crate::wal::Salts;
use std::sync::{Arc, Weak};

/// See the module. Everything is behind one lock, so that a snapshot and the
/// log reader never see each other half-way.
#[derive(Debug, Default)]
pub struct Held {
    /// Kept from the first snapshot or log on, also while no log is open, so
    /// that a fenced database can still be drained.
    pub pin: Option<Pin>,
    /// The log that was opened last, as far as its reader got.
    log: Option<OpenLog>,
    /// Where the segments before and after the newest snapshot part.
    parting: Option<(String, Place)>,
    /// Lives while a snapshot reads the database.
    copying: Weak<()>,
}

/// An open log and the WAL its reader is in.
#[derive(Debug, Clone)]
pub struct OpenLog {
    owner: Weak<()>,
    /// Its stream.
    pub stream: String,
    /// Which WAL of the stream.
    pub file: u64,
    /// That WAL's salts.
    pub salts: Salts,
}

impl Held {
    /// Whether the pin is one on `file`.
    pub fn pins(&self, file: FileId) -> bool {
        self.pin.as_ref().is_some_and(|pin| pin.file() == file)
    }

    /// The log that is open now.
    pub fn open_log(&self) -> Option<OpenLog> {
        let log = self.log.as_ref()?;
        (log.owner.strong_count() > 0).then(|| log.clone())
    }

    /// Notes where the reader that lives as long as `owner` is.
    pub fn reads(&mut self, owner: &Arc<()>, stream: &str, file: u64, salts: Salts) {
        let known = self
            .open_log()
            .is_some_and(|log| (log.stream.as_str(), log.file, log.salts) == (stream, file, salts));
        if !known {
            self.log = Some(OpenLog {
                owner: Arc::downgrade(owner),
                stream: stream.to_owned(),
                file,
                salts,
            });
        }
    }

    /// The log does not go on: nothing waits for its reader any more.
    pub fn log_is_lost(&mut self) {
        self.log = None;
    }

    /// Has the log part at `place`. A snapshot before that still waits for its
    /// parting was given up: they are taken one after the other.
    pub fn part_at(&mut self, stream: &str, place: Place) {
        self.parting = Some((stream.to_owned(), place));
    }

    /// Where `stream` parts. Stays known after it did: the log may be opened
    /// again from before that place.
    pub fn parting_of(&self, stream: &str) -> Option<Place> {
        let (of, place) = self.parting.as_ref()?;
        (of == stream).then_some(*place)
    }

    /// Says that a snapshot reads the database, as long as the answer lives.
    pub fn begin_copying(&mut self) -> Arc<()> {
        let alive = Arc::new(());
        self.copying = Arc::downgrade(&alive);
        alive
    }

    /// Whether a snapshot stands in the WAL, so that it cannot be begun anew.
    pub fn is_copying(&self) -> bool {
        self.copying.strong_count() > 0
    }
}
