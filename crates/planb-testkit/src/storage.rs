//! A fake of object storage, in memory, with the faults object stores have.

use crate::link::Share;
use crate::{Link, fake_error, lock};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use planb_ports::storage::{Immutability, ObjectInfo, ObjectUpload};
use planb_ports::{ErrorKind, PortResult, VaultStorage};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Size of a chunk of [`VaultStorage::read_stream`]; small, so that tests see
/// objects of several chunks.
const CHUNK_BYTES: usize = 1024;

/// Object storage. Clones are the same storage. Faults come by the methods
/// `create`, `upload`, `upload-write`, `upload-finish`, `read`, `read-chunk`,
/// `list` and `delete` of the link.
#[derive(Debug, Clone)]
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
    link: Link,
}

#[derive(Debug, Default, Clone)]
struct State {
    objects: BTreeMap<String, (Bytes, Instant)>,
    list_lag: Duration,
    capacity_bytes: Option<u64>,
    unconditional: bool,
    locked: BTreeMap<String, Timestamp>,
}

impl State {
    fn create(&mut self, key: &str, bytes: Bytes) -> PortResult<()> {
        if self.objects.contains_key(key) && !self.unconditional {
            return Err(fake_error(ErrorKind::AlreadyExists, "the object exists"));
        }
        let used: u64 = self.objects.values().map(|(b, _)| b.len() as u64).sum();
        if self
            .capacity_bytes
            .is_some_and(|max| used + bytes.len() as u64 > max)
        {
            return Err(fake_error(ErrorKind::NoSpace, "the storage is full"));
        }
        self.objects.insert(key.to_owned(), (bytes, Instant::now()));
        Ok(())
    }

    /// Without what was made at `before` or later.
    fn list(&self, prefix: &str, after: Option<&str>, before: Option<Instant>) -> Vec<ObjectInfo> {
        let visible = |at: &Instant| {
            at.elapsed() >= self.list_lag && before.is_none_or(|before| *at < before)
        };
        let wanted = |key: &str| key.starts_with(prefix) && after.is_none_or(|a| key > a);
        self.objects
            .iter()
            .filter(|(key, (_, at))| wanted(key) && visible(at))
            .map(|(key, (bytes, _))| ObjectInfo {
                key: key.clone(),
                size: bytes.len() as u64,
            })
            .collect()
    }

    fn get(&self, key: &str) -> PortResult<Bytes> {
        let found = self.objects.get(key).map(|(bytes, _)| bytes.clone());
        found.ok_or_else(|| fake_error(ErrorKind::NotFound, "there is no such object"))
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            link: Link::direct(),
        }
    }

    /// The same storage behind `link`.
    #[must_use]
    pub fn through(&self, link: Link) -> Self {
        Self {
            state: self.state.clone(),
            link,
        }
    }

    /// Another storage with the same objects, behind no link.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            state: Arc::new(Mutex::new(lock(&self.state).clone())),
            link: Link::direct(),
        }
    }

    /// Every key, sorted.
    pub fn keys(&self) -> Vec<String> {
        lock(&self.state).objects.keys().cloned().collect()
    }

    /// The bytes of an object, without a network in between.
    pub fn peek(&self, key: &str) -> Option<Bytes> {
        lock(&self.state).get(key).ok()
    }

    /// Puts an object there, whatever was there before; also for restoring
    /// what a test took away.
    pub fn plant(&self, key: &str, bytes: impl Into<Bytes>) {
        let planted = (bytes.into(), Instant::now());
        lock(&self.state).objects.insert(key.to_owned(), planted);
    }

    /// Loses an object; returns what it was.
    pub fn lose(&self, key: &str) -> Option<Bytes> {
        lock(&self.state)
            .objects
            .remove(key)
            .map(|(bytes, _)| bytes)
    }

    /// Turns over one bit in the middle of an object; returns whether there is one.
    pub fn corrupt(&self, key: &str) -> bool {
        let mut state = lock(&self.state);
        let Some((bytes, _)) = state.objects.get_mut(key) else {
            return false;
        };
        let mut damaged = BytesMut::from(&bytes[..]);
        let middle = damaged.len() / 2;
        let Some(byte) = damaged.get_mut(middle) else {
            return false;
        };
        *byte ^= 0x10;
        *bytes = damaged.freeze();
        true
    }

    /// Objects younger than `lag` are not in listings.
    pub fn set_list_lag(&self, lag: Duration) {
        lock(&self.state).list_lag = lag;
    }

    /// `NoSpace` once this many bytes would be exceeded.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        lock(&self.state).capacity_bytes = capacity_bytes;
    }

    /// Keeps an object from being deleted, as object lock does.
    pub fn lock_until(&self, key: &str, until: Timestamp) {
        lock(&self.state).locked.insert(key.to_owned(), until);
    }

    /// The lock of an object has ended.
    pub fn unlock(&self, key: &str) {
        lock(&self.state).locked.remove(key);
    }

    /// Breaks the storage on purpose: creates replace what is there. For tests
    /// that must fail.
    pub fn remove_create_check(&self) {
        lock(&self.state).unconditional = true;
    }
}

#[async_trait]
impl VaultStorage for MemoryStorage {
    async fn create(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        let create = || lock(&self.state).create(key, bytes);
        self.link.call("create", create).await
    }

    async fn upload(&self, key: &str) -> PortResult<Box<dyn ObjectUpload>> {
        let upload = MemoryUpload {
            storage: self.clone(),
            key: key.to_owned(),
            bytes: BytesMut::new(),
        };
        self.link.call("upload", || Ok(())).await?;
        Ok(Box::new(upload))
    }

    async fn read(&self, key: &str) -> PortResult<Bytes> {
        self.link.call("read", || lock(&self.state).get(key)).await
    }

    async fn read_stream(&self, key: &str) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
        let bytes = self.read(key).await?;
        let link = self.link.clone();
        let chunks = futures::stream::unfold(bytes, move |mut left| {
            let link = link.clone();
            async move {
                if left.is_empty() {
                    return None;
                }
                let chunk = left.split_to(left.len().min(CHUNK_BYTES));
                let read = |share| {
                    Ok(Some(match share {
                        Share::Whole => chunk,
                        Share::Half => chunk.slice(..chunk.len() / 2),
                    }))
                };
                match link.call_in_halves("read-chunk", read).await {
                    Ok(chunk) => Some((Ok(chunk), left)),
                    Err(error) => Some((Err(error), Bytes::new())),
                }
            }
        });
        Ok(chunks.boxed())
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>> {
        // A torn listing is a stale one: what came last is not in it.
        let list = |share| {
            let state = lock(&self.state);
            let newest = state.objects.values().map(|(_, at)| *at).max();
            let before = newest.filter(|_| share == Share::Half);
            Ok(Some(state.list(prefix, after, before)))
        };
        self.link.call_in_halves("list", list).await
    }

    async fn delete(&self, key: &str) -> PortResult<()> {
        let delete = || {
            let mut state = lock(&self.state);
            if state.locked.contains_key(key) {
                let what = "the object is locked";
                return Err(fake_error(ErrorKind::PermissionDenied, what));
            }
            state.objects.remove(key);
            Ok(())
        };
        self.link.call("delete", delete).await
    }

    async fn immutability(&self, key: &str) -> PortResult<Immutability> {
        let look = || {
            let until = lock(&self.state).locked.get(key).copied();
            Ok(until.map_or(Immutability::No, |until| Immutability::Until {
                until: Some(until),
                liftable: false,
            }))
        };
        self.link.call("immutability", look).await
    }
}

/// An upload; a failed write or finish leaves nothing visible (a torn upload).
struct MemoryUpload {
    storage: MemoryStorage,
    key: String,
    bytes: BytesMut,
}

#[async_trait]
impl ObjectUpload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        let taken = &mut self.bytes;
        // Who goes on after half of it has a hole in the object.
        let write = |share| {
            let (bytes, answer) = match share {
                Share::Whole => (&bytes[..], Some(())),
                Share::Half => (&bytes[..bytes.len() / 2], None),
            };
            taken.extend_from_slice(bytes);
            Ok(answer)
        };
        self.storage
            .link
            .call_in_halves("upload-write", write)
            .await
    }

    async fn finish(self: Box<Self>) -> PortResult<()> {
        let Self {
            storage,
            key,
            bytes,
        } = *self;
        let finish = || lock(&storage.state).create(&key, bytes.freeze());
        storage.link.call("upload-finish", finish).await
    }

    async fn abort(self: Box<Self>) -> PortResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
