//! Object storage that holds a vault. Objects are written once and never changed.

use crate::PortResult;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

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

    /// Deletes an object; one that is not there is no error.
    async fn delete(&self, key: &str) -> PortResult<()>;
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
