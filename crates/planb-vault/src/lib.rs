//! planb-vault.
