//! MariaDB starts, comes back on its data after a kill, joins a group, and is
//! gone when dropped.

use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;

#[tokio::test]
async fn it_comes_back_after_a_kill_and_is_gone_when_dropped() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let options = MariaDbOptions::new(dir.path().join("seoul"), 1);
    let mut server = MariaDb::start(options.clone()).await.expect("starts");
    let port = server.port();
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart().await.expect("recovers");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

    let again = MariaDb::start(options).await.expect("the same directory");
    assert!(TcpStream::connect(("127.0.0.1", again.port())).is_ok());
}

#[tokio::test]
async fn a_taken_fixed_port_is_an_error_with_the_servers_own_words() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("bind");
    let mut options = MariaDbOptions::new(dir.path(), 1);
    options.port = Some(taken.local_addr().expect("address").port());
    let error = MariaDb::start(options).await.expect_err("port taken");
    assert_eq!(error.code(), "PB-LAUNCH-ENDED", "{error}");
    assert!(error.to_string().contains("port"), "{error}");
}

#[tokio::test]
async fn it_joins_a_group_and_stopping_it_leaves_the_others_alone() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut leader = std::process::Command::new("sleep")
        .arg("600")
        .process_group(0)
        .spawn()
        .expect("sleep starts");
    let mut options = MariaDbOptions::new(dir.path(), 1);
    options.process_group = Some(leader.id().cast_signed());
    let server = MariaDb::start(options).await.expect("starts");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("stat");
    let group = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.split(' ').nth(2));
    assert_eq!(group, Some(leader.id().to_string().as_str()), "{stat}");
    drop(server);
    assert!(
        leader.try_wait().expect("wait").is_none(),
        "the leader was stopped too"
    );
    leader.kill().expect("kill");
    leader.wait().expect("wait");
}
