//! Files and bytes of the log, and a way to it that can be cut.

use crate::support::{IS_MARIADB, Site, binlog_tool};
use planb_model::recovery::LogPosition;
use planb_ports::LogBatch;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes a binlog file begins with.
const MAGIC_BYTES: usize = 4;

/// The events that follow each other in `bytes`.
pub fn events(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = rest.get(9..13)?;
        let size = u32::from_le_bytes(size.try_into().ok()?) as usize;
        let (event, after) = rest.split_at(size);
        rest = after;
        Some(event)
    })
}

/// Whether an event is part of a transaction: not one that only begins, ends or
/// describes a file.
fn is_transactions(event: &&[u8]) -> bool {
    !matches!(event[4], 3 | 4 | 15 | 27 | 35 | 161 | 163 | 164)
}

/// Name and bytes of every binlog file of the server, in order.
pub fn server_files(site: &Site) -> Vec<(String, Vec<u8>)> {
    files_of(&site.dir.path().join("data"))
}

fn files_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path
            .file_name()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        let number = name.strip_prefix("binlog.").unwrap_or_default();
        if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
            files.push((name, std::fs::read(&path).expect("read")));
        }
    }
    files.sort();
    files
}

/// The bytes of all transactions from a position on.
fn after(files: &[(String, Vec<u8>)], position: &LogPosition) -> Vec<u8> {
    let (file, offset) = position.at.rsplit_once(':').expect("position");
    let offset: usize = offset.parse().expect("offset");
    let mut bytes = Vec::new();
    for (name, content) in files {
        let from = match name.as_str().cmp(file) {
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => offset,
            std::cmp::Ordering::Greater => MAGIC_BYTES,
        };
        let of_transactions = events(&content[from..]).filter(is_transactions);
        bytes.extend(of_transactions.flatten());
    }
    bytes
}

/// What the batches carry, without the head each has for itself: for a piece
/// that goes on in a transaction, copies of table maps as well.
fn carried(batches: &[LogBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut maps: Vec<&[u8]> = Vec::new();
    for batch in batches {
        let mut all = events(&batch.bytes[MAGIC_BYTES..]).peekable();
        assert_eq!(all.next().expect("a format description")[4], 15);
        if batch.start.at.contains('+') {
            while all.next_if(|event| maps.contains(event)).is_some() {}
        }
        for event in all {
            bytes.extend(event);
            if event[4] == 19 {
                maps.push(event);
            }
        }
    }
    bytes
}

/// What the engine's own program fetches as a replica does.
fn fetched(site: &Site) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("directory");
    let mut prefix = folder.path().as_os_str().to_owned();
    prefix.push("/");
    let output = std::process::Command::new(binlog_tool())
        .args(["--no-defaults", "--raw", "--read-from-remote-server"])
        .args(["--host=127.0.0.1", "--protocol=TCP", "--user=root"])
        .arg(format!("--port={}", site.server.port()))
        .arg("--result-file")
        .arg(&prefix)
        .args(server_files(site).iter().map(|(name, _)| name))
        .output()
        .expect("runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    files_of(folder.path())
}

/// Compares what the batches carry with what the server's own program fetches
/// and, where they are readable, with the server's files.
pub fn identical(site: &Site, start: &LogPosition, batches: &[LogBatch]) {
    let carried = carried(batches);
    assert!(!carried.is_empty());
    let fetched = after(&fetched(site), start);
    assert!(
        carried == fetched,
        "{} bytes are not the {} of the tool",
        carried.len(),
        fetched.len()
    );
    let files = server_files(site);
    let is_plain = files
        .iter()
        .all(|(_, bytes)| bytes.starts_with(b"\xfebin") && !is_encrypted(bytes));
    if is_plain {
        let written = after(&files, start);
        assert!(
            carried == written,
            "{} bytes are not the {} of the files",
            carried.len(),
            written.len()
        );
    }
}

/// Whether MariaDB's file is encrypted: its second event says so.
pub fn is_encrypted(file: &[u8]) -> bool {
    IS_MARIADB
        && events(&file[MAGIC_BYTES..])
            .nth(1)
            .is_some_and(|event| event[4] == 164)
}

/// A certificate for 127.0.0.1, its key, and the authority that vouches for it.
pub fn certificates(folder: &Path) {
    std::fs::create_dir(folder).expect("directory");
    let authority_key = rcgen::KeyPair::generate().expect("key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let vouches = authority.self_signed(&authority_key).expect("signed");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().expect("key");
    let names = vec!["127.0.0.1".to_owned()];
    let server = rcgen::CertificateParams::new(names).expect("parameters");
    let server = server.signed_by(&key, &issuer).expect("signed");
    for (name, text) in [
        ("ca.pem", vouches.pem()),
        ("cert.pem", server.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), text).expect("written");
    }
}

/// Stands between a client and a server, and can cut the way.
pub struct Cutter {
    pub port: u16,
    /// Bytes the server may still send; negative for no end.
    left: Arc<AtomicI64>,
    refuses: Arc<AtomicBool>,
}

impl Cutter {
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("binds");
        let port = listener.local_addr().expect("address").port();
        let (left, refuses) = (
            Arc::new(AtomicI64::new(-1)),
            Arc::new(AtomicBool::new(false)),
        );
        let (budget, closed) = (left.clone(), refuses.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !closed.load(Ordering::SeqCst) {
                    tokio::spawn(between(client, server, budget.clone(), closed.clone()));
                }
            }
        });
        Self {
            port,
            left,
            refuses,
        }
    }

    /// Cuts the connection on which the server sends the last of so many bytes.
    pub fn cut_after(&self, bytes: i64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    /// Cuts every connection, and takes no new ones.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
}

async fn between(mut client: TcpStream, port: u16, left: Arc<AtomicI64>, refuses: Arc<AtomicBool>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        let passed = tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(1..) => server.write_all(&up[..read.unwrap_or(0)]).await,
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(1..) => {
                    let bytes = read.unwrap_or(0);
                    let size = i64::try_from(bytes).unwrap_or(i64::MAX);
                    let before = left.load(Ordering::SeqCst);
                    if before >= 0 && left.fetch_sub(size, Ordering::SeqCst) < size {
                        left.store(-1, Ordering::SeqCst);
                        return;
                    }
                    client.write_all(&down[..bytes]).await
                }
                _ => return,
            },
        };
        if passed.is_err() || refuses.load(Ordering::SeqCst) {
            return;
        }
    }
}
