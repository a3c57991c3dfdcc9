//! The repository with real databases under a service that never rests: later
//! snapshots beside the log.

#[path = "databases/bench.rs"]
mod bench;
#[path = "databases/mariadb.rs"]
mod mariadb;
#[path = "databases/postgres.rs"]
mod postgres;
#[path = "databases/sqlite.rs"]
mod sqlite;
