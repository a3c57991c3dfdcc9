//! Bodies stream: a file of its own, so that the process's memory is this test's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    clippy::disallowed_methods,
    reason = "the kernel tells the memory of a process in a file"
)]

mod support;

use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Far more than may ever be in memory.
const BODY_BYTES: usize = 512 * 1024 * 1024;
/// What both ends, the edge and the runtime may grow by.
const GROWTH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The most memory this process has ever had, in bytes.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Reads a body of known length to its end.
async fn swallow(stream: &mut tokio::net::TcpStream, mut left: usize) {
    let mut piece = vec![0; 65536];
    while left > 0 {
        let want = left.min(piece.len());
        let read = stream.read(&mut piece[..want]).await.unwrap();
        assert_ne!(read, 0, "{left} bytes are missing");
        left -= read;
    }
}

async fn pour(stream: &mut tokio::net::TcpStream, mut left: usize) {
    let piece = vec![b'x'; 65536];
    while left > 0 {
        let now = left.min(piece.len());
        stream.write_all(&piece[..now]).await.unwrap();
        left -= now;
    }
}

#[tokio::test]
async fn large_bodies_pass_both_ways_in_little_memory() {
    let origin = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        swallow(&mut stream, BODY_BYTES).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        pour(&mut stream, BODY_BYTES).await;
    })
    .await;
    let edge = edge_to(&[("seoul", origin)]).await;
    let before = peak_bytes();
    let mut client = connect(&edge).await;
    let head = format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {BODY_BYTES}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    pour(&mut client, BODY_BYTES).await;
    let head = in_time(read_head(&mut client)).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    swallow(&mut client, BODY_BYTES).await;
    let grown = peak_bytes() - before;
    assert!(grown < GROWTH_BYTES_MAX, "{grown}");
}
