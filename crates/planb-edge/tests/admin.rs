//! The admin API and its client.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use planb_connector_system::{SystemClock, SystemDisk};
use planb_edge::{AdminConfig, Edge, EdgeConfig, RemoteTraffic};
use planb_model::{Epoch, Secret, ServiceName};
use planb_ports::{ErrorKind, Retry, Traffic};
use std::sync::Arc;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn with_admin(listen: &str, token: &str) -> EdgeConfig {
    let mut config = config();
    config.admin = Some(AdminConfig {
        listen: listen.to_owned(),
        token: Secret::new(token),
        allow_other_than_loopback: false,
    });
    config
}

async fn edge() -> Edge {
    start(with_admin("127.0.0.1:0", "hunter2")).await
}

fn remote(address: impl std::fmt::Display, token: Option<&str>) -> RemoteTraffic {
    let token = token.map(Secret::new);
    let clock = Arc::new(SystemClock::new());
    RemoteTraffic::new(&format!("http://{address}"), token.as_ref(), clock).unwrap()
}

fn to(edge: &Edge) -> RemoteTraffic {
    remote(edge.admin_address().unwrap(), Some("hunter2"))
}

#[tokio::test]
async fn a_remote_edge_is_steered_by_the_same_rules() {
    let (edge, origin) = (edge().await, well("well").await);
    let traffic = to(&edge);
    assert_eq!(traffic.current(&service()).await.unwrap(), None);
    let wanted = plan(2, 1, &[("busan", origin.address)]);
    traffic.apply(&wanted).await.unwrap();
    traffic.apply(&wanted).await.unwrap();
    assert_eq!(traffic.current(&service()).await.unwrap(), Some(wanted));
    assert_eq!(get(&edge).await.body, "well");

    let error = traffic.apply(&maintenance(1, 9)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced { current: Epoch(2) });
    assert_eq!(error.code(), "PB-FENCED");
    let error = traffic.apply(&maintenance(2, 1)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Conflict, "PB-EDGE-CONFLICT")
    );
    let error = traffic.apply(&plan(3, 1, &[])).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Invalid, "PB-EDGE-NOT-SERVABLE")
    );
    assert!(error.hint_text().is_some());
    assert_eq!(get(&edge).await.body, "well");
}

#[tokio::test]
async fn without_the_token_nothing_is_told_and_nothing_is_changed() {
    let edge = edge().await;
    for token in [None, Some("hunter"), Some("hunter22")] {
        let traffic = remote(edge.admin_address().unwrap(), token);
        for error in [
            traffic.apply(&maintenance(9, 9)).await.unwrap_err(),
            traffic.current(&service()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            assert_eq!(error.code(), "PB-EDGE-ADMIN-TOKEN");
            assert!(!error.chain().contains("hunter"), "{}", error.chain());
        }
    }
    assert_eq!(edge.traffic().current(&service()).await.unwrap(), None);
}

#[tokio::test]
async fn an_edge_that_is_gone_is_unavailable_and_one_that_is_silent_unknown() {
    let error = remote(dead().address, None)
        .apply(&maintenance(1, 1))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unavailable, Retry::Safe)
    );
    let closes = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
    })
    .await;
    let error = remote(closes, None)
        .apply(&maintenance(1, 1))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Timeout, Retry::AfterAsking)
    );
    let strange = well("<html>").await;
    let error = remote(strange.address, None)
        .current(&service())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "PB-EDGE-REMOTE");
}

#[tokio::test]
async fn the_admin_api_listens_on_loopback_with_a_token_only() {
    for (config, code) in [
        (with_admin("0.0.0.0:0", "hunter2"), "PB-EDGE-ADMIN-LISTEN"),
        (with_admin("127.0.0.1:0", ""), "PB-EDGE-ADMIN-TOKEN"),
    ] {
        let clock = Arc::new(SystemClock::new());
        let error = Edge::start(config, Arc::new(SystemDisk), clock)
            .await
            .err()
            .unwrap();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code));
        assert!(error.hint_text().is_some());
    }
}

#[test]
fn strange_addresses_and_tokens_are_refused() {
    let clock = Arc::new(SystemClock::new());
    for bad in ["", "host:1", "https://host:1", "http://me:hunter2@host:1"] {
        let error = RemoteTraffic::new(bad, None, clock.clone()).err().unwrap();
        assert_eq!(error.code(), "PB-EDGE-REMOTE-ADDRESS", "{bad}");
        assert!(!error.chain().contains("hunter2"));
    }
    let token = Secret::new("hunter2\n");
    let error = RemoteTraffic::new("http://host:1", Some(&token), clock)
        .err()
        .unwrap();
    assert_eq!(error.code(), "PB-EDGE-ADMIN-TOKEN");
    assert!(!error.chain().contains("hunter2"));
}

/// Sends a raw request with the token to the admin API.
async fn admin(edge: &Edge, line: &str, body: &str) -> Reply {
    let mut stream = tokio::net::TcpStream::connect(edge.admin_address().unwrap())
        .await
        .unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer hunter2\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    Reply::parse(&answer).unwrap()
}

#[tokio::test]
async fn strange_requests_are_answered_by_an_error_with_a_code() {
    let edge = edge().await;
    let other = serde_json::to_string(&maintenance(1, 1)).unwrap();
    let unknown = other.replacen('{', "{\"more\":1,", 1);
    for (line, body, status) in [
        ("GET /", "", 422),
        ("GET /v1/plan/orders", "", 404),
        ("GET /v1/plan/Not%20A%20Name", "", 422),
        ("DELETE /v1/plan/orders", "", 422),
        ("PUT /v1/plan/orders", "", 422),
        ("PUT /v1/plan/orders", "{}", 422),
        ("PUT /v1/plan/orders", &unknown, 422),
        ("PUT /v1/plan/others", &other, 422),
    ] {
        let reply = admin(&edge, line, body).await;
        assert_eq!(reply.status, status, "{line} {body}");
        let json: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(json["code"], "PB-EDGE-ADMIN-REQUEST", "{line} {body}");
    }
    assert_eq!(edge.traffic().current(&service()).await.unwrap(), None);
    assert_eq!(
        admin(&edge, "PUT /v1/plan/orders", &other).await.status,
        200
    );
    let metrics = admin(&edge, "GET /v1/metrics", "").await;
    let json: serde_json::Value = serde_json::from_str(&metrics.body).unwrap();
    assert_eq!(json["plansApplied"], 1);
    let elsewhere = ServiceName::new("elsewhere").unwrap();
    assert_eq!(to(&edge).current(&elsewhere).await.unwrap(), None);
}
