//! Holds the log while it is read: every look at the WAL is made with a pin on
//! the file at the path, and with a proof that it is still the same log.

use super::{Now, Reader, not_continued};
use crate::connect::FileId;
use crate::error;
use crate::pin::{Extent, Pin};
use crate::wal::{FRAME_HEADER_BYTES, Frame, Gathered};
use planb_ports::{ErrorKind, PortResult};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError};

impl Reader {
    /// Runs `work` with a pin on the file that is at the path now, taking one
    /// when there is none. After any error the pin is given up, and the next
    /// call proves anew that the log continues.
    pub(super) fn with_pin<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Pin) -> PortResult<T>,
    ) -> PortResult<T> {
        let shared = Arc::clone(&self.shared);
        let mut held = shared.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.parting = held.parting_of(&self.stream);
        self.copying = held.is_copying();
        let pinned = self.pinned(&mut held.pin);
        let done = pinned.and_then(|()| match held.pin.as_mut() {
            Some(pin) => work(self, pin),
            None => Err(error::log_lost("the pin was given up")),
        });
        if let Some(now) = &self.now {
            let salts = now.gathered.read_from().salts;
            held.reads(&self.alive, &self.stream, now.file, salts);
        }
        if let Err(error) = &done {
            held.pin = None;
            if error.kind() == ErrorKind::LogLost {
                held.log_is_lost();
            }
        }
        // A file that is gone must not be kept alive by our handles.
        if FileId::of(&shared.paths.database).is_err() {
            held.pin = None;
        }
        done
    }

    fn pinned(&mut self, slot: &mut Option<Pin>) -> PortResult<()> {
        let here = FileId::of(&self.shared.paths.database);
        if let Some(pin) = slot.as_ref() {
            match here {
                Ok(file) if file == pin.file() => {}
                Ok(_) => return Err(error::log_lost("another file is at the path now")),
                Err(error) => {
                    *slot = None;
                    return Err(error);
                }
            }
            if self.now.is_none() {
                let extent = pin.extent()?;
                self.prove(extent)?;
            }
            return Ok(());
        }
        let paths = self.shared.paths.clone();
        let pin = Pin::take(&paths, |extent| {
            self.prove(extent)?;
            self.read_to(extent, u64::MAX)
        })?;
        *slot = Some(pin);
        self.notice_restart()
    }

    /// Proves that the WAL at the path still holds the frame we stopped after.
    fn prove(&mut self, extent: Extent) -> PortResult<()> {
        let (wal, raw, header) = self.open_wal()?;
        let at = match &self.now {
            Some(now) => now.gathered.read_from(),
            None => self.start.chain(header.page_size),
        };
        if header.salts != at.salts {
            return Err(error::log_lost("it was begun anew in the meantime"));
        }
        if extent.frames < at.frame {
            return Err(error::log_lost("it is shorter than what was shipped"));
        }
        let sums = match at.frame.checked_sub(1) {
            None => header.sums,
            Some(before) => {
                let mut last = at;
                last.frame = before;
                let mut head = [0; FRAME_HEADER_BYTES];
                wal.read_exact_at(&mut head, last.offset())
                    .map_err(|e| self.lost_or_gone(e))?;
                Frame::parse(&head).map_err(not_continued)?.sums
            }
        };
        if sums != at.sums {
            return Err(error::log_lost("its last shipped frame is another one"));
        }
        if self.now.is_none() {
            let gathered = if self.start.snapshot {
                Gathered::whole(&raw, &header, self.start.frame)
            } else {
                Gathered::after(at)
            };
            self.now = Some(Now {
                file: self.start.file,
                gathered,
                first_pending_at: None,
            });
        }
        Ok(())
    }
}
