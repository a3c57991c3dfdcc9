//! Lets the kill -9 test end the process at a chosen call to the vault's storage.
//!
//! `PLANB_CRASH_AT_STORAGE=<n>:<before|after>[:<text>]` ends it with SIGKILL just
//! before or just after its `n`-th call, or its `n`-th one about a key with that
//! text in it. Only debug builds listen.

use planb_ports::VaultStorage;
use std::sync::Arc;

/// The storage as it is; nothing listens in release builds.
#[cfg(not(debug_assertions))]
pub(super) fn watched(storage: Arc<dyn VaultStorage>) -> Arc<dyn VaultStorage> {
    storage
}

/// The storage, with the crash the environment asks for.
#[cfg(debug_assertions)]
pub(super) fn watched(storage: Arc<dyn VaultStorage>) -> Arc<dyn VaultStorage> {
    let Ok(text) = std::env::var("PLANB_CRASH_AT_STORAGE") else {
        return storage;
    };
    let mut words = text.splitn(3, ':');
    let (nth, side) = (words.next().map(str::parse), words.next());
    match (nth, side) {
        (Some(Ok(nth)), Some(side @ ("before" | "after"))) => {
            let about = words.next().unwrap_or_default().to_owned();
            let calls = listening::Calls::new(nth, side == "before", about);
            Arc::new(listening::KillAt { storage, calls })
        }
        _ => {
            tracing::warn!(%text, "PLANB_CRASH_AT_STORAGE is not understood");
            storage
        }
    }
}

#[cfg(debug_assertions)]
mod listening {
    use async_trait::async_trait;
    use bytes::Bytes;
    use futures::StreamExt;
    use futures::stream::BoxStream;
    use jiff::Timestamp;
    use planb_ports::storage::{Immutability, ObjectInfo, ObjectUpload};
    use planb_ports::{PortResult, VaultStorage};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Counts calls, and kills at one of them.
    #[derive(Clone)]
    pub(super) struct Calls {
        made: Arc<AtomicU64>,
        nth: u64,
        before: bool,
        /// Only calls about keys with this in them count.
        about: String,
    }

    impl Calls {
        pub(super) fn new(nth: u64, before: bool, about: String) -> Self {
            Self {
                made: Arc::default(),
                nth,
                before,
                about,
            }
        }

        async fn pass<T>(&self, key: &str, call: impl Future<Output = T>) -> T {
            if !key.contains(&self.about) {
                return call.await;
            }
            let here = self.made.fetch_add(1, Ordering::SeqCst) + 1 == self.nth;
            if here && self.before {
                kill();
            }
            let result = call.await;
            if here {
                kill();
            }
            result
        }
    }

    fn kill() {
        use nix::sys::signal::{Signal, kill};
        if let Err(error) = kill(nix::unistd::getpid(), Signal::SIGKILL) {
            tracing::error!(%error, "cannot kill this process");
        }
    }

    pub(super) struct KillAt {
        pub(super) storage: Arc<dyn VaultStorage>,
        pub(super) calls: Calls,
    }

    struct KillUpload {
        upload: Box<dyn ObjectUpload>,
        key: String,
        calls: Calls,
    }

    #[async_trait]
    impl VaultStorage for KillAt {
        async fn create(&self, key: &str, bytes: Bytes) -> PortResult<()> {
            self.calls.pass(key, self.storage.create(key, bytes)).await
        }
        async fn upload(&self, key: &str) -> PortResult<Box<dyn ObjectUpload>> {
            let upload = self.calls.pass(key, self.storage.upload(key)).await?;
            let (key, calls) = (key.to_owned(), self.calls.clone());
            Ok(Box::new(KillUpload { upload, key, calls }))
        }
        async fn read(&self, key: &str) -> PortResult<Bytes> {
            self.calls.pass(key, self.storage.read(key)).await
        }
        async fn read_stream(
            &self,
            key: &str,
        ) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
            let chunks = self.calls.pass(key, self.storage.read_stream(key)).await?;
            let (key, calls) = (key.to_owned(), self.calls.clone());
            let counted = chunks.then(move |chunk| {
                let (key, calls) = (key.clone(), calls.clone());
                async move { calls.pass(&key, async { chunk }).await }
            });
            Ok(counted.boxed())
        }
        async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>> {
            self.calls
                .pass(prefix, self.storage.list(prefix, after))
                .await
        }
        async fn list_stream(
            &self,
            prefix: &str,
            after: Option<&str>,
        ) -> PortResult<BoxStream<'static, PortResult<ObjectInfo>>> {
            self.calls
                .pass(prefix, self.storage.list_stream(prefix, after))
                .await
        }
        async fn delete(&self, key: &str) -> PortResult<()> {
            self.calls.pass(key, self.storage.delete(key)).await
        }
        async fn immutability(&self, key: &str) -> PortResult<Immutability> {
            self.calls.pass(key, self.storage.immutability(key)).await
        }
        async fn retain_until(&self, key: &str, until: Timestamp) -> PortResult<()> {
            self.calls
                .pass(key, self.storage.retain_until(key, until))
                .await
        }
    }

    #[async_trait]
    impl ObjectUpload for KillUpload {
        async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
            let calls = self.calls.clone();
            calls.pass(&self.key, self.upload.write(bytes)).await
        }
        async fn finish(self: Box<Self>) -> PortResult<()> {
            self.calls.pass(&self.key, self.upload.finish()).await
        }
        async fn abort(self: Box<Self>) -> PortResult<()> {
            self.calls.pass(&self.key, self.upload.abort()).await
        }
    }
}
