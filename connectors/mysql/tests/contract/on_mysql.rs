//! The suite, in a module that names the engine.

#[path = "accounts.rs"]
mod accounts;
#[path = "apply.rs"]
mod apply;
#[path = "bad_input.rs"]
mod bad_input;
#[path = "check.rs"]
mod check;
#[path = "clone.rs"]
mod clone;
#[path = "fence.rs"]
mod fence;
#[path = "fold.rs"]
mod fold;
#[path = "lanes.rs"]
mod lanes;
#[path = "log.rs"]
mod log;
#[path = "long.rs"]
mod long;
#[path = "mysql_only.rs"]
mod mysql_only;
#[path = "replica.rs"]
mod replica;
#[path = "restore.rs"]
mod restore;
#[path = "snapshot.rs"]
mod snapshot;
#[path = "stream.rs"]
mod stream;
#[path = "types.rs"]
mod types;
