//! planb-connector-probe.
