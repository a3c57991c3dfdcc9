//! What the fake database holds, and the rules of writing, fencing and promoting.

use super::{TABLE, encoding};
use crate::fake_error;
use planb_model::Epoch;
use planb_model::recovery::{AppliedMark, Engine, LogPosition, RowHasher, TableDigest};
use planb_ports::database::FenceState;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::BTreeMap;

/// What the fake says it is.
pub(super) const ENGINE: Engine = Engine::Sqlite;

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// A row of the user table: key and value.
    Put(String, String),
    /// The canary of a service.
    Canary(String, String),
}

/// How far it was restored into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Applied {
    /// Never, or it was promoted since.
    Never,
    /// A restore began and did not end, or an apply broke off.
    Broken,
    /// Cleanly, up to here.
    Clean(AppliedMark),
}

impl Applied {
    pub(super) fn mark(&self) -> Option<&AppliedMark> {
        match self {
            Applied::Clean(mark) => Some(mark),
            Applied::Never | Applied::Broken => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct State {
    name: String,
    pub(super) alive: bool,
    pub(super) stream_no: u64,
    pub(super) disk_no: u64,
    pub(super) rows: BTreeMap<String, String>,
    pub(super) canaries: BTreeMap<String, String>,
    /// Transactions of the stream as bytes; the position after the n-th is n.
    pub(super) log: Vec<String>,
    /// Transactions at the start of `log` that are no longer readable.
    pub(super) purged: u64,
    /// Transactions that the reader of the log said it need not keep.
    pub(super) shipped: Option<u64>,
    pub(super) fence: FenceState,
    pub(super) applied: Applied,
    pub(super) effects: BTreeMap<(&'static str, Epoch), u64>,
    pub(super) primaries_destroyed: u64,
    pub(super) break_apply: bool,
    pub(super) unchecked: bool,
}

impl State {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            alive: true,
            stream_no: 1,
            disk_no: 1,
            rows: BTreeMap::new(),
            canaries: BTreeMap::new(),
            log: vec![],
            purged: 0,
            shipped: None,
            fence: FenceState::default(),
            applied: Applied::Never,
            effects: BTreeMap::new(),
            primaries_destroyed: 0,
            break_apply: false,
            unchecked: false,
        }
    }

    pub(super) fn check_alive(&self) -> PortResult<()> {
        if self.alive {
            return Ok(());
        }
        let message = format!("database {} does not answer", self.name);
        Err(fake_error(ErrorKind::Unavailable, message))
    }

    pub(super) fn check_writable(&self) -> PortResult<()> {
        self.check_alive()?;
        if self.fence.read_only {
            let current = self.fence.epoch.unwrap_or_default();
            let message = format!("database {} is read-only at epoch {current}", self.name);
            let kind = ErrorKind::Fenced { current };
            return Err(PortError::new(kind, "PB-FENCED", message));
        }
        if self.applied != Applied::Never {
            let message = format!("database {} is the target of a restore", self.name);
            return Err(fake_error(ErrorKind::PermissionDenied, message));
        }
        Ok(())
    }

    /// One transaction: into the data and into the log.
    pub(super) fn write(&mut self, record: Record) -> PortResult<()> {
        self.check_writable()?;
        self.log.push(encoding::encode([&record]));
        self.take(record);
        Ok(())
    }

    /// Into the data only, as a restore does.
    pub(super) fn take(&mut self, record: Record) {
        match record {
            Record::Put(key, value) => self.rows.insert(key, value),
            Record::Canary(service, mark) => self.canaries.insert(service, mark),
        };
    }

    /// A log that cannot be continued: new stream, nothing in it.
    pub(super) fn new_stream(&mut self) {
        self.stream_no += 1;
        self.log.clear();
        self.purged = 0;
    }

    pub(super) fn stream(&self) -> String {
        format!("{}-{}", self.name, self.stream_no)
    }

    pub(super) fn position(&self, at: u64) -> LogPosition {
        LogPosition {
            stream: self.stream(),
            at: at.to_string(),
            gtid: None,
        }
    }

    /// Where `position` is in the log; `LogLost` when it cannot be read from there.
    pub(super) fn find(&self, position: &LogPosition) -> PortResult<u64> {
        let at = position.at.parse().ok();
        let readable = |at: &u64| *at >= self.purged && *at <= self.log.len() as u64;
        let same = position.stream == self.stream();
        at.filter(|at| same && readable(at)).ok_or_else(|| {
            let message = format!("the log of {} does not reach back to {position}", self.name);
            fake_error(ErrorKind::LogLost, message)
        })
    }

    fn refuse_older(&self, epoch: Epoch) -> PortResult<()> {
        match self.fence.epoch {
            Some(newer) if newer > epoch && !self.unchecked => {
                let what = format_args!("database {}", self.name);
                Err(PortError::fenced(newer, what, epoch))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn fence(&mut self, epoch: Epoch) -> PortResult<()> {
        self.refuse_older(epoch)?;
        self.set_fence("fence", epoch, true);
        Ok(())
    }

    pub(super) fn promote(&mut self, epoch: Epoch) -> PortResult<()> {
        self.refuse_older(epoch)?;
        match self.applied {
            Applied::Broken => {
                let message = format!("a restore into {} was broken off", self.name);
                return Err(fake_error(ErrorKind::Conflict, message));
            }
            Applied::Clean(_) => self.new_stream(),
            Applied::Never => {}
        }
        self.applied = Applied::Never;
        self.set_fence("promote", epoch, false);
        Ok(())
    }

    fn set_fence(&mut self, method: &'static str, epoch: Epoch, read_only: bool) {
        let next = FenceState {
            epoch: Some(epoch),
            read_only,
        };
        if self.fence != next {
            *self.effects.entry((method, epoch)).or_insert(0) += 1;
        }
        self.fence = next;
    }

    pub(super) fn digest(&self) -> TableDigest {
        let mut hasher = RowHasher::default();
        for (key, value) in &self.rows {
            let row = Record::Put(key.clone(), value.clone());
            hasher.add(encoding::encode([&row]).as_bytes());
        }
        hasher.finish(TABLE)
    }
}
