//! The fakes pass the contract suites that the real ones have to pass.

use async_trait::async_trait;
use planb_ports::contract::store::StoreFactory;
use planb_ports::contract::{storage, store};
use planb_ports::{PortResult, Store};
use planb_testkit::{MemoryStorage, MemoryStore};
use std::sync::Arc;

struct Kept(MemoryStore);

#[async_trait]
impl StoreFactory for Kept {
    async fn open(&self) -> PortResult<Arc<dyn Store>> {
        Ok(Arc::new(self.0.clone()))
    }
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract_of_stores() {
    store::run_all(|_| Kept(MemoryStore::new())).await;
}

#[tokio::test]
async fn the_memory_storage_keeps_the_contract_of_storage() {
    storage::check_all(&MemoryStorage::new(), "contract").await;
}
