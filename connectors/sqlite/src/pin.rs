//! Keeps the write-ahead log from being begun anew before it was read.
//!
//! SQLite overwrites a WAL from its start when all of it is in the database
//! file and nobody reads it. A read transaction that began *in* the WAL forbids
//! that. One that began when the WAL was already copied reads the database file
//! only and forbids nothing, so every pin is taken while another one, or a
//! write transaction of our own, stands in the WAL: there is no moment without.

use crate::config::{
    COPY_TRIES_MAX, EXTENT_PAUSE_MS, EXTENT_TRIES_MAX, Paths, RESTART_ROUNDS_MAX, WAL_BYTES_MAX,
};
use crate::connect::{self, FileId};
use crate::error::{self, from_sqlite};
use planb_ports::{ErrorKind, PortResult};
use rusqlite::Connection;
use std::time::Duration;

/// Writes PlanB's one row, so that there is something to commit.
const ROW: &str = "CREATE TABLE IF NOT EXISTS planb_log (
         id INTEGER PRIMARY KEY CHECK (id = 1), restarts INTEGER NOT NULL);
     INSERT INTO planb_log VALUES (1, 1)
         ON CONFLICT (id) DO UPDATE SET restarts = restarts + 1";

/// Held read transaction, and the connections that move it.
#[derive(Debug)]
pub struct Pin {
    file: FileId,
    /// In a read transaction that stands in the WAL.
    holder: Connection,
    /// Idle; the next holder.
    spare: Connection,
    /// For the write lock and the one small write that begins a WAL.
    writer: Connection,
    /// Never in a transaction: tells the length of the WAL and checkpoints.
    meter: Connection,
    /// The holder began at this frame or before.
    holder_frame_max: u32,
}

/// Length of a WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Committed frames.
    pub frames: u32,
    /// Frames that are in the database file as well.
    pub copied: u32,
}

impl Pin {
    /// Takes a pin. `under_lock` is called with the extent of the WAL while
    /// nobody can write; the WAL may be begun anew right after it.
    pub fn take(
        paths: &Paths,
        under_lock: impl FnOnce(Extent) -> PortResult<()>,
    ) -> PortResult<Self> {
        let file = FileId::of(&paths.database)?;
        let writer = connect::live(paths)?;
        let mode = connect::journal_mode(&writer)?;
        if mode != "wal" {
            return Err(error::not_wal(&mode));
        }
        // Gives the disk back what a burst of writes took, at the next restart.
        writer
            .query_row(
                &format!("PRAGMA journal_size_limit = {WAL_BYTES_MAX}"),
                [],
                |_| Ok(()),
            )
            .map_err(from_sqlite)?;
        let mut pin = Self {
            file,
            holder: connect::live(paths)?,
            spare: connect::live(paths)?,
            writer,
            meter: connect::live(paths)?,
            holder_frame_max: 0,
        };
        run(&pin.writer, "BEGIN IMMEDIATE")?;
        let done = pin
            .extent()
            .and_then(under_lock)
            .and_then(|()| pin.commit_pinned());
        if let Err(error) = done {
            pin.give_back_write_lock();
            return Err(error);
        }
        Ok(pin)
    }

    /// The file it pins.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// How long the WAL is now. Reads shared memory only.
    pub fn extent(&self) -> PortResult<Extent> {
        for _ in 0..EXTENT_TRIES_MAX {
            let (busy, frames, copied) = self.checkpoint("NOOP")?;
            match (u32::try_from(frames), u32::try_from(copied)) {
                (Ok(frames), Ok(copied)) => return Ok(Extent { frames, copied }),
                // A writer was just then changing the length.
                _ if busy != 0 => std::thread::sleep(Duration::from_millis(EXTENT_PAUSE_MS)),
                // There is no WAL any more.
                _ => return Err(error::not_wal(&connect::journal_mode(&self.meter)?)),
            }
        }
        Err(error::busy())
    }

    /// Has the WAL copied into the database file and begun anew, if that can be
    /// done without waiting for readers. `under_lock` is called at the moment
    /// when nobody can write, before anything is overwritten. Returns whether
    /// it was called; whether the WAL was begun anew then, its salts tell.
    ///
    /// After an error this pin may hold nothing any more; drop it.
    pub fn restart(
        &mut self,
        mut under_lock: impl FnMut(Extent) -> PortResult<()>,
    ) -> PortResult<bool> {
        for _ in 0..RESTART_ROUNDS_MAX {
            self.move_on()?;
            self.copy_back()?;
            if !self.take_write_lock()? {
                return Ok(false);
            }
            if !self.is_copied()? {
                // Somebody committed in between. Copy that as well while nobody
                // can, then begin again at once: only a transaction that begins
                // when all is copied can begin the WAL anew, and a writer who
                // waits for the lock asks for it more slowly than we do.
                let copied = self.copy_rest()?;
                run(&self.writer, "ROLLBACK")?;
                if !copied || !self.take_write_lock()? {
                    return Ok(false);
                }
            }
            let extent = self.extent()?;
            if extent.copied == extent.frames {
                under_lock(extent)?;
                run(&self.holder, "ROLLBACK")?;
                self.commit_pinned()?;
                return Ok(true);
            }
            run(&self.writer, "ROLLBACK")?;
        }
        Ok(false)
    }

    fn is_copied(&self) -> PortResult<bool> {
        let extent = self.extent()?;
        Ok(extent.copied == extent.frames)
    }

    /// Copies everything while this process has the write lock; `false` when a
    /// reader of the service, or its own checkpoint, is in the way for too long.
    fn copy_rest(&mut self) -> PortResult<bool> {
        self.move_on()?;
        for _ in 0..COPY_TRIES_MAX {
            self.copy_back()?;
            if self.is_copied()? {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(EXTENT_PAUSE_MS));
        }
        Ok(false)
    }

    /// Commits the one row of `planb_log` again: what is committed afterwards
    /// lies behind everything that was read before.
    pub fn write_row(&mut self) -> PortResult<()> {
        let written = run(&self.writer, "BEGIN IMMEDIATE")
            .and_then(|()| run(&self.writer, ROW))
            .and_then(|()| run(&self.writer, "COMMIT"));
        self.give_back_write_lock();
        written
    }

    /// Runs `look` with the extent of the WAL while nobody can write.
    pub fn with_writers_stopped<T>(
        &mut self,
        look: impl FnOnce(Extent) -> PortResult<T>,
    ) -> PortResult<T> {
        run(&self.writer, "BEGIN IMMEDIATE")?;
        let seen = self.extent().and_then(look);
        self.give_back_write_lock();
        seen
    }

    /// Moves the holder to the end of the WAL so that all before can be copied.
    fn move_on(&mut self) -> PortResult<()> {
        // Only then is the old holder in the middle of the WAL, so that not all
        // of it can be copied, so that the new one stands in the WAL as well.
        if self.extent()?.frames <= self.holder_frame_max {
            return Ok(());
        }
        begin_read(&self.spare)?;
        run(&self.holder, "ROLLBACK")?;
        std::mem::swap(&mut self.holder, &mut self.spare);
        self.holder_frame_max = self.extent()?.frames;
        Ok(())
    }

    fn take_write_lock(&mut self) -> PortResult<bool> {
        connect::be_brief(&mut self.writer)?;
        let begun = run(&self.writer, "BEGIN IMMEDIATE");
        connect::be_patient(&mut self.writer)?;
        match begun {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::Unavailable => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Writes one row in the writer's open transaction, commits it, and has the
    /// holder begin in the WAL before the writer has left it.
    fn commit_pinned(&mut self) -> PortResult<()> {
        run(&self.writer, ROW)?;
        let mut statement = self
            .writer
            .prepare("SELECT restarts FROM planb_log UNION ALL SELECT 0")
            .map_err(from_sqlite)?;
        let mut rows = statement.query([]).map_err(from_sqlite)?;
        // A statement in the middle of its rows keeps the writer's place in the
        // WAL over the commit, as a read transaction.
        rows.next().map_err(from_sqlite)?;
        run(&self.writer, "COMMIT")?;
        begin_read(&self.holder)?;
        drop(rows);
        drop(statement);
        self.holder_frame_max = self.extent()?.frames;
        Ok(())
    }

    fn give_back_write_lock(&self) {
        if !self.writer.is_autocommit()
            && let Err(error) = run(&self.writer, "ROLLBACK")
        {
            tracing::warn!(error = error.chain(), "could not give back the write lock");
        }
    }

    /// Copies what can be copied now. Another checkpoint that is running is as
    /// good as ours; what is left then, the extent tells.
    fn copy_back(&self) -> PortResult<()> {
        self.checkpoint("PASSIVE").map(|_| ())
    }

    /// Busy (as 1), frames, copied frames; the latter are -1 when not known.
    fn checkpoint(&self, mode: &str) -> PortResult<(i64, i64, i64)> {
        self.meter
            .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))
            .and_then(|mut s| s.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))
            .map_err(from_sqlite)
    }
}

/// Begins a read transaction; `BEGIN` alone takes no place yet.
pub fn begin_read(connection: &Connection) -> PortResult<()> {
    run(connection, "BEGIN")?;
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(from_sqlite)
}

fn run(connection: &Connection, sql: &str) -> PortResult<()> {
    connection.execute_batch(sql).map_err(from_sqlite)
}
