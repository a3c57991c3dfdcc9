//! planb-sim.
