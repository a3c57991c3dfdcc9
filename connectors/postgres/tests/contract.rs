//! The database port against real PostgreSQL servers.

#[path = "contract/support.rs"]
mod support;

#[path = "contract/accounts.rs"]
mod accounts;
#[path = "contract/check.rs"]
mod check;
#[path = "contract/fence.rs"]
mod fence;
#[path = "contract/log.rs"]
mod log;
#[path = "contract/logical.rs"]
mod logical;
#[path = "contract/physical.rs"]
mod physical;
#[path = "contract/until.rs"]
mod until;

#[path = "contract/bad_input.rs"]
mod bad_input;
#[path = "contract/timeline.rs"]
mod timeline;
