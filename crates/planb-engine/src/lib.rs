//! planb-engine.
