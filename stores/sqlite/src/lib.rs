//! planb-store-sqlite.
