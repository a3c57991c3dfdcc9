//! Which origin is asked, and what is sent twice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::*;
use tokio::io::AsyncWriteExt;

/// An origin that reads a request (and `body_bytes`) and dies without a word.
async fn dies_after(count: Arc<AtomicUsize>) -> std::net::SocketAddr {
    scripted(move |mut stream, _| {
        let count = count.clone();
        async move {
            read_head(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await
}

#[tokio::test]
async fn origins_are_asked_in_order() {
    let (first, second) = (well("first").await, well("second").await);
    let edge = edge_to(&[("seoul", first.address), ("busan", second.address)]).await;
    let reply = get(&edge).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "first"));
    assert_eq!(reply.header("x-planb-site"), Some("seoul"));
    assert_eq!(reply.header("x-planb-epoch"), Some("1"));
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn an_idempotent_request_goes_to_the_next_origin_when_one_does_not_connect() {
    let (first, second) = (dead(), well("second").await);
    let edge = edge_to(&[("seoul", first.address), ("busan", second.address)]).await;
    for (method, body) in [
        ("GET", ""),
        ("HEAD", ""),
        ("OPTIONS", ""),
        ("DELETE", ""),
        ("PUT", "whole"),
    ] {
        let reply = ask(&edge, method, "", body).await;
        assert_eq!(reply.status, 200, "{method}");
        assert_eq!(reply.header("x-planb-site"), Some("busan"));
        let asked = second.asked.lock().unwrap();
        let last = asked.last().unwrap();
        assert_eq!(
            (last.method.as_str(), &last.body[..]),
            (method, body.as_bytes())
        );
    }
    assert_eq!(second.count(), 5);
}

#[tokio::test]
async fn a_post_is_never_asked_of_the_next_origin() {
    let (first, second) = (dead(), well("second").await);
    let edge = edge_to(&[("seoul", first.address), ("busan", second.address)]).await;
    for body in ["", "an order"] {
        // It was certainly not processed, so the client may try again.
        let reply = ask(&edge, "POST", "", body).await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("retry-after"), Some("7"));
    }
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn a_request_that_may_have_been_processed_is_not_sent_again() {
    for (method, body) in [
        ("POST", "an order"),
        ("POST", ""),
        ("PATCH", ""),
        ("PUT", "an order"),
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let (first, second) = (dies_after(count.clone()).await, well("second").await);
        let edge = edge_to(&[("seoul", first), ("busan", second.address)]).await;
        let reply = ask(&edge, method, "", body).await;
        assert_eq!(reply.status, 502, "{method} {body}");
        assert!(
            reply.body.contains("처리되었을 수 있습니다"),
            "{}",
            reply.body
        );
        assert!(reply.body.contains("may have been processed"));
        assert_eq!(
            (count.load(Ordering::SeqCst), second.count()),
            (1, 0),
            "{method} {body}"
        );
        assert_eq!(edge.metrics().lost, 1);
    }
}

#[tokio::test]
async fn a_safe_request_whose_answer_is_lost_is_asked_of_the_next_origin() {
    let count = Arc::new(AtomicUsize::new(0));
    let (first, second) = (dies_after(count.clone()).await, well("second").await);
    let edge = edge_to(&[("seoul", first), ("busan", second.address)]).await;
    assert_eq!(get(&edge).await.body, "second");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let alone = edge_to(&[("seoul", first)]).await;
    assert_eq!(get(&alone).await.status, 503);
    // A DELETE may have acted, and that must be said.
    assert_eq!(ask(&alone, "DELETE", "", "").await.status, 502);
}

#[tokio::test]
async fn when_no_origin_is_left_the_maintenance_page_is_served() {
    let (first, second) = (dead(), dead());
    let edge = edge_to(&[("seoul", first.address), ("busan", second.address)]).await;
    for _ in 0..5 {
        let reply = get(&edge).await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("x-planb-site"), None);
        assert_eq!(reply.header("x-planb-epoch"), Some("1"));
    }
    assert_eq!(edge.metrics().maintenance, 5);
}

#[tokio::test]
async fn an_origin_that_does_not_connect_is_asked_last_and_so_a_post_gets_through() {
    let (first, second) = (dead(), well("second").await);
    let edge = edge_to(&[("seoul", first.address), ("busan", second.address)]).await;
    for _ in 0..3 {
        assert_eq!(get(&edge).await.status, 200);
    }
    let failures = edge.metrics().connect_failures;
    assert_eq!(failures, 3);
    assert_eq!(ask(&edge, "POST", "", "an order").await.status, 200);
    assert_eq!(edge.metrics().connect_failures, failures);
}

/// Answers one request per connection and closes at the second, without a word.
async fn closes_at_the_second() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let address = scripted(move |mut stream, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
                .unwrap();
            read_head(&mut stream).await;
        }
    })
    .await;
    (address, connections)
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_for_a_get() {
    let (origin, connections) = closes_at_the_second().await;
    let edge = edge_to(&[("seoul", origin)]).await;
    // A connection is kept a moment after its answer has ended.
    let mut asked = 0;
    while edge.metrics().stale_connections == 0 {
        assert_eq!(get(&edge).await.body, "ok");
        asked += 1;
        assert!(asked < 1000, "no connection was kept: {:?}", edge.metrics());
    }
    assert_eq!(edge.metrics().forwarded, asked);
    assert!(connections.load(Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_under_a_post_is_an_unknown_outcome() {
    let (origin, _) = closes_at_the_second().await;
    let edge = edge_to(&[("seoul", origin)]).await;
    let mut statuses = Vec::new();
    while !statuses.contains(&502) {
        statuses.push(ask(&edge, "POST", "", "").await.status);
        assert!(
            statuses.len() < 1000,
            "no connection was kept: {:?}",
            edge.metrics()
        );
    }
    assert_eq!(statuses[0], 200);
}

#[tokio::test]
async fn connections_to_origins_are_kept() {
    let origin = well("first").await;
    let edge = edge_to(&[("seoul", origin.address)]).await;
    for _ in 0..20 {
        assert_eq!(ask(&edge, "POST", "", "x").await.status, 200);
    }
    let connections = *origin.connections.lock().unwrap();
    assert!(connections < 20, "{connections}");
}
