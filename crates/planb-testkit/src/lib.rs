//! planb-testkit.
