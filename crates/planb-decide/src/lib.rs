//! planb-decide.

pub mod health;
