//! planb-server.
