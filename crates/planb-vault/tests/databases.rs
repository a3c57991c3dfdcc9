//! The repository with real databases under a service that never rests: later
//! snapshots beside the log.

#![expect(
    clippy::disallowed_methods,
    reason = "tests run the tools of restore-by-hand and look at files"
)]

#[path = "databases/bench.rs"]
mod bench;
#[path = "databases/by_hand.rs"]
mod by_hand;
#[path = "databases/mariadb.rs"]
mod mariadb;
#[path = "databases/postgres.rs"]
mod postgres;
#[path = "databases/sqlite.rs"]
mod sqlite;
