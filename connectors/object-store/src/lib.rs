//! planb-connector-object-store.
