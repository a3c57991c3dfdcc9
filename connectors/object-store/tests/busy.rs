//! What a store's bad moments mean: busy, failing inside, or gone with the answer.
//!
//! A server of a few lines answers in the words of S3, in the order of a script.

use bytes::Bytes;
use planb_connector_object_store::{ObjectStoreVault, VaultConfig};
use planb_model::Secret;
use planb_ports::{ErrorKind, PortResult, VaultStorage};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// More than one part of an upload.
const LARGE_BYTES: usize = 9 * 1024 * 1024;

/// What is answered to a request; `None`: nothing, and the connection ends.
type Script = Arc<Mutex<VecDeque<Option<String>>>>;

fn answer(status: &str, more: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"e\"\r\n{more}\r\n{body}"
    ))
}

fn busy() -> Option<String> {
    answer("503 Slow Down", "", "<Error><Code>SlowDown</Code></Error>")
}

fn fine(body: &str) -> Option<String> {
    answer("200 OK", "", body)
}

fn begun() -> Option<String> {
    fine("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
}

/// A vault at a server that answers by `script`, and how many requests it saw.
async fn vault(script: Vec<Option<String>>) -> (ObjectStoreVault, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("address").port();
    let script: Script = Arc::new(Mutex::new(script.into()));
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(tokio::spawn(serve(stream, script.clone(), log.clone())));
        }
    });
    let mut config = VaultConfig {
        url: "s3://vault/x".into(),
        ..VaultConfig::default()
    };
    for (name, value) in [
        ("aws_region", "us-east-1"),
        ("aws_endpoint", &format!("http://127.0.0.1:{port}")),
        ("aws_access_key_id", "anybody"),
        ("allow_http", "true"),
    ] {
        config.options.insert(name.into(), value.into());
    }
    let secret = Secret::new("anything");
    config
        .secret_options
        .insert("aws_secret_access_key".into(), secret);
    (ObjectStoreVault::open(&config).expect("opens"), seen)
}

async fn serve(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = request(&mut stream).await {
        seen.lock().expect("not poisoned").push(request);
        let next = script.lock().expect("not poisoned").pop_front().flatten();
        let Some(next) = next else { return };
        if stream.write_all(next.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads one request whole; its head.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.split("content-length: ").nth(1).map_or(0, |rest| {
        rest.split("\r\n")
            .next()
            .expect("a line")
            .parse()
            .expect("a number")
    });
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(text)
}

async fn upload(vault: &ObjectStoreVault) -> PortResult<()> {
    let mut upload = vault.upload("part").await?;
    upload.write(vec![1; LARGE_BYTES].into()).await?;
    upload.finish().await
}

#[tokio::test]
async fn a_busy_store_is_asked_again_and_then_said_to_be_busy() {
    let (vault, seen) = vault(vec![busy(), fine("")]).await;
    let created = vault.create("a", Bytes::from("x")).await;
    created.expect("it had time the second time");
    assert_eq!(seen.lock().expect("not poisoned").len(), 2);

    let (vault, _) = self::vault(vec![busy(), busy(), busy(), busy()]).await;
    let error = vault.create("a", Bytes::from("x")).await.expect_err("busy");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    let (vault, _) = self::vault(vec![busy(), busy(), busy(), busy()]).await;
    let error = vault.read("a").await.expect_err("busy");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
}

#[tokio::test]
async fn an_answer_that_is_lost_is_not_known() {
    let (vault, _) = vault(vec![]).await;
    let error = vault.create("a", Bytes::from("x")).await.expect_err("lost");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", error.chain());
    // The client asks again by itself, and is refused by its own object: who
    // creates must look whose it is.
    let taken = answer("412 Precondition Failed", "", "<Error></Error>");
    let (vault, seen) = self::vault(vec![None, taken]).await;
    let error = vault.create("a", Bytes::from("x")).await.expect_err("ours");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", error.chain());
    assert_eq!(seen.lock().expect("not poisoned").len(), 2);
}

#[tokio::test]
async fn parts_are_joined_by_a_store_that_was_busy() {
    let script = vec![begun(), fine(""), fine(""), busy(), fine("<Result/>")];
    let (vault, seen) = vault(script).await;
    upload(&vault).await.expect("joined");
    let seen = seen.lock().expect("not poisoned");
    let joins: Vec<_> = seen
        .iter()
        .filter(|r| r.contains("if-none-match: *"))
        .collect();
    assert_eq!(joins.len(), 2, "{seen:?}");
}

#[tokio::test]
async fn a_joining_that_may_have_happened_is_not_known() {
    let inside = fine("<Error><Code>InternalError</Code></Error>");
    let gone = answer(
        "404 Not Found",
        "",
        "<Error><Code>NoSuchUpload</Code></Error>",
    );
    for (what, last) in [("failed after 200", inside), ("gone", gone), ("lost", None)] {
        let (vault, _) = vault(vec![begun(), fine(""), fine(""), last]).await;
        let error = upload(&vault).await.expect_err(what);
        assert_eq!(
            error.kind(),
            ErrorKind::Timeout,
            "{what}: {}",
            error.chain()
        );
    }
}
