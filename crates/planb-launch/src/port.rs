//! Free loopback ports.

use crate::LaunchError;
use crate::group::ProcessGroup;
use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// First port that is given away. Well above the services of a machine …
const PORT_MIN: u16 = 20_000;
/// … and all of them below the range Linux takes the ports of outgoing
/// connections from (32768 up): a port from there can be gone a moment later.
const PORT_COUNT: u16 = 12_000;

/// Others may take the free port first; twice in a row is already unlikely.
const ATTEMPTS_MAX: u32 = 5;

/// Ports this process has looked at. Started at another place in every process,
/// so that two of them seldom look at the same port at the same time.
static LOOKED: AtomicU16 = AtomicU16::new(0);

/// A TCP port of 127.0.0.1 that nobody listened on a moment ago, and that this
/// process was not given before.
///
/// Somebody else may take it before the server does; a server that finds it
/// taken ends, and its launcher tries another one.
pub fn free_port() -> Result<u16, LaunchError> {
    // Spreads neighbouring process ids over the range.
    let start = std::process::id().wrapping_mul(7_919) % u32::from(PORT_COUNT);
    for _ in 0..PORT_COUNT {
        let step = u32::from(LOOKED.fetch_add(1, Ordering::Relaxed));
        let offset = (start + step) % u32::from(PORT_COUNT);
        let port = PORT_MIN + u16::try_from(offset).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    let none = Error::new(ErrorKind::AddrInUse, "every port of the range is taken");
    Err(LaunchError::io("find a free loopback port")(none))
}

/// Launches a server on the port `wanted`, else on a free one, and then again on
/// another one when it ended at once: somebody else took the port before it did.
pub(crate) async fn launched<F>(
    wanted: Option<u16>,
    launch: impl Fn(u16) -> F,
) -> Result<(u16, ProcessGroup), LaunchError>
where
    F: Future<Output = Result<ProcessGroup, LaunchError>>,
{
    if let Some(port) = wanted {
        return Ok((port, launch(port).await?));
    }
    let mut attempt = 1;
    loop {
        let port = free_port()?;
        match launch(port).await {
            Ok(group) => return Ok((port, group)),
            Err(LaunchError::Ended { .. }) if attempt < ATTEMPTS_MAX => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_a_taken_one_never() {
        let first = free_port().expect("a port");
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).expect("it is free");
        let others: Vec<u16> = (0..50).map(|_| free_port().expect("a port")).collect();
        assert!(!others.contains(&first));
        let unique: std::collections::BTreeSet<u16> = others.iter().copied().collect();
        assert_eq!(unique.len(), others.len());
        drop(taken);
    }
}
