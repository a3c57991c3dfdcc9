//! Probes against real sockets that behave well and badly.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use planb_connector_probe::{HttpProbe, TcpProbe, from_url};
use planb_ports::{ErrorKind, Probe};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Long enough for a busy machine; no successful test waits for it.
const LONG: Duration = Duration::from_secs(20);
/// For looks that are meant to time out.
const SHORT: Duration = Duration::from_millis(100);

struct Server {
    port: u16,
    connections: mpsc::UnboundedReceiver<()>,
    task: JoinHandle<()>,
}

/// Serves `answer` to each connection after its request, and then closes it
/// unless `hang`.
async fn serve(answer: String, hang: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, connections) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            seen.send(()).unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).await.unwrap() == 0 {
                continue;
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            if hang {
                held.push(stream);
            }
        }
    });
    Server {
        port,
        connections,
        task,
    }
}

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n{headers}\r\nok")
}

fn http(port: u16, timeout: Duration) -> HttpProbe {
    let url = format!("http://me:hunter2@127.0.0.1:{port}/health?token=hunter2");
    HttpProbe::new(&url, timeout).unwrap()
}

async fn check_error(answer: &str, hang: bool, timeout: Duration, kind: ErrorKind, code: &str) {
    let server = serve(answer.to_owned(), hang).await;
    let error = http(server.port, timeout).look().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (kind, code),
        "{}",
        error.chain()
    );
    assert!(error.hint_text().is_some());
    assert!(!error.chain().contains("hunter2"), "{}", error.chain());
    server.task.abort();
}

#[tokio::test]
async fn a_site_that_is_well_is_seen_with_status_and_name() {
    let server = serve(answer("204 No Content", "x-planb-site: busan\r\n"), false).await;
    let seen = http(server.port, LONG).look().await.unwrap();
    assert_eq!(seen.status, Some(204));
    assert_eq!(seen.site.unwrap().as_str(), "busan");
}

#[tokio::test]
async fn a_strange_site_header_is_no_site() {
    let server = serve(answer("200 OK", "x-planb-site: Not A Name\r\n"), false).await;
    let seen = http(server.port, LONG).look().await.unwrap();
    assert_eq!((seen.status, seen.site), (Some(200), None));
}

#[tokio::test]
async fn everything_but_2xx_is_not_well() {
    let unavailable = ErrorKind::Unavailable;
    for status in ["503 Service Unavailable", "404 Not Found", "500 Oops"] {
        let answer = answer(status, "");
        check_error(&answer, false, LONG, unavailable, "PB-PROBE-STATUS").await;
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let well = serve(answer("200 OK", ""), false).await;
    let to_it = format!("location: http://127.0.0.1:{}/\r\n", well.port);
    let answer = answer("302 Found", &to_it);
    check_error(
        &answer,
        false,
        LONG,
        ErrorKind::Unavailable,
        "PB-PROBE-STATUS",
    )
    .await;
    assert!(well.connections.is_empty());
}

#[tokio::test]
async fn garbage_and_broken_answers_are_not_well() {
    let unavailable = ErrorKind::Unavailable;
    for garbage in [
        "",
        "\0\0\0",
        "SSH-2.0-OpenSSH_9\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
    ] {
        check_error(garbage, false, LONG, unavailable, "PB-PROBE-FAILED").await;
    }
}

#[tokio::test]
async fn a_process_that_hangs_times_out_before_and_within_its_answer() {
    let timeout = ErrorKind::Timeout;
    check_error("", true, SHORT, timeout, "PB-PROBE-TIMEOUT").await;
    let partly = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
    check_error(partly, true, SHORT, timeout, "PB-PROBE-TIMEOUT").await;
}

#[tokio::test]
async fn an_endless_answer_is_read_only_so_far() {
    let body = "x".repeat(1024 * 1024);
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{body}");
    let server = serve(endless, true).await;
    assert_eq!(
        http(server.port, LONG).look().await.unwrap().status,
        Some(200)
    );
}

#[tokio::test]
async fn each_look_has_a_connection_of_its_own_and_a_dead_process_is_noticed() {
    let mut server = serve(answer("200 OK", "connection: keep-alive\r\n"), true).await;
    let probe = http(server.port, LONG);
    for _ in 0..3 {
        probe.look().await.unwrap();
        server.connections.recv().await.unwrap();
    }
    server.task.abort();
    assert!(server.task.await.unwrap_err().is_cancelled());
    let error = probe.look().await.unwrap_err();
    assert_eq!(error.code(), "PB-PROBE-REFUSED", "{}", error.chain());
}

#[tokio::test]
async fn tcp_looks_at_the_port_only() {
    let server = serve(String::new(), true).await;
    let url = format!("tcp://127.0.0.1:{}", server.port);
    let probe = from_url(&url, LONG).unwrap();
    assert_eq!(probe.look().await.unwrap().status, None);
    server.task.abort();
    assert!(server.task.await.unwrap_err().is_cancelled());
    let error = probe.look().await.unwrap_err();
    assert_eq!(error.code(), "PB-PROBE-REFUSED", "{}", error.chain());
}

#[tokio::test]
async fn a_name_that_does_not_resolve_says_so() {
    let error = TcpProbe::new("tcp://name.invalid:80", LONG)
        .unwrap()
        .look()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.chain().contains("name.invalid"), "{}", error.chain());
}

#[test]
fn addresses_without_a_port_or_a_known_scheme_are_refused() {
    for bad in ["tcp://host", "host:80", "udp://host:1", ""] {
        let error = TcpProbe::new(bad, LONG).unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Invalid, "PB-PROBE-ADDRESS"),
            "{bad}"
        );
    }
}
