//! The planb command.
fn main() {}
