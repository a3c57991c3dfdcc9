//! The port itself: create, read, list, delete.

use crate::client::{self, Opened};
use crate::error::{self, Call, Redactor};
use crate::remote::{Remote, Signing};
use crate::upload::{Target, Upload};
use crate::{VaultConfig, local, lock};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use planb_ports::storage::{Immutability, ObjectInfo, ObjectUpload, no_lock};
use planb_ports::{ErrorKind, PortError, PortResult, VaultStorage};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of one read request of a streamed object. Memory of a stream is at
/// most [`READ_AHEAD_CHUNKS`] of these.
const READ_CHUNK_BYTES: u64 = 4 * 1024 * 1024;
/// The next chunk is fetched while the one before is used.
const READ_AHEAD_CHUNKS: usize = 2;

/// A vault behind `object_store`.
#[derive(Debug, Clone)]
pub struct ObjectStoreVault {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    directory: Option<PathBuf>,
    remote: Option<Remote>,
    redactor: Redactor,
}

impl ObjectStoreVault {
    /// Makes a client for `config`. A local directory is made if it is missing;
    /// remote stores are not contacted yet.
    ///
    /// # Errors
    /// `Invalid` for a URL or option that makes no sense; for `file:` also what
    /// the file system says.
    pub fn open(config: &VaultConfig) -> PortResult<Self> {
        let redactor = Redactor::new(config);
        let Opened {
            store,
            prefix,
            directory,
            remote,
        } = client::open(config, &redactor)?;
        Ok(Self {
            store,
            prefix,
            directory,
            remote,
            redactor,
        })
    }

    fn path(&self, key: &str) -> PortResult<Path> {
        let path = Path::parse(key).map_err(|e| {
            PortError::new(
                ErrorKind::Invalid,
                "PB-VAULT-KEY",
                format!("'{key}' cannot be an object key"),
            )
            .source(e)
        })?;
        Ok(self.prefix.parts().chain(path.parts()).collect())
    }

    fn key(&self, path: &Path) -> Option<String> {
        let parts: Path = path.prefix_match(&self.prefix)?.collect();
        Some(parts.to_string())
    }

    fn may_write(&self) -> PortResult<()> {
        self.directory.as_deref().map_or(Ok(()), local::is_there)
    }
}

#[async_trait]
impl VaultStorage for ObjectStoreVault {
    async fn create(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        let path = self.path(key)?;
        self.may_write()?;
        let options = PutOptions::from(PutMode::Create);
        self.store
            .put_opts(&path, PutPayload::from_bytes(bytes), options)
            .await
            .map_err(|e| error::of(&e, key, Call::Write, &self.redactor))?;
        Ok(())
    }

    async fn upload(&self, key: &str) -> PortResult<Box<dyn ObjectUpload>> {
        let path = self.path(key)?;
        self.may_write()?;
        let target = match (&self.directory, &self.remote) {
            (Some(_), _) => Target::Staged(self.path(&local::staging_key())?),
            (None, Some(remote)) => match &remote.signing {
                Signing::S3(s3) => Target::Conditional(Arc::clone(s3), remote.clone()),
                Signing::Azure(_) => Target::Looked,
            },
            (None, None) => Target::Looked,
        };
        Ok(Box::new(Upload::new(
            Arc::clone(&self.store),
            key.to_owned(),
            path,
            target,
            self.redactor.clone(),
        )))
    }

    async fn read(&self, key: &str) -> PortResult<Bytes> {
        let path = self.path(key)?;
        let map = |e| error::of(&e, key, Call::Read, &self.redactor);
        let found = self.store.get(&path).await.map_err(map)?;
        found.bytes().await.map_err(map)
    }

    async fn read_stream(&self, key: &str) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
        let path = self.path(key)?;
        let facts = self
            .store
            .head(&path)
            .await
            .map_err(|e| error::of(&e, key, Call::Read, &self.redactor))?;
        let starts = (0..facts.size).step_by(usize::try_from(READ_CHUNK_BYTES).unwrap_or(1));
        let (this, key) = (self.clone(), key.to_owned());
        let chunks = stream::iter(starts).map(move |start| {
            let (this, key, path) = (this.clone(), key.clone(), path.clone());
            let end = facts.size.min(start + READ_CHUNK_BYTES);
            async move {
                this.store
                    .get_range(&path, start..end)
                    .await
                    .map_err(|e| error::of(&e, &key, Call::Read, &this.redactor))
            }
        });
        Ok(chunks.buffered(READ_AHEAD_CHUNKS).boxed())
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>> {
        let listing = self.listing(prefix, after)?;
        let mut objects: Vec<ObjectInfo> = listing.try_collect().await?;
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    async fn list_stream(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> PortResult<BoxStream<'static, PortResult<ObjectInfo>>> {
        if self.directory.is_some() {
            // A file system has no order: its names are sorted in memory.
            let listed = self.list(prefix, after).await?;
            return Ok(stream::iter(listed.into_iter().map(Ok)).boxed());
        }
        let mut before = String::new();
        let ordered = self.listing(prefix, after)?.map(move |object| {
            let object = object?;
            if object.key <= before {
                return Err(error::unordered(&object.key));
            }
            before.clone_from(&object.key);
            Ok(object)
        });
        Ok(ordered.boxed())
    }

    async fn delete(&self, key: &str) -> PortResult<()> {
        let path = self.path(key)?;
        self.may_write()?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(error::of(&e, key, Call::Delete, &self.redactor)),
        }
    }

    async fn immutability(&self, key: &str) -> PortResult<Immutability> {
        let Some(remote) = &self.remote else {
            return Err(no_lock(key));
        };
        let looked = lock::look(remote, &self.path(key)?).await;
        looked.map_err(|e| self.of_lock(&e, key, Call::Read))
    }

    async fn retain_until(&self, key: &str, until: Timestamp) -> PortResult<()> {
        let remote = match &self.remote {
            Some(remote) if matches!(remote.signing, Signing::S3(_)) => remote,
            _ => {
                return Err(no_lock(key).source("its locks are set by its administrator"));
            }
        };
        if let Immutability::Until {
            until: Some(now), ..
        } = self.immutability(key).await?
            && now >= until
        {
            return Ok(());
        }
        let set = lock::set(remote, &self.path(key)?, until).await;
        set.map_err(|e| self.of_lock(&e, key, Call::Write))
    }
}

impl ObjectStoreVault {
    /// What is listed, in the store's order.
    fn listing(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> PortResult<BoxStream<'static, PortResult<ObjectInfo>>> {
        // Stores list by folder; what is below is filtered here. Azurite
        // ignores the offset, so that is filtered here as well.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = self.path(folder)?;
        let listing = match after {
            Some(after) => self.store.list_with_offset(Some(&path), &self.path(after)?),
            None => self.store.list(Some(&path)),
        };
        let (this, prefix, after) = (self.clone(), prefix.to_owned(), after.map(str::to_owned));
        let objects = listing.filter_map(move |listed| {
            let object = match listed {
                Err(e) => Some(Err(error::of(&e, &prefix, Call::Read, &this.redactor))),
                Ok(meta) => this
                    .key(&meta.location)
                    .filter(|key| key.starts_with(&prefix))
                    .filter(|key| !key.starts_with(local::STAGING_PREFIX))
                    .filter(|key| after.as_ref().is_none_or(|after| key > after))
                    .map(|key| {
                        Ok(ObjectInfo {
                            key,
                            size: meta.size,
                        })
                    }),
            };
            std::future::ready(object)
        });
        Ok(objects.boxed())
    }

    fn of_lock(&self, error: &object_store::Error, key: &str, call: Call) -> PortError {
        match error {
            object_store::Error::NotSupported { .. } => {
                no_lock(key).source(self.redactor.text(error))
            }
            other => error::of(other, key, call, &self.redactor),
        }
    }
}
