//! The chain of an epoch's log segments: listing it, finding its end, and
//! checking that each object follows the one before.

use crate::error;
use crate::layout::SegmentName;
use crate::segment::Segment;
use crate::vault::{Vault, same_place};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use planb_model::Epoch;
use planb_model::recovery::{LogPosition, ObjectHash, SegmentBody, SegmentSeq};
use planb_ports::{ErrorKind, PortResult};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The place after the last object of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) epoch: Epoch,
    /// Where the next object goes.
    pub(crate) next: SegmentSeq,
    /// Hash of the last object.
    pub(crate) previous: ObjectHash,
    /// Where its log ends; `None` before the first segment.
    pub(crate) end: Option<LogPosition>,
    /// The epoch that closed the chain.
    pub(crate) closed: Option<Epoch>,
}

/// How a segment follows the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Its log goes on where the log before ended.
    Continues,
    /// Its log begins elsewhere: at a snapshot that was taken because the log
    /// in between was lost.
    Jumps,
    /// It closes the chain.
    Closes,
}

impl Head {
    /// The place before the first object of an epoch.
    pub(crate) fn of(epoch: Epoch) -> Self {
        Self {
            epoch,
            next: SegmentSeq::FIRST,
            previous: ObjectHash::genesis(),
            end: None,
            closed: None,
        }
    }

    /// Checks that `segment` is the next object, and moves behind it.
    pub(crate) fn advance(&mut self, segment: &Segment) -> PortResult<Link> {
        let header = &segment.header;
        if let Some(by) = self.closed {
            let what = format!("epoch {by} closed the log before it");
            return Err(error::corrupt(&segment.key, what));
        }
        if header.seq != self.next || header.previous != self.previous {
            let what = "it does not follow the object before it";
            return Err(error::corrupt(&segment.key, what));
        }
        let link = match &header.body {
            SegmentBody::Closed { by } => {
                self.closed = Some(*by);
                Link::Closes
            }
            SegmentBody::Log { start, end, .. } => {
                let before = self.end.replace(end.clone());
                match before {
                    Some(before) if !same_place(&before, start) => Link::Jumps,
                    _ => Link::Continues,
                }
            }
        };
        self.next = self.next.next();
        self.previous = segment.hash.clone();
        Ok(link)
    }
}

/// The last object of a chain, not decoded: closing a chain needs no key.
pub(crate) struct RawHead {
    pub(crate) next: SegmentSeq,
    pub(crate) previous: ObjectHash,
    pub(crate) last: Option<(SegmentName, Bytes)>,
}

/// Where chains were seen to end. They end there or behind it for ever: the last
/// object of a chain is never deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<BTreeMap<Epoch, SegmentSeq>>>);

impl Ends {
    fn of(&self, epoch: Epoch) -> Option<SegmentSeq> {
        self.seen().get(&epoch).copied()
    }

    /// Remembers a segment that was listed or read.
    pub(crate) fn see(&self, epoch: Epoch, last: SegmentSeq) {
        self.seen().insert(epoch, last);
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<Epoch, SegmentSeq>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault {
    /// The segments from `from` on, in order, all in memory.
    pub(crate) async fn list_segments(
        &self,
        epoch: Epoch,
        from: SegmentSeq,
    ) -> PortResult<Vec<SegmentName>> {
        self.segments(epoch, from).await?.try_collect().await
    }

    /// The segments from `from` on, in order, as they are listed. Every place
    /// must be taken once; what is not named like a segment is not ours and is
    /// passed over.
    pub(crate) async fn segments(
        &self,
        epoch: Epoch,
        from: SegmentSeq,
    ) -> PortResult<BoxStream<'_, PortResult<SegmentName>>> {
        let folder = self.layout.log(epoch);
        let after = self.layout.segment_prefix(epoch, from);
        let objects = self.storage.list_stream(&folder, Some(&after)).await?;
        let mut before: Option<SegmentName> = None;
        let names = objects.filter_map(move |object| {
            let name = object
                .map(|o| self.layout.parse_segment(epoch, &o.key, o.size))
                .transpose();
            std::future::ready(name)
        });
        let checked = names.map(move |name| {
            let name = name?;
            if let Some(before) = before.replace(name.clone()) {
                self.check_next(epoch, &before, &name)?;
            }
            Ok(name)
        });
        Ok(checked.boxed())
    }

    fn check_next(&self, epoch: Epoch, one: &SegmentName, two: &SegmentName) -> PortResult<()> {
        if one.seq == two.seq {
            let what = format!("{} has the same place", one.key);
            return Err(error::corrupt(&two.key, what));
        }
        if one.seq.next() != two.seq {
            return Err(self.missing_segment(epoch, one.seq.next()));
        }
        Ok(())
    }

    /// The last segment of a chain that is listed: from where it ended before,
    /// so that a standby does not list the whole of a long log each time.
    async fn last_listed(&self, epoch: Epoch) -> PortResult<Option<SegmentName>> {
        if let Some(seen) = self.ends.of(epoch)
            && let Some(last) = self.last_from(epoch, seen).await?
        {
            return Ok(Some(last));
        }
        // What was there is lost, or not listed: all of it tells.
        self.last_from(epoch, SegmentSeq::FIRST).await
    }

    async fn last_from(&self, epoch: Epoch, from: SegmentSeq) -> PortResult<Option<SegmentName>> {
        let names = self.segments(epoch, from).await?;
        names
            .try_fold(None, |_, name| std::future::ready(Ok(Some(name))))
            .await
    }

    /// The error for a place that must be taken and is not. The rest of the
    /// name is the hash of the object before, which may be gone as well.
    pub(crate) fn missing_segment(&self, epoch: Epoch, seq: SegmentSeq) -> planb_ports::PortError {
        error::missing(&format!("{}*", self.layout.segment_prefix(epoch, seq)))
    }

    /// The next object of the chain behind `head`, if there is one.
    pub(crate) async fn next_segment(&self, head: &Head) -> PortResult<Option<Segment>> {
        let name = self.segment_name(head.epoch, head.next, &head.previous);
        match self.storage.read(&name.key).await {
            Ok(object) => {
                let segment = self.decode(&name.key, object).await?;
                self.check_place(head.epoch, &name, &segment)?;
                Ok(Some(segment))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Finds the end of a chain: by listing, and from there by the names that
    /// follow, in case the listing was late.
    pub(crate) async fn raw_head(&self, epoch: Epoch) -> PortResult<RawHead> {
        let mut head = RawHead {
            next: SegmentSeq::FIRST,
            previous: ObjectHash::genesis(),
            last: None,
        };
        if let Some(name) = self.last_listed(epoch).await? {
            let object = self.storage.read(&name.key).await?;
            head.step(name, object);
        }
        loop {
            let name = self.segment_name(epoch, head.next, &head.previous);
            match self.storage.read(&name.key).await {
                Ok(object) => head.step(name, object),
                Err(e) if e.kind() == ErrorKind::NotFound => break,
                Err(e) => return Err(e),
            }
        }
        if let Some((last, _)) = &head.last {
            self.ends.see(epoch, last.seq);
        }
        Ok(head)
    }

    /// Finds the end of a chain and reads its last segment.
    pub(crate) async fn head(&self, epoch: Epoch) -> PortResult<Head> {
        let raw = self.raw_head(epoch).await?;
        let mut head = Head {
            next: raw.next,
            previous: raw.previous,
            ..Head::of(epoch)
        };
        if let Some((name, object)) = raw.last {
            let segment = self.decode(&name.key, object).await?;
            match segment.header.body {
                SegmentBody::Log { end, .. } => head.end = Some(end),
                SegmentBody::Closed { by } => head.closed = Some(by),
            }
        }
        Ok(head)
    }
}

impl RawHead {
    fn step(&mut self, name: SegmentName, object: Bytes) {
        self.next = name.seq.next();
        self.previous = ObjectHash::of(&object);
        self.last = Some((name, object));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Seal;
    use crate::segment::{decode, encode};
    use jiff::Timestamp;
    use planb_model::ServiceName;
    use planb_model::recovery::{SegmentHeader, VAULT_FORMAT};

    fn place(at: u64) -> LogPosition {
        LogPosition {
            stream: "s".into(),
            at: at.to_string(),
            gtid: None,
        }
    }

    /// The next segment behind `head`, whole in itself, with log from `start` on.
    fn segment(head: &Head, start: u64, raw: &[u8]) -> Segment {
        let header = SegmentHeader {
            format: VAULT_FORMAT,
            service: ServiceName::new("orders").expect("name"),
            epoch: head.epoch,
            seq: head.next,
            previous: head.previous.clone(),
            written_at: Timestamp::UNIX_EPOCH,
            body: SegmentBody::Log {
                start: place(start),
                end: place(start + 1),
                transactions: 1,
                raw_bytes: raw.len() as u64,
            },
        };
        let seal = Seal::new(&[], None).expect("no keys");
        let object = encode(&header, raw, &seal, 3).expect("encodes");
        decode("key", object, &seal).expect("whole")
    }

    #[test]
    fn an_exchanged_object_breaks_the_chain_although_it_is_whole_in_itself() {
        let mut writer = Head::of(Epoch(1));
        let first = segment(&writer, 0, b"true");
        let forged = segment(&writer, 0, b"false");
        assert_eq!(writer.advance(&first).expect("fits"), Link::Continues);
        let second = segment(&writer, 1, b"next");

        let mut reader = Head::of(Epoch(1));
        reader.advance(&forged).expect("nothing shows yet");
        let error = reader.advance(&second).expect_err("follows another object");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let error = writer.advance(&first).expect_err("a second time");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn log_that_begins_elsewhere_is_a_jump() {
        let mut head = Head::of(Epoch(1));
        let first = segment(&head, 0, b"a");
        head.advance(&first).expect("fits");
        let jump = segment(&head, 7, b"b");
        assert_eq!(head.advance(&jump).expect("fits"), Link::Jumps);
    }
}
