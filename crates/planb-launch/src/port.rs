//! Free loopback ports.

use crate::LaunchError;
use std::net::{Ipv4Addr, TcpListener};

/// A TCP port of 127.0.0.1 that nobody listened on a moment ago.
///
/// Somebody else may take it before the server does; a server that finds it
/// taken ends, and its launcher tries another one.
pub fn free_port() -> Result<u16, LaunchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .map_err(LaunchError::io("find a free loopback port"))?;
    let address = listener
        .local_addr()
        .map_err(LaunchError::io("read the free loopback port"))?;
    Ok(address.port())
}
