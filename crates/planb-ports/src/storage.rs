//! Object storage that holds a vault. Objects are written once and never changed.

use crate::{ErrorKind, PortError, PortResult};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

/// One bucket, container or directory, below one prefix. Keys use `/` and sort
/// by bytes.
#[async_trait]
pub trait VaultStorage: Send + Sync {
    /// Creates an object if there is none under `key`; durable on return.
    /// `AlreadyExists` when there is one, whoever made it. After a `Timeout`
    /// the object may be there: read it and compare.
    async fn create(&self, key: &str, bytes: Bytes) -> PortResult<()>;

    /// Begins an object of unknown size. It is not visible before
    /// [`ObjectUpload::finish`]; under an existing key it replaces nothing and
    /// `finish` fails with `AlreadyExists` where the store can tell.
    async fn upload(&self, key: &str) -> PortResult<Box<dyn ObjectUpload>>;

    /// Reads a whole object; `NotFound` when there is none.
    async fn read(&self, key: &str) -> PortResult<Bytes>;

    /// Reads a whole object in chunks of bounded size.
    async fn read_stream(&self, key: &str) -> PortResult<BoxStream<'static, PortResult<Bytes>>>;

    /// All objects whose key starts with `prefix` and is greater than `after`, by key.
    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>>;

    /// What [`VaultStorage::list`] gives, one object after the other, so that a
    /// listing of any length needs little memory. The default lists everything
    /// first; stores that list by pages do better.
    async fn list_stream(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> PortResult<BoxStream<'static, PortResult<ObjectInfo>>> {
        let listed = self.list(prefix, after).await?;
        Ok(stream::iter(listed.into_iter().map(Ok)).boxed())
    }

    /// Deletes an object; one that is not there is no error. `PermissionDenied`
    /// when the store refuses because it is immutable; stores with versions hide
    /// it instead and keep the version.
    async fn delete(&self, key: &str) -> PortResult<()>;

    /// Whether the store itself keeps an object from being replaced and deleted,
    /// as far as it tells. `Unsupported` (the default) where nobody can ask it.
    async fn immutability(&self, key: &str) -> PortResult<Immutability> {
        Err(no_lock(key))
    }

    /// Asks the store to keep an object until then, whoever wants to delete it;
    /// never shortens what is longer. `Unsupported` (the default) where the store
    /// cannot, or only its administrator can.
    async fn retain_until(&self, key: &str, _until: Timestamp) -> PortResult<()> {
        Err(no_lock(key))
    }
}

/// The error of a vault without locks PlanB could use.
pub fn no_lock(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-VAULT-NO-LOCK",
        format!("this kind of vault has no lock for {key} that PlanB could use"),
    )
    .hint(
        "use a bucket with object lock, or a container with an immutability policy; \
         on a disk, keep a copy where nobody can write",
        "객체 잠금이 설정된 버킷이나 불변성 정책이 있는 컨테이너를 사용하세요. \
         디스크라면 아무도 쓸 수 없는 곳에 사본을 두세요",
    )
}

/// Whether a store keeps an object from being replaced and deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Immutability {
    /// The store shows no lock: whoever has the right may replace and delete it.
    /// A store may also hide a lock from who may not see it.
    No,
    /// The store keeps it.
    Until {
        /// Until then; `None` when no end is told, as under a legal hold.
        until: Option<Timestamp>,
        /// Whether somebody with a special right may lift the lock before.
        liftable: bool,
    },
}

/// An object being written.
#[async_trait]
pub trait ObjectUpload: Send {
    /// Adds bytes. Returns when they are taken; a full pipe blocks.
    async fn write(&mut self, bytes: Bytes) -> PortResult<()>;

    /// Makes the object visible and durable.
    async fn finish(self: Box<Self>) -> PortResult<()>;

    /// Gives it up; nothing stays visible.
    async fn abort(self: Box<Self>) -> PortResult<()>;
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key, below the storage's prefix.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}
