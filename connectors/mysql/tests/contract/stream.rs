//! What the log stream carries is what the server wrote, byte for byte, over
//! TLS as well, however large, and after a cut in the middle.

use crate::stream_support::{Cutter, certificates, events, identical, server_files};
use crate::support::{DEADLINE, Site, apply, drain, numbers, per_engine, restore, snapshot};
use planb_connector_mysql::MysqlDatabase;
use planb_ports::{Database, ErrorKind, LogSource};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SETUP: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGTEXT)",
];
/// Transactions, a definition between them, another file.
const WORK: &[&str] = &[
    "INSERT INTO shop.t (v) VALUES ('one'), ('두 번째')",
    "ALTER TABLE shop.t ADD COLUMN w INT DEFAULT 7",
    "UPDATE shop.t SET v = CONCAT(v, ' and more'), w = id",
    "FLUSH BINARY LOGS",
    concat!(
        "INSERT INTO shop.t (v) SELECT REPEAT('easy to compress ', 40) FROM ",
        numbers!(500)
    ),
    "DELETE FROM shop.t WHERE id BETWEEN 20 AND 200",
    "CREATE TABLE shop.copied AS SELECT id, w FROM shop.t WHERE id < 30",
    "DROP TABLE shop.copied",
];

/// Ships `WORK`, compares its bytes with the server's files and with what its
/// own program fetches, and applies it to a copy.
async fn ships_what_the_server_wrote(source: &Site, session: &[&str]) {
    source.run(SETUP).await;
    let copy = Site::start(2).await;
    let database = source.database();
    let (parts, facts) = snapshot(&database).await;
    restore(&copy.database(), &parts, &facts).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    let statements: Vec<&str> = session.iter().chain(WORK).copied().collect();
    source.run(&statements).await;
    let batches = drain(log.as_mut()).await;
    identical(source, &facts.position, &batches);
    for (batch, seq) in batches.iter().zip(1..) {
        apply(&copy.database(), batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    assert_eq!(
        copy.database().digests().await.expect("digests"),
        database.digests().await.expect("digests")
    );
}

#[tokio::test]
async fn the_stream_is_what_the_server_wrote() {
    let source = Site::start(1).await;
    ships_what_the_server_wrote(&source, &[]).await;
}

#[tokio::test]
async fn compressed_events_are_carried_as_they_are() {
    let source = Site::start_with(1, |options| {
        let compress = ["--log-bin-compress=ON", "--log-bin-compress-min-len=10"];
        let more = per_engine(&compress[..], &[]);
        options
            .extra_args
            .extend(more.iter().map(|s| s.to_string()));
    })
    .await;
    let session = per_engine(&[][..], &["SET binlog_transaction_compression=ON"]);
    ships_what_the_server_wrote(&source, session).await;
    let kinds: Vec<u8> = server_files(&source)
        .iter()
        .flat_map(|(_, bytes)| {
            events(&bytes[4..])
                .map(|event| event[4])
                .collect::<Vec<_>>()
        })
        .collect();
    let wanted: &[u8] = per_engine(&[165, 166, 167, 168], &[40]);
    assert!(wanted.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}

#[tokio::test]
async fn a_log_without_checksums_is_carried_as_it_is() {
    let source = Site::start_with(1, |options| {
        options.extra_args.push("--binlog-checksum=NONE".into());
    })
    .await;
    ships_what_the_server_wrote(&source, &[]).await;
}

#[tokio::test]
async fn the_log_comes_through_tls_from_whom_the_authority_vouches_for() {
    let folder = tempfile::tempdir().expect("directory");
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    certificates(&ours);
    certificates(&theirs);
    let source = Site::start_with(1, |options| {
        for (name, file) in [("ca", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem")] {
            let path = ours.join(file);
            let argument = format!("--ssl-{name}={}", path.display());
            options.extra_args.push(argument);
        }
    })
    .await;
    source.run(SETUP).await;
    // Every connection of this account is encrypted, or refused by the server.
    source
        .run(&[
            "CREATE USER p@'%' IDENTIFIED BY 'secret' REQUIRE SSL",
            "GRANT ALL ON *.* TO p@'%' WITH GRANT OPTION",
        ])
        .await;
    let open = |ca: Option<&std::path::Path>| {
        let mut config = source.config();
        config.user = "p".into();
        config.password = Some(planb_model::Secret::new("secret"));
        config.tls_ca = ca.map(|ca| ca.join("ca.pem"));
        MysqlDatabase::connect_lazy(config, Arc::new(crate::support::TestClock(0)))
    };
    let database = open(Some(&ours));
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    source.run(WORK).await;
    let big = "INSERT INTO shop.t (v) VALUES (REPEAT('x', 3000000))";
    source.run(&[big]).await;
    identical(&source, &facts.position, &drain(log.as_mut()).await);
    for (ca, kind) in [
        (Some(theirs.as_path()), ErrorKind::Unavailable),
        (None, ErrorKind::Unauthenticated),
    ] {
        let refused = open(ca).open_log(&facts.position).await.map(|_| ());
        let error = refused.expect_err("believed");
        assert_eq!(error.kind(), kind, "{}", error.chain());
    }
}

#[tokio::test]
async fn an_event_larger_than_a_packet_arrives_and_is_applied() {
    let with_room = |options: &mut crate::support::Options| {
        options.extra_args.push("--max-allowed-packet=128M".into());
    };
    let source = Site::start_with(1, with_room).await;
    let copy = Site::start_with(2, with_room).await;
    source.run(SETUP).await;
    let database = source.database();
    let (parts, facts) = snapshot(&database).await;
    restore(&copy.database(), &parts, &facts).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    // One that fills two packets and goes on in a third, and small ones around it.
    source
        .run(&[
            "INSERT INTO shop.t (v) VALUES ('before')",
            "INSERT INTO shop.t (v) VALUES (REPEAT('0123456789abcdef', 2200000))",
            "INSERT INTO shop.t (v) VALUES ('after')",
        ])
        .await;
    let batches = drain(log.as_mut()).await;
    assert!(
        batches
            .iter()
            .any(|batch| batch.bytes.len() > 2 * 0xff_ffff)
    );
    identical(&source, &facts.position, &batches);
    for (batch, seq) in batches.iter().zip(1..) {
        apply(&copy.database(), batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    assert_eq!(
        copy.database().digests().await.expect("digests"),
        database.digests().await.expect("digests")
    );
}

/// The next error of a log that is about to have one.
async fn next_error(log: &mut dyn LogSource) -> planb_ports::PortError {
    let until = Instant::now() + DEADLINE;
    loop {
        match log
            .next(1 << 20, Duration::ZERO, Duration::from_millis(50))
            .await
        {
            Ok(batch) => assert_eq!(batch, None, "shipped a part of a transaction"),
            Err(error) => return error,
        }
        assert!(Instant::now() < until, "no error");
    }
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_transaction_is_mended_from_its_beginning() {
    let source = Site::start(1).await;
    source.run(SETUP).await;
    let cutter = Cutter::start(source.server.port()).await;
    let mut config = source.config();
    config.port = cutter.port;
    let clock = Arc::new(crate::support::TestClock(0));
    let database = MysqlDatabase::connect_lazy(config, clock);
    let (_, facts) = snapshot(&database).await;
    source
        .run(&["INSERT INTO shop.t (v) VALUES ('before')"])
        .await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    let mut batches = drain(log.as_mut()).await;
    cutter.cut_after(300_000);
    let big = concat!(
        "INSERT INTO shop.t (v) SELECT REPEAT('y', 5000) FROM ",
        numbers!(300)
    );
    source.run(&[big]).await;
    let error = next_error(log.as_mut()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    source.run(WORK).await;
    batches.extend(drain(log.as_mut()).await);
    for pair in batches.windows(2) {
        assert_eq!(pair[0].end, pair[1].start);
    }
    identical(&source, &facts.position, &batches);
}

#[tokio::test]
async fn a_log_that_is_purged_while_the_reader_is_away_is_lost() {
    let source = Site::start(1).await;
    source.run(SETUP).await;
    let cutter = Cutter::start(source.server.port()).await;
    let mut config = source.config();
    config.port = cutter.port;
    let clock = Arc::new(crate::support::TestClock(0));
    let database = MysqlDatabase::connect_lazy(config, clock);
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    cutter.refuse(true);
    assert_eq!(
        next_error(log.as_mut()).await.kind(),
        ErrorKind::Unavailable
    );
    // One of them begins another file.
    source.run(WORK).await;
    let first = source.dir.path().join("data/binlog.000001");
    let until = Instant::now() + DEADLINE;
    while first.exists() {
        source.run(&["PURGE BINARY LOGS TO 'binlog.000002'"]).await;
        assert!(Instant::now() < until);
    }
    cutter.refuse(false);
    let error = next_error(log.as_mut()).await;
    let got = (error.kind(), error.code());
    assert_eq!(
        got,
        (ErrorKind::LogLost, "PB-MYSQL-LOG-LOST"),
        "{}",
        error.chain()
    );
}
