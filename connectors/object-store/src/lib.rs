//! Vaults on a local disk, Azure Blob Storage, S3 and Google Cloud Storage, by
//! the `object_store` crate.
//!
//! Layer 4. One port, [`planb_ports::VaultStorage`]. `docs.md` says which
//! guarantees each store gives and which options it takes.

mod client;
mod config;
mod error;
mod joining;
mod local;
mod lock;
mod remote;
mod storage;
mod upload;

pub use config::VaultConfig;
pub use storage::ObjectStoreVault;
