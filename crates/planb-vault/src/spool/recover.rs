//! What of a spool that is found continues the log in the vault.

use super::files::{Files, Spooled};
use super::queue::Waiting;
use crate::chain::Head;
use crate::ship::{Encoded, Resume};
use crate::vault::same_place;
use planb_model::recovery::{LogPosition, ObjectHash, SegmentSeq};
use planb_ports::PortResult;
use std::collections::BTreeMap;

/// A spool that was looked through. Nothing was changed.
pub(super) struct Found {
    /// What follows the end of the chain, in order.
    pub(super) waiting: Vec<Waiting>,
    /// The end of the chain with it.
    pub(super) head: Head,
    pub(super) position: LogPosition,
    /// What the vault has already.
    pub(super) shipped: Vec<Spooled>,
    /// What does not follow, and why.
    pub(super) strangers: Vec<Spooled>,
    pub(super) reason: String,
}

impl Files<'_> {
    /// Looks which files follow `resume`: each made for the place behind the one
    /// before, with log that begins where the one before ended, and whole.
    pub(super) async fn find(&self, resume: &Resume) -> PortResult<Found> {
        let mut found = Found {
            waiting: Vec::new(),
            head: resume.head.clone(),
            position: resume.position.clone(),
            shipped: Vec::new(),
            strangers: Vec::new(),
            reason: String::new(),
        };
        let files = self.list().await?;
        let (before, rest): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|f| f.seq < resume.head.next);
        self.compare(before, resume, &mut found).await?;
        for file in rest {
            if file.seq != found.head.next {
                found.stranger(file, "it leaves a gap in the log");
                continue;
            }
            match self.load(&file).await {
                Ok(encoded) => match found.misfit(&encoded) {
                    None => found.take(file, &encoded),
                    Some(why) => found.stranger(file, why),
                },
                Err(e) => found.stranger(file, &e.to_string()),
            }
        }
        Ok(found)
    }

    /// Sorts files of places that the chain has taken: the vault has the same
    /// object there, or somebody else's, whose log this one cannot join any more.
    async fn compare(
        &self,
        before: Vec<Spooled>,
        resume: &Resume,
        found: &mut Found,
    ) -> PortResult<()> {
        let Some(first) = before.first() else {
            return Ok(());
        };
        let names = self.vault().list_segments(self.epoch(), first.seq).await?;
        // The name of an object tells the hash of the one before it.
        let mut stored: BTreeMap<SegmentSeq, String> = names
            .into_iter()
            .map(|name| (name.seq, name.previous))
            .collect();
        stored.insert(resume.head.next, resume.head.previous.short().to_owned());
        for file in before {
            match stored.get(&file.seq.next()) {
                Some(hash) if !file.hash.starts_with(hash.as_str()) => {
                    found.stranger(file, "the vault has other log in its place");
                }
                // Or retention has deleted it since.
                _ => found.shipped.push(file),
            }
        }
        Ok(())
    }
}

impl Found {
    fn misfit(&self, encoded: &Encoded) -> Option<&'static str> {
        if encoded.seq != self.head.next || encoded.previous != self.head.previous {
            return Some("it follows another object than the vault has");
        }
        if !same_place(&encoded.start, &self.position) {
            return Some("its log begins elsewhere");
        }
        None
    }

    fn take(&mut self, file: Spooled, encoded: &Encoded) {
        self.head.pass(encoded);
        self.position = encoded.end.clone();
        self.waiting.push(Waiting {
            seq: file.seq,
            hash: ObjectHash(file.hash),
            bytes: file.bytes,
            since: encoded.read_at,
            encoded: None,
            on_disk: true,
        });
    }

    fn stranger(&mut self, file: Spooled, why: &str) {
        if self.reason.is_empty() {
            why.clone_into(&mut self.reason);
        }
        self.strangers.push(file);
    }
}
