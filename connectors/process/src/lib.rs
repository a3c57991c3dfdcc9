//! planb-connector-process.
