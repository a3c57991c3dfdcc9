//! Azurite starts, takes containers, comes back after a kill, and is gone when dropped.

use planb_launch::LaunchError;
use planb_launch::azurite::{Azurite, AzuriteOptions};
use std::net::TcpStream;

#[tokio::test]
async fn it_takes_containers_comes_back_on_its_port_and_is_gone_when_dropped() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut azurite = Azurite::start(AzuriteOptions {
        dir: dir.path().join("azurite"),
    })
    .await
    .expect("starts; run `cargo xtask services` first");
    let port = azurite.port();
    azurite.create_container("vault").await.expect("created");
    azurite
        .create_container("vault")
        .await
        .expect("there already");
    let error = azurite
        .create_container("Not-A-Name!")
        .await
        .expect_err("bad name");
    assert!(matches!(error, LaunchError::Refused { .. }), "{error}");

    azurite.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    azurite.restart().await.expect("comes back");
    azurite
        .create_container("vault")
        .await
        .expect("works again");

    drop(azurite);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
