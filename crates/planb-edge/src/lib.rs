//! planb-edge.
