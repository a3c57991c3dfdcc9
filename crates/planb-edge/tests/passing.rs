//! What passes through, and how it looks at the other side.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn an_origin_sees_the_request_and_who_sent_it() {
    let origin = well("well").await;
    let edge = edge_to(&[("seoul", origin.address)]).await;
    let headers = "x-forwarded-for: 10.1.1.1\r\nx-forwarded-proto: https\r\nkeep-alive: 5\r\n\
                   x-planb-site: busan\r\nx-hop: 1\r\ncookie: a=b\r\nproxy-connection: close\r\n";
    let raw_request = format!(
        "POST /a%20b?c=d HTTP/1.1\r\nhost: shop.example\r\nconnection: close, X-Hop\r\n\
         transfer-encoding: chunked\r\n{headers}\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    );
    let reply = Reply::parse(&raw(&edge, raw_request.as_bytes()).await).unwrap();
    assert_eq!(reply.status, 200);
    let asked = origin.asked.lock().unwrap();
    let asked = asked.first().unwrap();
    assert_eq!(asked.target, "/a%20b?c=d");
    assert_eq!(&asked.body[..], b"abcde");
    let header = |name: &str| asked.headers.get(name).map(|v| v.to_str().unwrap());
    assert_eq!(header("host"), Some("shop.example"));
    assert_eq!(header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(header("x-forwarded-proto"), Some("http"));
    assert_eq!(header("x-forwarded-host"), Some("shop.example"));
    assert_eq!(header("via"), Some("1.1 planb-edge"));
    assert_eq!(header("cookie"), Some("a=b"));
    for gone in [
        "connection",
        "keep-alive",
        "x-hop",
        "x-planb-site",
        "proxy-connection",
    ] {
        assert_eq!(header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_in_front_is_believed() {
    let origin = well("well").await;
    let mut config = config();
    config.trust_forwarded = true;
    let edge = start(config).await;
    edge.traffic()
        .apply(&plan(1, 1, &[("seoul", origin.address)]))
        .await
        .unwrap();
    let headers = "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: https\r\n";
    assert_eq!(ask(&edge, "GET", headers, "").await.status, 200);
    let asked = origin.asked.lock().unwrap();
    let header = |name: &str| asked[0].headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(header("x-forwarded-for"), "192.0.2.1, 127.0.0.1");
    assert_eq!(header("x-forwarded-proto"), "https");
}

#[tokio::test]
async fn a_client_sees_the_site_of_the_plan_and_not_what_an_origin_claims() {
    let origin = well("well").await;
    let edge = edge_to(&[("seoul", origin.address)]).await;
    let reply = get(&edge).await;
    assert_eq!(reply.header("x-planb-site"), Some("seoul"));
    assert_eq!(reply.header("x-planb-epoch"), Some("1"));
    assert_eq!(reply.header("x-own"), Some("kept"));
    assert_eq!(reply.header("keep-alive"), None);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_to_look_whole() {
    for head in ["content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
        let origin = scripted(move |mut stream, _| async move {
            read_head(&mut stream).await;
            let start = format!("HTTP/1.1 200 OK\r\n{head}\r\n5\r\nhello\r\n");
            stream.write_all(start.as_bytes()).await.unwrap();
        })
        .await;
        let edge = edge_to(&[("seoul", origin)]).await;
        let answer = raw(
            &edge,
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        )
        .await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("hello"), "{answer}");
        // Neither as many bytes as were announced, nor a last chunk.
        assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
        assert!(answer.len() < 300, "{answer}");
    }
}

#[tokio::test]
async fn a_websocket_passes_both_ways_and_ends_with_its_site() {
    let origin = scripted(|mut stream, _| async move {
        let head = read_head(&mut stream).await.to_ascii_lowercase();
        assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"));
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    })
    .await;
    let edge = edge_to(&[("seoul", origin)]).await;
    let mut client = connect(&edge).await;
    let request = b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(request).await.unwrap();
    let head = in_time(read_head(&mut client)).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for text in ["hello", "again"] {
        client.write_all(text.as_bytes()).await.unwrap();
        let mut echo = [0; 5];
        in_time(client.read_exact(&mut echo)).await.unwrap();
        assert_eq!(echo, text.as_bytes());
    }
    assert_eq!(edge.metrics().tunnels, 1);
    // A tunnel does not keep the edge from ending.
    assert!(in_time(edge.shutdown()).await);
    assert_eq!(in_time(client.read(&mut [0; 9])).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_switch_of_protocol_that_nobody_asked_for_is_refused() {
    let origin = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        assert_eq!(stream.read(&mut [0; 9]).await.unwrap_or(0), 0);
    })
    .await;
    let edge = edge_to(&[("seoul", origin)]).await;
    assert_eq!(ask(&edge, "POST", "", "").await.status, 502);
    let h2c = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n";
    assert_eq!(Reply::parse(&raw(&edge, h2c).await).unwrap().status, 502);
    assert_eq!(edge.metrics().tunnels, 0);
}

#[tokio::test]
async fn http_1_0_is_served() {
    let origin = well("well").await;
    let edge = edge_to(&[("seoul", origin.address)]).await;
    let reply = Reply::parse(&raw(&edge, b"GET / HTTP/1.0\r\n\r\n").await).unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, "well"));
    let asked = origin.asked.lock().unwrap();
    let host = asked[0].headers.get("host").unwrap();
    assert_eq!(host.to_str().unwrap(), origin.address.to_string());
}
