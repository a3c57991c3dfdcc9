//! Writes what waits for long to the local disk.

use super::queue::Queue;
use super::{Backlog, LOOK_MS};
use crate::protect::Run;
use crate::ship::Encoded;
use jiff::Timestamp;
use planb_ports::repository::ProtectEvent;
use planb_ports::{PortError, PortResult};
use std::time::Duration;

/// What was told last.
#[derive(Default)]
struct Told {
    on_disk: bool,
    /// When what waits was told, by the monotonic clock.
    spooled_at: Option<Duration>,
    /// Bytes on disk when it took no more.
    full_at: Option<u64>,
    failing: bool,
}

impl Backlog<'_> {
    /// Writes for as long as it is polled.
    pub(crate) async fn spill(&self, run: &Run<'_>) {
        let mut told = Told::default();
        loop {
            loop {
                let next = self.queue().to_spill(self.now());
                let (Some(encoded), Some(_)) = (next, &self.files) else {
                    break;
                };
                match self.write(&encoded).await {
                    Ok(true) => told.failing = false,
                    Ok(false) => {
                        self.queue().refused = true;
                        break;
                    }
                    Err(e) => {
                        self.queue().refused = true;
                        told.failed(run, &e);
                        break;
                    }
                }
            }
            told.tell(run, &self.queue(), self.now());
            let look = run.vault.clock.sleep(Duration::from_millis(LOOK_MS));
            tokio::select! {
                () = look => {}
                () = self.look.notified() => {}
            }
        }
    }

    /// Writes one object; `false` when the spool is full.
    pub(super) async fn write(&self, encoded: &Encoded) -> PortResult<bool> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        let bytes = encoded.object.len() as u64;
        if self.queue().disk_bytes() + bytes > files.bytes_max() {
            return Ok(false);
        }
        files.write(encoded).await?;
        if self.queue().spilled(&encoded.hash) {
            self.freed.notify_one();
            return Ok(true);
        }
        // Shipped or dropped while it was written.
        files.remove(encoded.seq, &encoded.hash.0).await?;
        Ok(true)
    }
}

impl Told {
    /// Once per trouble.
    fn failed(&mut self, run: &Run<'_>, error: &PortError) {
        if !std::mem::replace(&mut self.failing, true) {
            run.retrying(error, Duration::from_millis(LOOK_MS));
        }
    }

    fn tell(&mut self, run: &Run<'_>, queue: &Queue, now: Timestamp) {
        let on_disk = queue.is_on_disk();
        let here = run.vault.clock.monotonic();
        let look = Duration::from_millis(LOOK_MS);
        let due = self.spooled_at.is_none_or(|at| here >= at + look);
        if on_disk != self.on_disk || (on_disk && due) {
            let (bytes, age) = match on_disk {
                true => (queue.bytes(), queue.age(now)),
                false => (0, Duration::ZERO),
            };
            run.control.event(ProtectEvent::Spooled { bytes, age });
            self.spooled_at = Some(here);
        }
        self.on_disk = on_disk;
        let bytes = queue.disk_bytes();
        if queue.refused || (on_disk && !queue.has_room()) {
            if self.full_at.is_none() {
                let bytes = queue.bytes();
                run.control.event(ProtectEvent::SpoolFull { bytes });
            }
            self.full_at.get_or_insert(bytes);
        } else if self.full_at.is_some_and(|full| bytes <= full / 4 * 3) {
            // Told again only when it has been well below.
            self.full_at = None;
        }
    }
}
