//! Names of objects. docs/formats/vault.md has the same table for people.
//!
//! Numbers have ten digits, so that keys sort as the numbers do.

use jiff::Timestamp;
use jiff::civil::DateTime;
use planb_model::recovery::{ObjectHash, RecordKind, SegmentSeq};
use planb_model::{Epoch, ServiceName};

/// Digits of a hash in a name.
pub(crate) const HASH_DIGITS: usize = 16;

/// Keys of one service's objects.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    service: ServiceName,
}

/// Where a log segment is, as its name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentName {
    pub(crate) key: String,
    pub(crate) seq: SegmentSeq,
    /// First digits of the hash of the object before it.
    pub(crate) previous: String,
    /// Bytes as stored.
    pub(crate) size: u64,
}

/// What a manifest's name tells. Sorts by age, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ManifestName {
    pub(crate) epoch: Epoch,
    pub(crate) next_segment: SegmentSeq,
    pub(crate) id: String,
    /// First digits of the hash of the manifest itself.
    pub(crate) hash: String,
    pub(crate) key: String,
    /// Bytes as stored; 0 when it was not listed.
    pub(crate) size: u64,
}

impl Layout {
    pub(crate) fn new(service: ServiceName) -> Self {
        Self { service }
    }

    /// The full key of what a manifest names relative to the service's folder.
    pub(crate) fn full(&self, relative: &str) -> String {
        format!("{}/{relative}", self.service)
    }

    pub(crate) fn marker(&self) -> String {
        self.full("vault.json")
    }

    pub(crate) fn epochs(&self) -> String {
        self.full("epoch/")
    }

    pub(crate) fn epoch(&self, epoch: Epoch) -> String {
        self.full(&format!("epoch/{:010}.json", epoch.0))
    }

    pub(crate) fn parse_epoch(&self, key: &str) -> Option<Epoch> {
        let digits = key.strip_prefix(&self.epochs())?.strip_suffix(".json")?;
        number(digits).map(Epoch)
    }

    pub(crate) fn log(&self, epoch: Epoch) -> String {
        self.full(&format!("log/{:010}/", epoch.0))
    }

    /// What every segment at `seq` starts with; sorts before all of them.
    pub(crate) fn segment_prefix(&self, epoch: Epoch, seq: SegmentSeq) -> String {
        format!("{}{:010}-", self.log(epoch), seq.0)
    }

    pub(crate) fn segment(&self, epoch: Epoch, seq: SegmentSeq, previous: &ObjectHash) -> String {
        format!("{}{}", self.segment_prefix(epoch, seq), previous.short())
    }

    pub(crate) fn parse_segment(&self, epoch: Epoch, key: &str, size: u64) -> Option<SegmentName> {
        let (seq, previous) = key.strip_prefix(&self.log(epoch))?.split_once('-')?;
        Some(SegmentName {
            key: key.to_owned(),
            seq: SegmentSeq(number(seq)?),
            previous: hash_digits(previous)?,
            size,
        })
    }

    pub(crate) fn manifests(&self) -> String {
        self.full("manifest/")
    }

    pub(crate) fn manifest(
        &self,
        epoch: Epoch,
        next_segment: SegmentSeq,
        id: &str,
        hash: &ObjectHash,
    ) -> ManifestName {
        let hash = hash.short().to_owned();
        let key = format!(
            "{}{:010}-{:010}-{id}-{hash}.json",
            self.manifests(),
            epoch.0,
            next_segment.0
        );
        ManifestName {
            epoch,
            next_segment,
            id: id.to_owned(),
            hash,
            key,
            size: 0,
        }
    }

    pub(crate) fn parse_manifest(&self, key: &str) -> Option<ManifestName> {
        let name = key.strip_prefix(&self.manifests())?.strip_suffix(".json")?;
        let (epoch, rest) = name.split_once('-')?;
        let (next, rest) = rest.split_once('-')?;
        let (id, hash) = rest.rsplit_once('-')?;
        Some(ManifestName {
            epoch: Epoch(number(epoch)?),
            next_segment: SegmentSeq(number(next)?),
            id: id.to_owned(),
            hash: hash_digits(hash)?,
            key: key.to_owned(),
            size: 0,
        })
    }

    pub(crate) fn records(&self, kind: RecordKind) -> String {
        self.full(&format!("{}/", kind.folder()))
    }

    pub(crate) fn record(&self, kind: RecordKind, snapshot: &str, hash: &ObjectHash) -> String {
        format!("{}{snapshot}-{}.json", self.records(kind), hash.short())
    }

    /// The snapshot a record is about, and the digits of its own hash.
    pub(crate) fn parse_record(&self, kind: RecordKind, key: &str) -> Option<(String, String)> {
        let name = key.strip_prefix(&self.records(kind))?;
        let (snapshot, hash) = name.strip_suffix(".json")?.rsplit_once('-')?;
        Some((snapshot.to_owned(), hash_digits(hash)?))
    }

    /// Folder of all snapshots' parts.
    pub(crate) fn all_parts(&self) -> String {
        self.full("snapshot/")
    }

    /// The snapshot a part belongs to.
    pub(crate) fn parse_part(&self, key: &str) -> Option<String> {
        let (id, _) = key.strip_prefix(&self.all_parts())?.split_once('/')?;
        is_id(id).then(|| id.to_owned())
    }

    /// Folder of a snapshot's parts, relative to the service's folder.
    pub(crate) fn parts(&self, id: &str) -> String {
        format!("snapshot/{id}/")
    }

    /// Key of a part, relative to the service's folder.
    pub(crate) fn part(&self, id: &str, name: &str, encrypted: bool) -> String {
        let suffix = if encrypted { ".zst.age" } else { ".zst" };
        format!("{}{name}{suffix}", self.parts(id))
    }
}

/// Whether `text` is a snapshot's identifier.
pub(crate) fn is_id(text: &str) -> bool {
    id_time(text).is_some()
}

/// When a snapshot was begun: `20260131t235959123z-0a1b2c3d`.
pub(crate) fn id_time(id: &str) -> Option<Timestamp> {
    let (time, random) = id.split_once("z-")?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if time.len() != 18 || random.len() != 8 || !random.bytes().all(hex) {
        return None;
    }
    let (seconds, millis) = time.split_at_checked(15)?;
    let at = DateTime::strptime("%Y%m%dt%H%M%S", seconds).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let millis: i64 = millis.parse().ok()?;
    Timestamp::from_millisecond(at.as_millisecond() + millis).ok()
}

pub(crate) fn number(digits: &str) -> Option<u64> {
    let plain = digits.len() >= 10 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

pub(crate) fn hash_digits(text: &str) -> Option<String> {
    let plain = text.len() == HASH_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::new(ServiceName::new("orders").expect("name"))
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let layout = layout();
        let (epoch, seq) = (Epoch(3), SegmentSeq(12));
        let hash = ObjectHash::of(b"x");
        let key = layout.segment(epoch, seq, &hash);
        let name = layout.parse_segment(epoch, &key, 9).expect("a segment");
        assert_eq!((name.seq, name.previous.as_str()), (seq, hash.short()));
        let manifest = layout.manifest(epoch, seq, "20260101t000000000z-0a1b2c3d", &hash);
        assert_eq!(layout.parse_manifest(&manifest.key), Some(manifest));
        assert_eq!(layout.parse_epoch(&layout.epoch(epoch)), Some(epoch));
    }

    #[test]
    fn other_names_are_not_ours() {
        let layout = layout();
        let log = layout.log(Epoch(1));
        for key in [
            "1-aa",
            "0000000001",
            "0000000001-xyz",
            "000000000a-0123456789abcdef",
        ] {
            let parsed = layout.parse_segment(Epoch(1), &format!("{log}{key}"), 0);
            assert_eq!(parsed, None, "{key}");
        }
        assert_eq!(layout.parse_manifest("orders/manifest/readme.json"), None);
        assert_eq!(layout.parse_epoch("orders/epoch/1.json"), None);
    }

    #[test]
    fn newer_manifests_sort_last() {
        let hash = ObjectHash::of(b"x");
        let name =
            |epoch, next, id: &str| layout().manifest(Epoch(epoch), SegmentSeq(next), id, &hash);
        assert!(name(1, 900, "b") < name(2, 1, "a"));
        assert!(name(2, 9, "z") < name(2, 10, "a"));
    }
}
