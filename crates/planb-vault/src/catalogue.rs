//! The snapshots of a vault: their manifests, and whether they are whole.

use crate::error;
use crate::layout::ManifestName;
use crate::segment::check_format;
use crate::vault::Vault;
use planb_model::Epoch;
use planb_model::recovery::{LogRange, ObjectHash, SnapshotManifest};
use planb_ports::storage::Immutability;
use planb_ports::{ErrorKind, PortResult};
use std::collections::BTreeMap;

/// Segments asked about their lock, spread over a log: each is a request.
const SEGMENTS_LOOKED_AT_MAX: usize = 32;

impl Vault {
    /// Names of all manifests, newest first: by epoch, then by how far the log
    /// was, then by time.
    pub(crate) async fn manifests(&self) -> PortResult<Vec<ManifestName>> {
        let objects = self.storage.list(&self.layout.manifests(), None).await?;
        let mut names: Vec<ManifestName> = objects
            .iter()
            .filter_map(|o| {
                let name = self.layout.parse_manifest(&o.key)?;
                Some(ManifestName {
                    size: o.size,
                    ..name
                })
            })
            .collect();
        names.sort();
        names.reverse();
        Ok(names)
    }

    /// Reads a manifest and checks it against its name.
    pub(crate) async fn read_manifest(&self, name: &ManifestName) -> PortResult<SnapshotManifest> {
        let key = &name.key;
        let object = match self.storage.read(key).await {
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(error::missing(key)),
            other => other?,
        };
        if ObjectHash::of(&object).short() != name.hash {
            return Err(error::corrupt(
                key,
                "its content does not have the hash of its name",
            ));
        }
        self.check_signature(key, &object).await?;
        let json = self.seal.open(key, object)?;
        check_format(key, &json)?;
        let manifest: SnapshotManifest =
            serde_json::from_slice(&json).map_err(|e| error::corrupt(key, e))?;
        let named = (name.epoch, name.next_segment, name.id.as_str());
        let found = (manifest.epoch, manifest.next_segment, manifest.id.as_str());
        if named != found || manifest.service != self.service {
            return Err(error::corrupt(key, "it belongs under another name"));
        }
        Ok(manifest)
    }

    /// Checks that every part is there and has its size. Their hashes are
    /// checked when they are read.
    pub(crate) async fn check_parts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        let folder = self.layout.full(&self.layout.parts(&manifest.id));
        let objects = self.storage.list(&folder, None).await?;
        let sizes: BTreeMap<&str, u64> = objects.iter().map(|o| (o.key.as_str(), o.size)).collect();
        for part in &manifest.parts {
            let key = self.layout.full(&part.key);
            match sizes.get(key.as_str()) {
                // A listing may be late; the object itself is not.
                None if self.exists(&key).await? => {}
                None => return Err(error::missing(&key)),
                Some(size) if *size != part.stored_bytes => {
                    let expected = part.stored_bytes;
                    let what = format!("it has {size} bytes instead of {expected}");
                    return Err(error::corrupt(&key, what));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn exists(&self, key: &str) -> PortResult<bool> {
        match self.storage.read_stream(key).await {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The manifest of snapshot `id`, and its key.
    pub(crate) async fn manifest_of(&self, id: &str) -> PortResult<(String, SnapshotManifest)> {
        let names = self.manifests().await?;
        let name = names.iter().find(|name| name.id == id);
        let name = name.ok_or_else(|| error::no_such_snapshot(id))?;
        Ok((name.key.clone(), self.read_manifest(name).await?))
    }

    /// Whether every object of snapshot `id` is locked by the store.
    pub(crate) async fn is_immutable(&self, id: &str) -> PortResult<Option<bool>> {
        let (key, manifest) = self.manifest_of(id).await?;
        let mut keys = vec![key];
        keys.extend(manifest.parts.iter().map(|p| self.layout.full(&p.key)));
        self.are_immutable(&keys).await
    }

    async fn are_immutable(&self, keys: &[String]) -> PortResult<Option<bool>> {
        for key in keys {
            match self.storage.immutability(key).await {
                Ok(Immutability::Until { .. }) => {}
                Ok(Immutability::No) => return Ok(Some(false)),
                Err(e) if e.kind() == ErrorKind::Unsupported => return Ok(None),
                Err(e) => return Err(e),
            }
        }
        Ok(Some(true))
    }

    /// Whether the store has locked the log, as far as some of its objects say.
    pub(crate) async fn is_log_immutable(
        &self,
        epoch: Epoch,
        log: &LogRange,
    ) -> PortResult<Option<bool>> {
        let mut names = self.list_segments(epoch, log.first).await?;
        names.retain(|name| name.seq <= log.last);
        let step = names.len().div_ceil(SEGMENTS_LOOKED_AT_MAX).max(1);
        let some = names.iter().step_by(step).chain(names.last());
        let keys: Vec<String> = some.map(|name| name.key.clone()).collect();
        self.are_immutable(&keys).await
    }

    /// The newest snapshot of all whose manifest and parts are there. When
    /// newer ones of the same epoch are damaged, tells `damaged` about each and
    /// takes an older one; never goes back to an older epoch behind a damaged
    /// snapshot, because that would lose everything written since without
    /// anybody deciding so.
    pub(crate) async fn newest_whole(
        &self,
        names: &[ManifestName],
        mut damaged: impl FnMut(&planb_ports::PortError),
    ) -> PortResult<(ManifestName, SnapshotManifest)> {
        let newest = names.first().ok_or_else(error::nothing_to_restore)?;
        let mut first_error = None;
        for name in names.iter().filter(|n| n.epoch == newest.epoch) {
            match self.whole(name).await {
                Ok(manifest) => return Ok((name.clone(), manifest)),
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    damaged(&e);
                    first_error.get_or_insert(e);
                }
                Err(e) => return Err(e),
            }
        }
        Err(first_error.unwrap_or_else(error::nothing_to_restore))
    }

    async fn whole(&self, name: &ManifestName) -> PortResult<SnapshotManifest> {
        let manifest = self.read_manifest(name).await?;
        self.check_parts(&manifest).await?;
        Ok(manifest)
    }
}
