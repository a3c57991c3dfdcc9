//! Starts real servers for the demo, for drills and for tests: on free loopback ports, in
//! process groups of their own, in directories of their own, stopped on drop.
//!
//! Not part of the control plane: PlanB never installs or starts the servers
//! of a user's site by this crate.

pub mod azurite;
mod data_dir;
pub mod error;
mod find;
mod greeting;
pub mod group;
mod http;
pub mod mariadb;
pub mod moto;
pub mod mysql;
pub mod port;
pub mod postgres;
pub mod scratch;
mod template;

pub use error::LaunchError;
pub use template::TEMPLATES;
