//! The database port against real MariaDB servers.

/// What is tested.
const ENGINE: planb_model::recovery::Engine = planb_model::recovery::Engine::Mariadb;

#[path = "contract/stream_support.rs"]
mod stream_support;
#[path = "contract/support.rs"]
mod support;

#[path = "contract/accounts.rs"]
mod accounts;
#[path = "contract/apply.rs"]
mod apply;
#[path = "contract/bad_input.rs"]
mod bad_input;
#[path = "contract/check.rs"]
mod check;
#[path = "contract/fence.rs"]
mod fence;
#[path = "contract/fold.rs"]
mod fold;
#[path = "contract/lanes.rs"]
mod lanes;
#[path = "contract/log.rs"]
mod log;
#[path = "contract/long.rs"]
mod long;
#[path = "contract/mariadb_only.rs"]
mod mariadb_only;
#[path = "contract/physical.rs"]
mod physical;
#[path = "contract/replica.rs"]
mod replica;
#[path = "contract/restore.rs"]
mod restore;
#[path = "contract/snapshot.rs"]
mod snapshot;
#[path = "contract/stream.rs"]
mod stream;
#[path = "contract/types.rs"]
mod types;
