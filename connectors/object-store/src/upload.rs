//! An object of unknown size, sent in parts with bounded memory.
//!
//! What fits into one part is sent by one conditional create. Larger objects:
//! on a local disk the parts go to a staging file that is hard-linked to its
//! name at the end, which replaces nothing; on S3 the parts are joined on
//! condition that the name is free; on the others they are joined after a look
//! whether the name is taken. Their joining calls have no condition in
//! `object_store`, so between that look and the joining somebody could still be
//! replaced; the vault therefore names large objects by random identifiers.

use crate::error::{self, Call, Redactor};
use crate::joining::ConditionalUpload;
use crate::remote::Remote;
use async_trait::async_trait;
use bytes::Bytes;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload,
};
use planb_ports::storage::ObjectUpload;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::sync::Arc;

/// S3 wants at least 5 MiB in every part but the last.
const PART_BYTES_MIN: usize = 8 * 1024 * 1024;
/// Largest part; bounds the memory of an upload to a few of these.
const PART_BYTES_MAX: usize = 64 * 1024 * 1024;
/// After so many parts the next ones are twice as large, so that S3's 10,000
/// parts are enough for 480 GiB.
const PARTS_PER_SIZE: usize = 1_000;

/// How an object of several parts gets its name without replacing another one.
pub(crate) enum Target {
    /// The parts go here, and the whole is linked to its name.
    Staged(Path),
    /// The store joins them only when the name is free.
    Conditional(Arc<AmazonS3>, Remote),
    /// It is looked at before they are joined.
    Looked,
}

pub(crate) struct Upload {
    store: Arc<dyn ObjectStore>,
    key: String,
    path: Path,
    target: Target,
    redactor: Redactor,
    buffer: Vec<Bytes>,
    buffered: usize,
    parts: usize,
    multipart: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        key: String,
        path: Path,
        target: Target,
        redactor: Redactor,
    ) -> Self {
        Self {
            store,
            key,
            path,
            target,
            redactor,
            buffer: Vec::new(),
            buffered: 0,
            parts: 0,
            multipart: None,
        }
    }

    fn error(&self, error: &object_store::Error) -> PortError {
        error::of(error, &self.key, Call::Write, &self.redactor)
    }

    fn take_buffer(&mut self) -> PutPayload {
        self.buffered = 0;
        std::mem::take(&mut self.buffer).into_iter().collect()
    }

    async fn send_part(&mut self) -> PortResult<()> {
        let payload = self.take_buffer();
        if self.multipart.is_none() {
            let begun = self.begin().await;
            self.multipart = Some(begun.map_err(|e| self.error(&e))?);
        }
        if let Some(multipart) = &mut self.multipart {
            let sent = multipart.put_part(payload).await;
            sent.map_err(|e| self.error(&e))?;
            self.parts += 1;
        }
        Ok(())
    }

    async fn begin(&mut self) -> object_store::Result<Box<dyn MultipartUpload>> {
        match &self.target {
            Target::Staged(staging) => self.store.put_multipart(staging).await,
            Target::Looked => self.store.put_multipart(&self.path).await,
            Target::Conditional(s3, remote) => {
                let (s3, path) = (Arc::clone(s3), self.path.clone());
                let begun = ConditionalUpload::begin(s3, remote.clone(), path).await?;
                Ok(Box::new(begun))
            }
        }
    }

    async fn finish_multipart(
        &mut self,
        mut multipart: Box<dyn MultipartUpload>,
    ) -> PortResult<()> {
        if matches!(self.target, Target::Looked) {
            match self.store.head(&self.path).await {
                Err(object_store::Error::NotFound { .. }) => {}
                Ok(_) => return Err(taken(&self.key, multipart).await),
                Err(e) => return Err(self.error(&e)),
            }
        }
        match multipart.complete().await {
            Err(object_store::Error::AlreadyExists { .. }) => {
                return Err(taken(&self.key, multipart).await);
            }
            other => other.map_err(|e| self.error(&e))?,
        };
        let Target::Staged(staging) = &self.target else {
            return Ok(());
        };
        let options = CopyOptions::new().with_mode(CopyMode::Create);
        let named = self.store.copy_opts(staging, &self.path, options).await;
        let removed = self.store.delete(staging).await;
        named.map_err(|e| self.error(&e))?;
        if let Err(error) = removed {
            tracing::warn!(key = self.key, %error, "a staging file stays in the vault");
        }
        Ok(())
    }
}

async fn taken(key: &str, mut multipart: Box<dyn MultipartUpload>) -> PortError {
    if let Err(error) = multipart.abort().await {
        tracing::warn!(key, %error, "parts of an upload stay in the vault");
    }
    PortError::new(
        ErrorKind::AlreadyExists,
        "PB-VAULT-EXISTS",
        format!("the vault has an object {key} already"),
    )
}

/// How large the part after `parts` others is.
fn part_bytes(parts: usize) -> usize {
    let doublings = u32::try_from(parts / PARTS_PER_SIZE).unwrap_or(u32::MAX);
    PART_BYTES_MIN
        .checked_shl(doublings)
        .map_or(PART_BYTES_MAX, |bytes| {
            bytes.clamp(PART_BYTES_MIN, PART_BYTES_MAX)
        })
}

#[async_trait]
impl ObjectUpload for Upload {
    async fn write(&mut self, mut bytes: Bytes) -> PortResult<()> {
        while !bytes.is_empty() {
            let room = part_bytes(self.parts) - self.buffered;
            let taken = bytes.split_to(room.min(bytes.len()));
            self.buffered += taken.len();
            self.buffer.push(taken);
            if self.buffered == part_bytes(self.parts) {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> PortResult<()> {
        if self.multipart.is_none() {
            let payload = self.take_buffer();
            let options = PutOptions::from(PutMode::Create);
            let put = self.store.put_opts(&self.path, payload, options).await;
            return put.map(|_| ()).map_err(|e| self.error(&e));
        }
        if self.buffered > 0 {
            self.send_part().await?;
        }
        match self.multipart.take() {
            Some(multipart) => self.finish_multipart(multipart).await,
            None => Ok(()),
        }
    }

    async fn abort(mut self: Box<Self>) -> PortResult<()> {
        match self.multipart.take() {
            Some(mut multipart) => multipart.abort().await.map_err(|e| self.error(&e)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_so_that_ten_thousand_are_enough() {
        assert_eq!(part_bytes(0), PART_BYTES_MIN);
        assert_eq!(part_bytes(1_000), 2 * PART_BYTES_MIN);
        assert_eq!(part_bytes(1_000_000), PART_BYTES_MAX);
        let total: usize = (0..10_000).map(part_bytes).sum();
        assert!(total > 400 * 1024 * 1024 * 1024, "{total}");
    }
}
