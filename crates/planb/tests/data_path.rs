//! `planb backup`, `stream`, `points`, `verify`, `restore` and `follow` as their
//! users run them, on SQLite files and on real MariaDB and PostgreSQL servers.

#[path = "data_path/bad_input.rs"]
mod bad_input;
#[path = "data_path/broken_rows.rs"]
mod broken_rows;
#[path = "data_path/clean.rs"]
mod clean;
#[path = "data_path/clean_mariadb.rs"]
mod clean_mariadb;
#[path = "common/mod.rs"]
mod common;
#[path = "data_path/desk.rs"]
mod desk;
#[path = "data_path/files.rs"]
mod files;
#[path = "data_path/folding.rs"]
mod folding;
#[path = "data_path/follow_mariadb.rs"]
mod follow_mariadb;
#[path = "data_path/mariadb.rs"]
mod mariadb;
#[path = "data_path/postgres.rs"]
mod postgres;
#[path = "data_path/postgres_bad.rs"]
mod postgres_bad;
#[path = "data_path/postgres_home.rs"]
mod postgres_home;
#[path = "data_path/postgres_slot.rs"]
mod postgres_slot;
#[path = "data_path/restore_at.rs"]
mod restore_at;
#[path = "data_path/spool.rs"]
mod spool;
#[path = "data_path/sqlite.rs"]
mod sqlite;
#[path = "data_path/up_files.rs"]
mod up_files;
#[path = "data_path/users.rs"]
mod users;
