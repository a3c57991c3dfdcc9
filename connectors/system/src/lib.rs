//! planb-connector-system.
