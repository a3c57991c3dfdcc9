//! One HTTP request to a server on this machine, without an HTTP client.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Servers here answer at once; a minute means that they hang.
const ANSWER_WAIT_SECS_MAX: u64 = 60;
/// Far above the headers and the XML of an error.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What is asked.
pub(crate) struct Ask<'a> {
    /// Method and target: `PUT /bucket`.
    pub(crate) line: String,
    /// Whole header lines, each with `\r\n` at its end.
    pub(crate) headers: &'a str,
    pub(crate) body: &'a str,
}

/// Sends `ask` to `port` on 127.0.0.1 and returns the whole answer, headers too.
pub(crate) async fn ask(port: u16, ask: &Ask<'_>) -> std::io::Result<String> {
    let limit = Duration::from_secs(ANSWER_WAIT_SECS_MAX);
    match tokio::time::timeout(limit, exchange(port, ask)).await {
        Ok(answer) => answer,
        Err(_) => Err(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "no answer",
        )),
    }
}

async fn exchange(port: u16, ask: &Ask<'_>) -> std::io::Result<String> {
    let Ask {
        line,
        headers,
        body,
    } = ask;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!(
        "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The status of an answer, as text; empty when there is none.
pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}
