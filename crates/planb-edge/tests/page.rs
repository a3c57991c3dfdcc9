//! The maintenance page.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::*;

#[tokio::test]
async fn the_page_is_korean_and_english_in_the_order_the_client_prefers() {
    let edge = start(config()).await;
    edge.traffic().apply(&maintenance(1, 1)).await.unwrap();
    for (language, first, second) in [
        ("", "시스템 점검 중입니다", "Down for maintenance"),
        (
            "accept-language: en-US,en;q=0.9\r\n",
            "Down for maintenance",
            "시스템 점검 중입니다",
        ),
    ] {
        let reply = ask(&edge, "GET", language, "").await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("retry-after"), Some("7"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(
            reply.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let headline = reply.body.find(&format!("<h1>{first}</h1>")).unwrap();
        let other = reply.body.find(&format!("<h2>{second}</h2>")).unwrap();
        assert!(headline < other);
        assert!(reply.body.contains("약 7초 후"), "{}", reply.body);
        assert!(reply.body.contains("about 7 seconds"));
        // Nothing is fetched from anywhere.
        assert!(!reply.body.contains("http://") && !reply.body.contains("https://"));
        assert!(!reply.body.contains("src=") && !reply.body.contains("href="));
        assert!(reply.body.len() < 4096);
    }
}

#[tokio::test]
async fn programs_get_json() {
    let edge = start(config()).await;
    edge.traffic().apply(&maintenance(1, 1)).await.unwrap();
    let reply = ask(&edge, "GET", "accept: application/json\r\n", "").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(json["status"], 503);
    assert_eq!(json["error"], "maintenance");
    assert_eq!(json["retryAfterSeconds"], 7);
    assert_eq!(json["title"]["ko"], "시스템 점검 중입니다");
    assert_eq!(json["title"]["en"], "Down for maintenance");
}

#[tokio::test]
async fn a_head_request_gets_the_headers_only() {
    let edge = start(config()).await;
    let reply = ask(&edge, "HEAD", "", "").await;
    assert_eq!((reply.status, reply.body.as_str()), (503, ""));
    assert!(
        reply
            .header("content-length")
            .unwrap()
            .parse::<usize>()
            .unwrap()
            > 500
    );
}

#[tokio::test]
async fn a_client_that_sends_a_body_sees_the_page_too() {
    let edge = start(config()).await;
    let reply = ask(&edge, "POST", "", &"x".repeat(900_000)).await;
    assert_eq!(reply.status, 503);
}
