//! The database port against real MySQL servers: the same suite.
//!
//! `cargo xtask test` leaves the module `on_mysql` out, and says so, where
//! there is no server.

/// What is tested.
const ENGINE: planb_model::recovery::Engine = planb_model::recovery::Engine::Mysql;

#[path = "contract/stream_support.rs"]
mod stream_support;
#[path = "contract/support.rs"]
mod support;

#[path = "contract/on_mysql.rs"]
mod on_mysql;
