//! Writes one part.

use crate::error;
use crate::seal::SealWriter;
use crate::vault::{Vault, blocking};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use planb_model::recovery::{ObjectHash, PartManifest, PartSpec};
use planb_ports::storage::ObjectUpload;
use planb_ports::{ErrorKind, PortResult};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Raw bytes that are compressed at once, off the async threads.
const CHUNK_BYTES: usize = 512 * 1024;

/// Where the encoders leave their output until it is uploaded.
#[derive(Debug, Clone, Default)]
struct Tank(Arc<Mutex<Vec<u8>>>);

impl Tank {
    fn drain(&self) -> Bytes {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *bytes).into()
    }
}

impl Write for Tank {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut tank = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tank.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Encoder = zstd::Encoder<'static, SealWriter<Tank>>;

/// A part being written.
pub(crate) struct PartWriter {
    spec: PartSpec,
    relative: String,
    key: String,
    /// `None` only while it is away on a blocking thread, or after that failed.
    encoder: Option<Encoder>,
    tank: Tank,
    pending: BytesMut,
    upload: Box<dyn ObjectUpload>,
    hasher: blake3::Hasher,
    raw_bytes: u64,
    stored_bytes: u64,
}

impl PartWriter {
    /// Begins the part `spec` of snapshot `id`.
    pub(crate) async fn begin(vault: &Vault, id: &str, spec: PartSpec) -> PortResult<Self> {
        let relative = vault.layout.part(id, &spec.name, vault.seal.encrypts());
        let key = vault.layout.full(&relative);
        let tank = Tank::default();
        let encoder = encoder(vault, &tank).map_err(|e| error::internal("begin a part", e))?;
        Ok(Self {
            upload: vault.storage.upload(&key).await?,
            spec,
            relative,
            key,
            encoder: Some(encoder),
            tank,
            pending: BytesMut::new(),
            hasher: blake3::Hasher::new(),
            raw_bytes: 0,
            stored_bytes: 0,
        })
    }

    /// Adds raw bytes.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        self.raw_bytes += bytes.len() as u64;
        self.pending.extend_from_slice(&bytes);
        if self.pending.len() >= CHUNK_BYTES {
            self.compress().await?;
        }
        Ok(())
    }

    /// Ends the part; durable on return.
    pub(crate) async fn end(mut self, vault: &Vault) -> PortResult<PartManifest> {
        self.compress().await?;
        if let Some(encoder) = self.encoder.take() {
            blocking(move || {
                let sealed = encoder.finish().and_then(SealWriter::finish);
                sealed.map_err(|e| error::internal("end a part", e))
            })
            .await?;
        }
        self.send().await?;
        let hash = ObjectHash(self.hasher.finalize().to_hex().to_string());
        match self.upload.finish().await {
            Err(e) if matches!(e.kind(), ErrorKind::Timeout | ErrorKind::AlreadyExists) => {
                // Either our own lost answer, or not our object at all.
                if hash_of(vault, &self.key).await? != Some(hash.clone()) {
                    return Err(e);
                }
            }
            other => other?,
        }
        Ok(PartManifest {
            spec: self.spec,
            key: self.relative,
            stored_bytes: self.stored_bytes,
            raw_bytes: self.raw_bytes,
            hash,
        })
    }

    /// Gives it up.
    pub(crate) async fn abort(self) {
        if let Err(error) = self.upload.abort().await {
            tracing::warn!(
                key = self.key,
                error = error.chain(),
                "an upload was not cleaned up"
            );
        }
    }

    async fn compress(&mut self) -> PortResult<()> {
        let raw = self.pending.split().freeze();
        let Some(mut encoder) = self.encoder.take() else {
            return Err(error::bad_source("a part goes on after it failed"));
        };
        let worked = move || match encoder.write_all(&raw) {
            Ok(()) => Ok(encoder),
            Err(e) => Err(error::internal("compress a part", e)),
        };
        self.encoder = Some(blocking(worked).await?);
        self.send().await
    }

    async fn send(&mut self) -> PortResult<()> {
        let stored = self.tank.drain();
        if stored.is_empty() {
            return Ok(());
        }
        self.hasher.update(&stored);
        self.stored_bytes += stored.len() as u64;
        self.upload.write(stored).await
    }
}

fn encoder(vault: &Vault, tank: &Tank) -> io::Result<Encoder> {
    let sealed = vault.seal.writer(tank.clone())?;
    let mut encoder = zstd::Encoder::new(sealed, vault.options.zstd_level)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

/// Hash of an object as stored; `None` when there is none.
async fn hash_of(vault: &Vault, key: &str) -> PortResult<Option<ObjectHash>> {
    let mut chunks = match vault.storage.read_stream(key).await {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut hasher = blake3::Hasher::new();
    while let Some(chunk) = chunks.next().await {
        hasher.update(&chunk?);
    }
    Ok(Some(ObjectHash(hasher.finalize().to_hex().to_string())))
}
