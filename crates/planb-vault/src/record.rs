//! Records about snapshots: small immutable objects beside them.

use crate::error;
use crate::put::Put;
use crate::segment::check_format;
use crate::vault::Vault;
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::recovery::{NewRecord, ObjectHash, Record, RecordKind, VAULT_FORMAT};
use planb_ports::{ErrorKind, PortResult};

impl Vault {
    /// Writes a record, signed and encrypted like a manifest.
    pub(crate) async fn put_record(&self, new: NewRecord) -> PortResult<Record> {
        if !crate::layout::is_id(&new.snapshot) {
            return Err(error::no_such_snapshot(&new.snapshot));
        }
        let written_at = self.clock.now();
        let record = Record {
            format: VAULT_FORMAT,
            service: self.service.clone(),
            kind: new.kind,
            snapshot: new.snapshot,
            written_at,
            turn: self.turn(new.kind, written_at).await?,
            passed: new.passed,
            body: new.body,
            signature: self.signs(),
        };
        let json =
            serde_json::to_vec_pretty(&record).map_err(|e| error::internal("write a record", e))?;
        let object = Bytes::from(self.seal.seal(json)?);
        let hash = ObjectHash::of(&object);
        let key = self.layout.record(record.kind, &record.snapshot, &hash);
        self.put_signature(&key, &object).await?;
        match self.put_patiently(&key, &object).await? {
            Put::Ours => Ok(record),
            Put::Others(_) => Err(error::other_writer(&key)),
        }
    }

    /// A later one begins when the newest record is of a time to come: what was found
    /// since must count, whatever the clock said then.
    async fn turn(&self, kind: RecordKind, now: Timestamp) -> PortResult<u32> {
        let newest = self.patient().records(kind).await?.pop();
        Ok(newest.map_or(0, |newest| {
            newest
                .turn
                .saturating_add(u32::from(newest.written_at > now))
        }))
    }

    /// All records of a kind, oldest first. One that cannot be trusted is left
    /// out and logged: it must not count, and must not hide the others.
    pub(crate) async fn records(&self, kind: RecordKind) -> PortResult<Vec<Record>> {
        let folder = self.layout.records(kind);
        let mut records = Vec::new();
        for object in self.storage.list(&folder, None).await? {
            let Some((snapshot, hash)) = self.layout.parse_record(kind, &object.key) else {
                continue;
            };
            match self.read_record(kind, &object.key, &snapshot, &hash).await {
                Ok(record) => records.push(record),
                Err(e) if !is_about_the_object(e.kind()) => return Err(e),
                Err(e) => tracing::warn!(error = e.chain(), "a record is left out"),
            }
        }
        records.sort_by_key(|record| (record.turn, record.written_at));
        Ok(records)
    }

    async fn read_record(
        &self,
        kind: RecordKind,
        key: &str,
        snapshot: &str,
        hash: &str,
    ) -> PortResult<Record> {
        let object = self.storage.read(key).await?;
        if ObjectHash::of(&object).short() != hash {
            let what = "its content does not have the hash of its name";
            return Err(error::corrupt(key, what));
        }
        let signature = self.check_signature(key, &object).await?;
        let json = self.seal.open(key, object)?;
        check_format(key, &json)?;
        let record: Record = serde_json::from_slice(&json).map_err(|e| error::corrupt(key, e))?;
        if record.service != self.service || record.kind != kind || record.snapshot != snapshot {
            return Err(error::corrupt(key, "it belongs under another name"));
        }
        Ok(Record {
            signature,
            ..record
        })
    }
}

/// Whether an error is about one object, so that others still count.
pub(crate) fn is_about_the_object(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Corrupt
            | ErrorKind::Unsupported
            | ErrorKind::Unauthenticated
            | ErrorKind::PermissionDenied
            | ErrorKind::NotFound
    )
}
