//! Storage whose reads are tried again by themselves, for work that may take a
//! while: restores, listings of points, retention.
//!
//! Only what changes nothing, or does the same when it is done twice, is tried
//! again here. Objects never change, so a read that breaks off goes on where it
//! was. How often is bounded: what lasts is the caller's to decide.

use crate::retry::Backoff;
use crate::vault::Vault;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use planb_ports::storage::{Immutability, ObjectInfo, ObjectUpload};
use planb_ports::{Clock, PortError, PortResult, Random, Retry, VaultStorage};
use std::sync::Arc;

/// Temporary failures in a row before the caller hears of one: about five
/// seconds of pauses, which outlasts the change of a store's front end.
pub(crate) const ATTEMPTS_MAX: u32 = 6;

/// See the module.
#[derive(Clone)]
pub(crate) struct Patient {
    storage: Arc<dyn VaultStorage>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Vault {
    /// The same vault, whose reads are tried again.
    pub(crate) fn patient(&self) -> Self {
        let patient = Patient {
            storage: Arc::clone(&self.storage),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
        };
        Self {
            storage: Arc::new(patient),
            ..self.clone()
        }
    }
}

impl Patient {
    /// Waits for the next attempt, or gives the error back when there is none.
    async fn again(&self, backoff: &mut Backoff, what: &str, error: PortError) -> PortResult<()> {
        if error.retry() == Retry::No || backoff.attempts() >= ATTEMPTS_MAX {
            return Err(error);
        }
        let attempt = backoff.attempts() + 1;
        tracing::warn!(
            what,
            attempt,
            error = error.chain(),
            "reading the vault again"
        );
        backoff.wait(&*self.clock, &*self.random).await;
        Ok(())
    }

    async fn patiently<T, F: Future<Output = PortResult<T>>>(
        &self,
        what: &str,
        call: impl Fn() -> F,
    ) -> PortResult<T> {
        match call().await {
            Ok(done) => Ok(done),
            Err(e) => self.after(e, &mut Backoff::default(), what, call).await,
        }
    }

    /// Tries `call` after `error`, until it goes well or has failed too often.
    async fn after<T, F: Future<Output = PortResult<T>>>(
        &self,
        mut error: PortError,
        backoff: &mut Backoff,
        what: &str,
        call: impl Fn() -> F,
    ) -> PortResult<T> {
        loop {
            self.again(backoff, what, error).await?;
            match call().await {
                Ok(done) => return Ok(done),
                Err(e) => error = e,
            }
        }
    }
}

/// An object that is being read.
struct Reading {
    patient: Patient,
    key: String,
    chunks: BoxStream<'static, PortResult<Bytes>>,
    /// Bytes that were given on.
    given: u64,
    /// Bytes of `chunks` that were given on by the attempt before.
    skip: u64,
    backoff: Backoff,
    ended: bool,
}

impl Reading {
    async fn next(mut self) -> Option<(PortResult<Bytes>, Self)> {
        while !self.ended {
            let error = match self.chunks.next().await? {
                Ok(mut chunk) => {
                    let known = self.skip.min(chunk.len() as u64);
                    self.skip -= known;
                    // At most the chunk's length.
                    let chunk = chunk.split_off(usize::try_from(known).unwrap_or(usize::MAX));
                    if chunk.is_empty() {
                        continue;
                    }
                    self.given += chunk.len() as u64;
                    self.backoff.reset();
                    return Some((Ok(chunk), self));
                }
                Err(e) => e,
            };
            if let Err(e) = self.reopen(error).await {
                self.ended = true;
                return Some((Err(e), self));
            }
        }
        None
    }

    async fn reopen(&mut self, error: PortError) -> PortResult<()> {
        let open = || self.patient.storage.read_stream(&self.key);
        let opened = self
            .patient
            .after(error, &mut self.backoff, &self.key, open);
        self.chunks = opened.await?;
        self.skip = self.given;
        Ok(())
    }
}

/// A listing that is being read.
struct Listing {
    patient: Patient,
    prefix: String,
    after: Option<String>,
    objects: BoxStream<'static, PortResult<ObjectInfo>>,
    backoff: Backoff,
    ended: bool,
}

impl Listing {
    async fn next(mut self) -> Option<(PortResult<ObjectInfo>, Self)> {
        while !self.ended {
            let error = match self.objects.next().await? {
                Ok(object) => {
                    self.after = Some(object.key.clone());
                    self.backoff.reset();
                    return Some((Ok(object), self));
                }
                Err(e) => e,
            };
            if let Err(e) = self.reopen(error).await {
                self.ended = true;
                return Some((Err(e), self));
            }
        }
        None
    }

    async fn reopen(&mut self, error: PortError) -> PortResult<()> {
        let after = self.after.as_deref();
        let open = || self.patient.storage.list_stream(&self.prefix, after);
        let opened = self
            .patient
            .after(error, &mut self.backoff, &self.prefix, open);
        self.objects = opened.await?;
        Ok(())
    }
}

#[async_trait]
impl VaultStorage for Patient {
    async fn create(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        self.storage.create(key, bytes).await
    }

    async fn upload(&self, key: &str) -> PortResult<Box<dyn ObjectUpload>> {
        self.storage.upload(key).await
    }

    async fn read(&self, key: &str) -> PortResult<Bytes> {
        self.patiently(key, || self.storage.read(key)).await
    }

    async fn read_stream(&self, key: &str) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
        let chunks = self
            .patiently(key, || self.storage.read_stream(key))
            .await?;
        let reading = Reading {
            patient: self.clone(),
            key: key.to_owned(),
            chunks,
            given: 0,
            skip: 0,
            backoff: Backoff::default(),
            ended: false,
        };
        Ok(stream::unfold(reading, Reading::next).boxed())
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>> {
        self.patiently(prefix, || self.storage.list(prefix, after))
            .await
    }

    async fn list_stream(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> PortResult<BoxStream<'static, PortResult<ObjectInfo>>> {
        let open = || self.storage.list_stream(prefix, after);
        let listing = Listing {
            patient: self.clone(),
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            objects: self.patiently(prefix, open).await?,
            backoff: Backoff::default(),
            ended: false,
        };
        Ok(stream::unfold(listing, Listing::next).boxed())
    }

    async fn delete(&self, key: &str) -> PortResult<()> {
        self.patiently(key, || self.storage.delete(key)).await
    }

    async fn immutability(&self, key: &str) -> PortResult<Immutability> {
        self.patiently(key, || self.storage.immutability(key)).await
    }

    async fn retain_until(&self, key: &str, until: Timestamp) -> PortResult<()> {
        self.storage.retain_until(key, until).await
    }
}
