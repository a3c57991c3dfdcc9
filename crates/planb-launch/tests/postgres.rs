//! PostgreSQL starts, comes back on its data after a kill, and is gone when
//! dropped.

use planb_launch::postgres::{Postgres, PostgresOptions};
use std::net::TcpStream;

#[tokio::test]
async fn it_comes_back_after_a_kill_and_is_gone_when_dropped() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let options = PostgresOptions::new(dir.path());
    let mut server = Postgres::start(options.clone()).await.expect("starts");
    let port = server.port();
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart().await.expect("recovers");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

    let again = Postgres::start(options).await.expect("the same directory");
    assert!(TcpStream::connect(("127.0.0.1", again.port())).is_ok());
}

#[tokio::test]
async fn a_taken_fixed_port_is_an_error_with_the_servers_own_words() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("bind");
    let mut options = PostgresOptions::new(dir.path());
    options.port = Some(taken.local_addr().expect("address").port());
    let error = Postgres::start(options).await.expect_err("port taken");
    assert_eq!(error.code(), "PB-LAUNCH-ENDED", "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
}
