//! Whether a MySQL or MariaDB server is ready: it greets its clients.

use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A server that accepts and does not greet is still starting: ask again.
const GREETING_WAIT_MS_MAX: u64 = 500;
/// First byte of the greeting's body: protocol version 10.
const GREETING_PROTOCOL: u8 = 10;

/// Whether the server greets a client, which it does when it is ready.
pub(crate) async fn greets(port: u16) -> bool {
    let greeting = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut start = [0u8; 5];
        stream.read_exact(&mut start).await?;
        Ok::<_, std::io::Error>(start[4] == GREETING_PROTOCOL)
    };
    let longest = Duration::from_millis(GREETING_WAIT_MS_MAX);
    matches!(tokio::time::timeout(longest, greeting).await, Ok(Ok(true)))
}
