//! planb-decide.
