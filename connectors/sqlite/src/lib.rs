//! planb-connector-sqlite.
