//! Clients and origins that behave badly, and ends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use planb_connector_system::{SystemClock, SystemDisk};
use planb_edge::{Edge, Limits};
use planb_ports::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

/// For bounds that a test waits for.
const SHORT: Duration = Duration::from_millis(100);

async fn edge_with(limits: Limits, origins: &[(&str, std::net::SocketAddr)]) -> Edge {
    let mut config = config();
    config.limits = limits;
    let edge = start(config).await;
    edge.traffic().apply(&plan(1, 1, origins)).await.unwrap();
    edge
}

#[tokio::test]
async fn garbage_is_refused_and_never_reaches_an_origin() {
    let origin = well("well").await;
    let edge = edge_to(&[("seoul", origin.address)]).await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "a: b\r\n".repeat(500)
    );
    for (request, statuses) in [
        ("\0\x01\x02\x03\r\n\r\n", &[400][..]),
        ("GET\r\n\r\n", &[400]),
        ("GET / HTTP/9.9\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n", &[400]),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
            &[400],
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            &[400],
        ),
        (
            "CONNECT a:1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            &[501],
        ),
        (
            "TRACE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            &[501],
        ),
        (&long, &[431]),
        (&many, &[431]),
    ] {
        let request = match request.contains("connection") || !request.contains("host: a") {
            true => request.to_owned(),
            false => request.replacen("host: a", "connection: close\r\nhost: a", 1),
        };
        let request = match request.as_str() {
            "GET / HTTP/1.1\r\n\r\n" => "GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
            _ => request,
        };
        let answer = raw(&edge, request.as_bytes()).await;
        let reply = Reply::parse(&answer).map(|r| r.status);
        let shown = &request[..request.len().min(60)];
        assert!(
            reply.is_some_and(|s| statuses.contains(&s)),
            "{reply:?} for {shown:?}"
        );
    }
    assert_eq!(origin.count(), 0);
    assert_eq!(get(&edge).await.status, 200);
}

#[tokio::test]
async fn two_lengths_of_one_body_cannot_smuggle_a_request() {
    let origin = well("well").await;
    let edge = edge_to(&[("seoul", origin.address)]).await;
    let request = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 50\r\n\
                   transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    raw(&edge, request.as_bytes()).await;
    let asked = origin.asked.lock().unwrap();
    assert!(asked.iter().all(|a| a.target != "/smuggled"));
    assert!(asked.iter().all(|a| a.body.is_empty()));
}

#[tokio::test]
async fn a_slow_sender_of_headers_is_cut_off() {
    let limits = Limits {
        header_timeout: SHORT,
        ..Limits::default()
    };
    let edge = edge_with(limits, &[("seoul", dead().address)]).await;
    let mut client = connect(&edge).await;
    client.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let mut rest = Vec::new();
    drop(in_time(client.read_to_end(&mut rest)).await);
    assert!(!String::from_utf8_lossy(&rest).contains(" 200 "));
}

#[tokio::test]
async fn a_client_that_stops_in_its_body_is_told_so() {
    let origin = well("well").await;
    let limits = Limits {
        idle_timeout: SHORT,
        ..Limits::default()
    };
    let edge = edge_with(limits, &[("seoul", origin.address)]).await;
    let request =
        b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9\r\n\r\nabc";
    let reply = Reply::parse(&raw(&edge, request).await).unwrap();
    assert_eq!(reply.status, 408);
    assert_eq!((edge.metrics().refused, edge.metrics().lost), (1, 0));
}

#[tokio::test]
async fn an_origin_that_does_not_answer_is_given_up_and_not_asked_again() {
    let hang = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        assert_eq!(
            stream.read(&mut [0; 9]).await.unwrap_or(0),
            0,
            "asked again"
        );
    })
    .await;
    let second = well("second").await;
    let limits = Limits {
        first_byte_timeout: SHORT,
        ..Limits::default()
    };
    let edge = edge_with(limits, &[("seoul", hang), ("busan", second.address)]).await;
    let reply = get(&edge).await;
    assert_eq!(reply.status, 504);
    assert!(reply.body.contains("응답이 지연되고 있습니다"));
    assert_eq!(second.count(), 0);
    assert_eq!(edge.metrics().timed_out, 1);
}

#[tokio::test]
async fn an_origin_that_stops_in_its_body_is_cut_off() {
    let hang = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
            .await
            .unwrap();
        assert_eq!(stream.read(&mut [0; 9]).await.unwrap_or(0), 0);
    })
    .await;
    let limits = Limits {
        idle_timeout: SHORT,
        ..Limits::default()
    };
    let edge = edge_with(limits, &[("seoul", hang)]).await;
    let answer = raw(&edge, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.ends_with(b"\r\n\r\nabc"));
}

#[tokio::test]
async fn a_client_that_takes_no_bytes_is_cut_off() {
    let ended = Arc::new(Notify::new());
    let end = ended.clone();
    let endless = scripted(move |mut stream, _| {
        let end = end.clone();
        async move {
            read_head(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
            stream.write_all(head).await.unwrap();
            while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
            end.notify_one();
        }
    })
    .await;
    let limits = Limits {
        idle_timeout: SHORT,
        ..Limits::default()
    };
    let edge = edge_with(limits, &[("seoul", endless)]).await;
    let mut client = connect(&edge).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    // It never reads, and the origin gets rid of it all the same.
    in_time(ended.notified()).await;
    drop(client);
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_served_at_once() {
    let limits = Limits {
        connections_max: 2,
        ..Limits::default()
    };
    let origin = well("well").await;
    let edge = edge_with(limits, &[("seoul", origin.address)]).await;
    let held = [connect(&edge).await, connect(&edge).await];
    until(|| edge.metrics().connections == 2).await;
    let mut third = connect(&edge).await;
    third
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(edge.metrics().connections, 2);
    drop(held);
    let mut answer = Vec::new();
    in_time(third.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(Reply::parse(&answer).unwrap().status, 200);
}

#[tokio::test]
async fn a_taken_port_is_said_clearly() {
    let edge = start(config()).await;
    let mut second = config();
    second.listen = edge.address().to_string();
    let clock = Arc::new(SystemClock::new());
    let error = Edge::start(second, Arc::new(SystemDisk), clock)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Conflict, "PB-EDGE-PORT-TAKEN")
    );
    assert!(error.to_string().contains(&edge.address().to_string()));
    assert!(error.hint_text().is_some());
    assert_eq!(get(&edge).await.status, 503);
}

#[tokio::test]
async fn a_strange_address_is_said_clearly() {
    for listen in ["", "nonsense", "127.0.0.1:99999", "192.0.2.1:0"] {
        let mut config = config();
        config.listen = listen.to_owned();
        let clock = Arc::new(SystemClock::new());
        let error = Edge::start(config, Arc::new(SystemDisk), clock)
            .await
            .err()
            .unwrap();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Invalid, "PB-EDGE-LISTEN"),
            "{listen}"
        );
    }
}

#[tokio::test]
async fn shutdown_lets_requests_in_flight_end() {
    let (reached, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived, released) = (reached.clone(), go.clone());
    let slow = scripted(move |mut stream, _| {
        let (arrived, released) = (arrived.clone(), released.clone());
        async move {
            read_head(&mut stream).await;
            arrived.notify_one();
            released.notified().await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
                .unwrap();
        }
    })
    .await;
    let edge = edge_to(&[("seoul", slow)]).await;
    let address = edge.address();
    let mut client = connect(&edge).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    in_time(reached.notified()).await;
    let shutdown = tokio::spawn(edge.shutdown());
    // Nobody listens any more.
    in_time(async { while tokio::net::TcpStream::connect(address).await.is_ok() {} }).await;
    go.notify_one();
    let mut answer = Vec::new();
    in_time(client.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(Reply::parse(&answer).unwrap().body, "ok");
    assert!(in_time(shutdown).await.unwrap());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let reached = Arc::new(Notify::new());
    let arrived = reached.clone();
    let hang = scripted(move |mut stream, _| {
        let arrived = arrived.clone();
        async move {
            read_head(&mut stream).await;
            arrived.notify_one();
            assert_eq!(stream.read(&mut [0; 9]).await.unwrap_or(0), 0);
        }
    })
    .await;
    let limits = Limits {
        drain_timeout: SHORT,
        ..Limits::default()
    };
    let edge = edge_with(limits, &[("seoul", hang)]).await;
    let mut client = connect(&edge).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    in_time(reached.notified()).await;
    assert!(!in_time(edge.shutdown()).await);
    // The client gets an error or nothing, but certainly an end.
    let mut answer = Vec::new();
    drop(in_time(client.read_to_end(&mut answer)).await);
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
}
