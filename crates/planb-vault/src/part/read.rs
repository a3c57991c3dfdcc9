//! Reads one part as a stream of raw bytes.
//!
//! Decoding waits for input, so it runs on a blocking thread between two small
//! channels. The hash of the stored bytes is known only at the end: a reader
//! must take the stream's last item before it trusts the others.

use crate::error;
use crate::vault::Vault;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use planb_model::recovery::{ObjectHash, PartManifest};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::io::{self, Read};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

/// Chunks waiting on each side of the decoder.
const CHANNEL_CHUNKS: usize = 2;
/// Raw bytes in one item of the stream.
const RAW_CHUNK_BYTES: usize = 256 * 1024;

/// Opens `part`. An error item is the last one; `Corrupt` when the bytes are
/// not those of the manifest. `stored` is told about every stored byte read.
pub(crate) async fn open(
    vault: &Vault,
    part: &PartManifest,
    stored: impl Fn(u64) + Send + Sync + 'static,
) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
    let key = vault.layout.full(&part.key);
    let mut chunks = match vault.storage.read_stream(&key).await {
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(error::missing(&key)),
        other => other?,
    };
    let (input, stored_chunks) = mpsc::channel(CHANNEL_CHUNKS);
    let (output, raw_chunks) = mpsc::channel(CHANNEL_CHUNKS);
    let pump = async move {
        while let Some(chunk) = chunks.next().await {
            if let Ok(bytes) = &chunk {
                stored(bytes.len() as u64);
            }
            // The decoder gave up: it has said why, or nobody listens any more.
            if input.send(chunk).await.is_err() {
                break;
            }
        }
    };
    let decoder = Decoder {
        seal: vault.seal.clone(),
        part: part.clone(),
        key,
    };
    drop(tokio::spawn(pump));
    let decoding = tokio::task::spawn_blocking(move || decoder.run(stored_chunks, &output));
    // Readers may ask again behind the end.
    Ok(until_decoded(raw_chunks, decoding).fuse().boxed())
}

/// The decoder's output. When the decoder breaks down, it ends in an error: half
/// a part must never look like a whole one.
fn until_decoded(
    raw_chunks: Receiver<PortResult<Bytes>>,
    decoding: JoinHandle<()>,
) -> impl Stream<Item = PortResult<Bytes>> + Send {
    stream::unfold((raw_chunks, Some(decoding)), |(mut raw, decoding)| async {
        if let Some(item) = raw.recv().await {
            return Some((item, (raw, decoding)));
        }
        match decoding?.await {
            Ok(()) => None,
            Err(e) => Some((Err(error::internal("decode a part", e)), (raw, None))),
        }
    })
}

struct Decoder {
    seal: crate::seal::Seal,
    part: PartManifest,
    key: String,
}

impl Decoder {
    fn run(self, input: Receiver<PortResult<Bytes>>, output: &Sender<PortResult<Bytes>>) {
        let mut source = Source {
            input,
            current: Bytes::new(),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            failure: None,
        };
        let decoded = self.decode(&mut source, output);
        let result = match (source.failure.take(), decoded) {
            (Some(failure), _) => Err(failure),
            (None, Ok(Listening::No)) => return,
            (None, Ok(Listening::Yes(raw_bytes))) => self.check(source, raw_bytes),
            (None, Err(error)) => Err(error),
        };
        if let Err(error) = result
            && output.blocking_send(Err(error)).is_err()
        {
            tracing::debug!(key = self.key, "nobody waits for this part any more");
        }
    }

    fn decode(
        &self,
        source: &mut Source,
        output: &Sender<PortResult<Bytes>>,
    ) -> PortResult<Listening> {
        let corrupt = |e: io::Error| error::corrupt(&self.key, e);
        let plain = self.seal.any_reader(&self.key, source)?;
        let mut decoder = zstd::Decoder::new(plain).map_err(corrupt)?;
        let mut raw_bytes = 0;
        loop {
            let mut chunk = Vec::with_capacity(RAW_CHUNK_BYTES);
            let limit = RAW_CHUNK_BYTES as u64;
            let read = decoder.by_ref().take(limit).read_to_end(&mut chunk);
            if read.map_err(corrupt)? == 0 {
                return Ok(Listening::Yes(raw_bytes));
            }
            raw_bytes += chunk.len() as u64;
            if output.blocking_send(Ok(chunk.into())).is_err() {
                return Ok(Listening::No);
            }
        }
    }

    fn check(&self, mut source: Source, raw_bytes: u64) -> PortResult<()> {
        // What follows the compressed frames counts for size and hash as well.
        let rest = io::copy(&mut source, &mut io::sink());
        if let Some(failure) = source.failure.take() {
            return Err(failure);
        }
        rest.map_err(|e| error::corrupt(&self.key, e))?;
        let hash = ObjectHash(source.hasher.finalize().to_hex().to_string());
        let found = (source.bytes, raw_bytes, &hash);
        if found == (self.part.stored_bytes, self.part.raw_bytes, &self.part.hash) {
            return Ok(());
        }
        let what = "its size or hash is not that of the manifest";
        Err(error::corrupt(&self.key, what))
    }
}

/// Whether somebody still takes the output, and how much there was.
enum Listening {
    Yes(u64),
    No,
}

/// The stored bytes, as they come from the storage.
struct Source {
    input: Receiver<PortResult<Bytes>>,
    current: Bytes,
    hasher: blake3::Hasher,
    bytes: u64,
    /// Why the storage broke off, which decoders can only pass on as text.
    failure: Option<PortError>,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.input.blocking_recv() {
                None => return Ok(0),
                Some(Ok(chunk)) => {
                    self.hasher.update(&chunk);
                    self.bytes += chunk.len() as u64;
                    self.current = chunk;
                }
                Some(Err(error)) => {
                    self.failure = Some(error);
                    return Err(io::Error::other("the storage broke off"));
                }
            }
        }
        let taken = buffer.len().min(self.current.len());
        buffer[..taken].copy_from_slice(&self.current.split_to(taken));
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_decoder_that_breaks_down_leaves_no_whole_part() {
        let (output, raw_chunks) = mpsc::channel(CHANNEL_CHUNKS);
        let decoding = tokio::task::spawn_blocking(move || {
            let sent = output.blocking_send(Ok(Bytes::from_static(b"half")));
            assert!(sent.is_err(), "breaks down here: somebody listens");
        });
        let items: Vec<_> = until_decoded(raw_chunks, decoding).collect().await;
        assert!(items[0].is_ok());
        let error = items[1].as_ref().expect_err("half a part");
        assert_eq!(error.code(), "PB-REPO-INTERNAL");
        assert_eq!(items.len(), 2);
    }
}
