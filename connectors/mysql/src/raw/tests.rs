//! Logging in, on real servers.

use super::*;
use crate::config::MysqlConfig;
use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use planb_launch::mysql::{Mysql, MysqlOptions};
use planb_model::Secret;
use planb_model::recovery::Engine;
use planb_ports::ErrorKind;
use std::path::Path;

fn client(engine: Engine, port: u16, account: (&str, &str)) -> Client {
    let mut config = MysqlConfig::new(engine, "127.0.0.1", port, account.0);
    config.password = Some(Secret::new(account.1));
    config.databases = vec!["shop".into()];
    Client::new(config)
}

async fn one(conn: &mut RawConn, sql: &str) -> String {
    let rows = conn.small_rows(sql).await.expect("rows");
    let value = rows[0][0].clone().expect("a value");
    String::from_utf8(value).expect("text")
}

async fn refused(client: &Client) -> (ErrorKind, &'static str) {
    match RawConn::connect(client).await {
        Ok(_) => panic!("let in"),
        Err(error) => (error.kind(), error.code()),
    }
}

const WRONG: (ErrorKind, &str) = (ErrorKind::Unauthenticated, "PB-MYSQL-AUTH");

#[tokio::test]
async fn mariadb_lets_in_who_knows_the_password() {
    let dir = tempfile::tempdir().expect("directory");
    let options = MariaDbOptions::new(dir.path(), 1);
    let server = MariaDb::start(options).await.expect("starts");
    let new = |account| client(Engine::Mariadb, server.port(), account);
    let mut root = RawConn::connect(&new(("root", ""))).await.expect("root");
    root.run("CREATE USER p@'127.0.0.1' IDENTIFIED BY 'se''cret 한'")
        .await
        .expect("user");
    let mut conn = RawConn::connect(&new(("p", "se'cret 한")))
        .await
        .expect("in");
    assert_eq!(one(&mut conn, "SELECT CURRENT_USER()").await, "p@127.0.0.1");
    assert_eq!(refused(&new(("p", "other"))).await, WRONG);
    assert_eq!(refused(&new(("nobody", "x"))).await, WRONG);
}

/// A certificate for 127.0.0.1, its key, and the authority that vouches for it.
fn certificates(dir: &Path) {
    let authority_key = rcgen::KeyPair::generate().expect("key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).expect("signed");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().expect("key");
    let names = vec!["127.0.0.1".to_owned()];
    let server = rcgen::CertificateParams::new(names).expect("parameters");
    let server = server.signed_by(&key, &issuer).expect("signed");
    for (name, text) in [
        ("ca.pem", authority_certificate.pem()),
        ("cert.pem", server.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        std::fs::write(dir.join(name), text).expect("written");
    }
}

#[tokio::test]
async fn tls_is_demanded_and_only_the_right_authority_is_believed() {
    let dir = tempfile::tempdir().expect("directory");
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    for folder in [&ours, &theirs] {
        std::fs::create_dir(folder).expect("directory");
        certificates(folder);
    }
    let mut options = MariaDbOptions::new(dir.path(), 1);
    for (name, file) in [("ca", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem")] {
        let file = ours.join(file);
        options
            .extra_args
            .push(format!("--ssl-{name}={}", file.display()));
    }
    let server = MariaDb::start(options).await.expect("starts");
    let new = |ca: &Path| {
        let mut config = client(Engine::Mariadb, server.port(), ("root", "")).config;
        config.tls_ca = Some(ca.join("ca.pem"));
        Client::new(config)
    };
    let mut conn = RawConn::connect(&new(&ours)).await.expect("in");
    let rows = conn
        .small_rows("SHOW STATUS LIKE 'Ssl_cipher'")
        .await
        .expect("rows");
    assert_ne!(rows[0][1].as_deref(), Some(b"".as_slice()));
    // The driver's connections are of the same kind.
    new(&ours).connect().await.expect("in");
    assert_eq!(refused(&new(&theirs)).await.0, ErrorKind::Unavailable);

    let plain = tempfile::tempdir().expect("directory");
    let mut options = MariaDbOptions::new(plain.path(), 2);
    options.extra_args.push("--skip-ssl".into());
    let server = MariaDb::start(options).await.expect("starts");
    let mut config = client(Engine::Mariadb, server.port(), ("root", "")).config;
    config.tls_ca = Some(ours.join("ca.pem"));
    let refused = RawConn::connect(&Client::new(config)).await;
    assert!(refused.is_err(), "went on without TLS");
}

/// The first error of a log asked for where there is none.
async fn no_log(client: &Client, file: &str, offset: u32) -> (ErrorKind, &'static str) {
    let conn = RawConn::connect(client).await.expect("in");
    let request = DumpRequest {
        replica_id: 4_000_000_000,
        file,
        offset,
        is_mariadb: client.config.is_mariadb(),
        heartbeat_ns: 1_000_000_000,
    };
    let mut dump = conn.dump(&request).await.expect("asked");
    loop {
        dump.fill().await.expect("an answer");
        if let Err(error) = dump.events(|_| Ok::<(), Error>(())) {
            let error = crate::error::cannot("read the binlog")(error);
            return (error.kind(), error.code());
        }
    }
}

const LOST: (ErrorKind, &str) = (ErrorKind::LogLost, "PB-MYSQL-LOG-LOST");

#[tokio::test]
async fn mariadb_says_that_it_has_no_such_log() {
    let dir = tempfile::tempdir().expect("directory");
    let mut options = MariaDbOptions::new(dir.path(), 1);
    options.binlog = true;
    let server = MariaDb::start(options).await.expect("starts");
    let client = client(Engine::Mariadb, server.port(), ("root", ""));
    assert_eq!(no_log(&client, "binlog.000077", 4).await, LOST);
    assert_eq!(no_log(&client, "binlog.000001", 99_999).await, LOST);
}

mod on_mysql {
    //! Left out where there is no server.

    use super::*;

    #[tokio::test]
    async fn mysql_lets_in_who_knows_the_password_at_first_and_again() {
        let dir = tempfile::tempdir().expect("directory");
        let options = MysqlOptions::new(dir.path(), 1);
        let server = Mysql::start(options).await.expect("starts");
        let new = |account| client(Engine::Mysql, server.port(), account);
        let mut root = RawConn::connect(&new(("root", ""))).await.expect("root");
        root.run("CREATE USER p@'127.0.0.1' IDENTIFIED WITH caching_sha2_password BY 'secret 한'")
            .await
            .expect("user");
        // At first under the server's public key, then by what it remembers.
        for _ in 0..2 {
            let mut conn = RawConn::connect(&new(("p", "secret 한")))
                .await
                .expect("in");
            assert_eq!(one(&mut conn, "SELECT CURRENT_USER()").await, "p@127.0.0.1");
        }
        assert_eq!(refused(&new(("p", "other"))).await, WRONG);
    }

    #[tokio::test]
    async fn mysql_says_that_it_has_no_such_log() {
        let dir = tempfile::tempdir().expect("directory");
        let mut options = MysqlOptions::new(dir.path(), 1);
        options.binlog = true;
        let server = Mysql::start(options).await.expect("starts");
        let client = client(Engine::Mysql, server.port(), ("root", ""));
        assert_eq!(no_log(&client, "binlog.000077", 4).await, LOST);
        assert_eq!(no_log(&client, "binlog.000001", 99_999).await, LOST);
    }
}
