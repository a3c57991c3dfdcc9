//! The files of a spool: one durable file per object.
//!
//! `<directory>/<service>/<epoch>-<claim>-<seq>-<hash>.seg`: the claim tells the
//! vaults of one directory apart, and the hash of the content shows a torn or
//! damaged file.

use super::Spool;
use crate::error;
use crate::segment::Segment;
use crate::ship::Encoded;
use crate::vault::Vault;
use bytes::Bytes;
use planb_model::Epoch;
use planb_model::recovery::{ObjectHash, SegmentBody, SegmentSeq};
use planb_ports::disk::DiskFile;
use planb_ports::{ErrorKind, PortResult};
use std::path::PathBuf;

const SUFFIX: &str = ".seg";
/// Left by a kill in the middle of a write.
const TEMPORARY: &str = ".tmp";

/// The spool of one epoch of one vault.
pub(crate) struct Files<'a> {
    spool: &'a Spool,
    vault: &'a Vault,
    epoch: Epoch,
    folder: PathBuf,
    prefix: String,
}

/// A file of the spool, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spooled {
    pub(crate) seq: SegmentSeq,
    pub(crate) hash: String,
    pub(crate) bytes: u64,
}

impl Vault {
    /// The spool of `epoch`, which is claimed; `None` when there is none at all.
    pub(crate) async fn spool_files(&self, epoch: Epoch) -> PortResult<Option<Files<'_>>> {
        let Some(spool) = &self.spool else {
            return Ok(None);
        };
        // Says who claimed it and when: no two vaults have the same.
        let claim = self.storage.read(&self.layout.epoch(epoch)).await?;
        let claim = ObjectHash::of(&claim);
        Ok(Some(Files {
            spool,
            vault: self,
            epoch,
            folder: self.spool_folder(spool),
            prefix: format!("{:010}-{}-", epoch.0, claim.short()),
        }))
    }

    fn spool_folder(&self, spool: &Spool) -> PathBuf {
        spool.options.directory.join(self.service.as_str())
    }

    /// The epochs of any vault that have files in the spool.
    pub(crate) async fn spooled_epochs(&self) -> PortResult<Vec<Epoch>> {
        let Some(spool) = &self.spool else {
            return Ok(Vec::new());
        };
        let files = spool.disk.list(&self.spool_folder(spool)).await?;
        let epoch = |f: &DiskFile| f.name.split('-').next()?.parse().ok().map(Epoch);
        let mut epochs: Vec<Epoch> = files.iter().filter_map(epoch).collect();
        epochs.dedup();
        Ok(epochs)
    }
}

impl<'a> Files<'a> {
    pub(super) fn vault(&self) -> &'a Vault {
        self.vault
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.spool.options.bytes_max
    }

    /// What is there, in the order of the chain. Nothing of it was checked.
    pub(super) async fn list(&self) -> PortResult<Vec<Spooled>> {
        let files = self.spool.disk.list(&self.folder).await?;
        let mut found: Vec<_> = files.iter().filter_map(|f| self.parse(f)).collect();
        found.sort();
        Ok(found)
    }

    fn parse(&self, file: &DiskFile) -> Option<Spooled> {
        let rest = file.name.strip_prefix(&self.prefix)?;
        let (seq, hash) = rest.strip_suffix(SUFFIX)?.split_once('-')?;
        Some(Spooled {
            seq: SegmentSeq(seq.parse().ok()?),
            hash: hash.to_owned(),
            bytes: file.bytes,
        })
    }

    fn path(&self, seq: SegmentSeq, hash: &str) -> PathBuf {
        let name = format!("{}{:010}-{hash}{SUFFIX}", self.prefix, seq.0);
        self.folder.join(name)
    }

    /// Writes an object durably. `NoSpace` when the file system would have too
    /// little left.
    pub(super) async fn write(&self, encoded: &Encoded) -> PortResult<()> {
        let bytes = encoded.object.len() as u64;
        let keep = self.spool.options.keep_free_bytes;
        let free = self.spool.disk.free_bytes(&self.folder).await?;
        if free < bytes.saturating_add(keep) {
            return Err(error::spool_space(&self.folder, free, keep));
        }
        let path = self.path(encoded.seq, &encoded.hash.0);
        self.spool.disk.write_atomic(&path, &encoded.object).await
    }

    /// Reads an object back and checks it: by its name, and by itself.
    pub(super) async fn read(&self, file: &Spooled) -> PortResult<(Segment, Bytes)> {
        let path = self.path(file.seq, &file.hash);
        let read = self.spool.disk.read_up_to(&path, file.bytes).await;
        let object = Bytes::from(read?);
        let key = path.to_string_lossy();
        if ObjectHash::of(&object).0 != file.hash {
            return Err(error::bad_spool(&key, "it is torn or damaged"));
        }
        let segment = self.vault.decode(&key, object.clone()).await;
        let segment = segment.map_err(|e| error::bad_spool(&key, e.chain()))?;
        if segment.header.service != self.vault.service || segment.header.epoch != self.epoch {
            return Err(error::bad_spool(&key, "it belongs to another log"));
        }
        Ok((segment, object))
    }

    /// Reads an object that waits, ready to be put.
    pub(super) async fn load(&self, file: &Spooled) -> PortResult<Encoded> {
        let (segment, object) = self.read(file).await?;
        let header = segment.header;
        let SegmentBody::Log {
            start,
            end,
            transactions,
            raw_bytes,
        } = header.body
        else {
            return Err(error::bad_spool(&file.hash, "it is no log"));
        };
        Ok(Encoded {
            seq: header.seq,
            previous: header.previous,
            hash: segment.hash,
            object,
            start,
            end,
            transactions,
            raw_bytes,
            read_at: header.written_at,
        })
    }

    pub(super) async fn remove(&self, seq: SegmentSeq, hash: &str) -> PortResult<()> {
        self.spool.disk.remove(&self.path(seq, hash)).await
    }

    /// Removes files, the last ones first, so that what is left after a kill
    /// still begins at the same place. What cannot be removed is logged: the
    /// chain keeps it from being used.
    pub(super) async fn remove_all(&self, files: &[Spooled]) {
        for file in files.iter().rev() {
            if let Err(e) = self.remove(file.seq, &file.hash).await {
                tracing::warn!(error = e.chain(), "a file of the spool stays");
            }
        }
    }

    /// Removes what a kill in the middle of a write left behind, and says what
    /// of others is there: it is never used here and does not count to the bound.
    pub(super) async fn sweep(&self) -> PortResult<()> {
        let (mut others, mut bytes) = (0_u32, 0);
        for file in self.spool.disk.list(&self.folder).await? {
            let torn = file.name.starts_with('.') && file.name.ends_with(TEMPORARY);
            if torn && file.name.contains(&self.prefix) {
                self.spool
                    .disk
                    .remove(&self.folder.join(&file.name))
                    .await?;
            } else if !file.name.starts_with(&self.prefix) {
                others += 1;
                bytes += file.bytes;
            }
        }
        if others > 0 {
            let folder = self.folder.display();
            tracing::warn!(%folder, files = others, bytes, "files of another vault or epoch are left alone in the spool");
        }
        Ok(())
    }

    /// Drops the whole spool of this epoch; returns its bytes.
    pub(crate) async fn discard(&self) -> u64 {
        match self.list().await {
            Ok(files) => {
                self.remove_all(&files).await;
                files.iter().map(|f| f.bytes).sum()
            }
            Err(e) if e.kind() == ErrorKind::NotFound => 0,
            Err(e) => {
                tracing::warn!(error = e.chain(), "the spool stays");
                0
            }
        }
    }
}
