//! Log of a restored copy that waits for its commit, in a file beside it.
//!
//! A long transaction comes in several segments. Its pages must not be in the
//! copy before its last one is, so the frames of those before are put aside, as
//! they are in the log.

use crate::config::Paths;
use crate::error::from_io;
use crate::sidecar::touched;
use crate::wal::{FRAME_HEADER_BYTES, Frame};
use planb_ports::PortResult;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// What waits. No file, as long as nothing does.
#[derive(Debug)]
pub struct Pending {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl Pending {
    /// The `bytes` that the sidecar knows of; what is behind them was written by
    /// a call that did not come to its end.
    pub fn open(paths: &Paths, bytes: u64) -> PortResult<Self> {
        let mut pending = Self {
            path: paths.pending.clone(),
            file: None,
            bytes,
        };
        if bytes > 0 {
            let opened = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&pending.path);
            let file = opened.map_err(|e| touched(paths).source(e))?;
            let there = file.metadata().map_err(|e| from_io(&pending.path, e))?;
            if there.len() < bytes {
                return Err(touched(paths));
            }
            pending.file = Some(file);
        }
        Ok(pending)
    }

    /// How much waits.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds frames; durable on return.
    pub fn add(&mut self, frames: &[u8]) -> PortResult<()> {
        if frames.is_empty() {
            return Ok(());
        }
        let path = &self.path;
        let added = (|| {
            let file = match self.file.take() {
                Some(file) => file,
                None => OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .open(path)?,
            };
            file.write_all_at(frames, self.bytes)?;
            file.sync_all()?;
            self.bytes += frames.len() as u64;
            self.file = Some(file);
            Ok(())
        })();
        added.map_err(|e| from_io(path, e))
    }

    /// Forgets all of it: it is in the copy.
    pub fn clear(&mut self) -> PortResult<()> {
        (self.file, self.bytes) = (None, 0);
        crate::snapshot::remove_if_there(&self.path)
    }

    /// Hands on each page, in the order of the log.
    pub fn each_page(
        &self,
        page_size: usize,
        mut take: impl FnMut(u32, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut frame = vec![0; FRAME_HEADER_BYTES + page_size];
        let mut at = 0;
        while at < self.bytes {
            file.read_exact_at(&mut frame, at)?;
            let head = Frame::parse(&frame).map_err(io::Error::other)?;
            take(head.page, &frame[FRAME_HEADER_BYTES..])?;
            at += frame.len() as u64;
        }
        Ok(())
    }
}
