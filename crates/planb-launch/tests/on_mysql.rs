//! MySQL starts, comes back on its data after a kill, and is gone when dropped.

mod on_mysql {
    use planb_launch::mysql::{Mysql, MysqlOptions};
    use std::net::TcpStream;

    #[tokio::test]
    async fn it_comes_back_after_a_kill_and_is_gone_when_dropped() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let options = MysqlOptions::new(dir.path().join("seoul"), 1);
        let mut server = Mysql::start(options.clone()).await.expect("starts");
        let port = server.port();
        server.kill();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        server.restart().await.expect("recovers");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        drop(server);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

        let again = Mysql::start(options).await.expect("the same directory");
        assert!(TcpStream::connect(("127.0.0.1", again.port())).is_ok());
    }
}
