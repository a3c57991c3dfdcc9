//! What is looked at, and errors a user meets first.

use crate::support::{Home, Site, TestClock, connect, manifest, snapshot};
use planb_connector_postgres::{PostgresConfig, PostgresDatabase};
use planb_launch::postgres::Postgres;
use planb_model::finding::Severity;
use planb_model::recovery::Engine;
use planb_ports::database::DatabaseRole;
use planb_ports::{Database, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

async fn worst(database: &dyn Database, role: DatabaseRole, code: &str) -> Option<Severity> {
    let findings = database.check(role).await;
    let found = findings.into_iter().filter(|f| f.code == code);
    found.map(|f| f.severity).max()
}

#[tokio::test]
async fn settings_and_privileges_are_looked_at() {
    let site = Site::start_with(&["max_wal_senders=1", "fsync=off"]).await;
    let source = DatabaseRole::Source;
    let database = site.database();
    for (code, severity) in [
        ("PB-POSTGRES-WAL-SENDERS", Severity::Error),
        ("PB-POSTGRES-DURABILITY", Severity::Error),
        ("PB-POSTGRES-RETENTION", Severity::Warning),
        ("PB-POSTGRES-WAL-LEVEL", Severity::Ok),
        ("PB-POSTGRES-PRIVILEGE", Severity::Ok),
        ("PB-POSTGRES-CLOCK", Severity::Ok),
        ("PB-POSTGRES-VERSION", Severity::Ok),
    ] {
        assert_eq!(
            worst(&database, source, code).await,
            Some(severity),
            "{code}"
        );
    }
    site.run("postgres", "CREATE UNLOGGED TABLE u (v int)");
    let unlogged = "PB-POSTGRES-UNLOGGED";
    site.run("postgres", "CREATE ROLE weak LOGIN PASSWORD 'right'");
    let weak = site.database_as("weak", "right");
    let privilege = worst(&weak, source, "PB-POSTGRES-PRIVILEGE").await;
    assert_eq!(privilege, Some(Severity::Error));
    assert_eq!(
        worst(&database, source, unlogged).await,
        Some(Severity::Warning)
    );
    let late = PostgresDatabase::connect_lazy(site.config(), Arc::new(TestClock(60)));
    assert_eq!(
        worst(&late, source, "PB-POSTGRES-CLOCK").await,
        Some(Severity::Error)
    );
    // A place that cannot be restored into says so; one that can does not.
    let target = DatabaseRole::Target;
    let none = worst(&database, target, "PB-POSTGRES-NO-TARGET").await;
    assert_eq!(none, Some(Severity::Error));
    let home = Home::new(&site);
    let findings = home.database().check(target).await;
    assert!(
        findings.iter().all(|f| f.severity == Severity::Ok),
        "{findings:?}"
    );
}

#[tokio::test]
async fn logins_that_fail_say_why() {
    let site = Site::start().await;
    site.run("postgres", "CREATE ROLE app LOGIN PASSWORD 'right'");
    site.run(
        "postgres",
        "SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'right'",
    );
    site.database_as("app", "right")
        .ping()
        .await
        .expect("logs in");
    let error = site
        .database_as("app", "wrong")
        .ping()
        .await
        .expect_err("wrong");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unauthenticated, "PB-POSTGRES-AUTH")
    );
    assert!(!error.chain().contains("wrong"), "{}", error.chain());
    let mut config = site.config();
    config.user = "app".into();
    let error = connect(config).ping().await.expect_err("none");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let error = site
        .database_as("nobody", "x")
        .ping()
        .await
        .expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let closed = planb_launch::port::free_port().expect("a port");
    let error = connect(PostgresConfig::new("127.0.0.1", closed, "app"))
        .ping()
        .await;
    assert_eq!(error.expect_err("closed").kind(), ErrorKind::Unavailable);

    let app = site.database_as("app", "right");
    let sink = planb_ports::contract::sink::MemorySink::default();
    let options = planb_ports::SnapshotOptions::default();
    let refused = app
        .snapshot(&sink, &options, &planb_ports::progress::NoProgress)
        .await;
    let error = refused.expect_err("not allowed");
    assert_eq!(
        error.kind(),
        ErrorKind::PermissionDenied,
        "{}",
        error.chain()
    );

    let taken = snapshot(&site.database()).await;
    let mut other = manifest(&taken);
    other.engine = Engine::Mariadb;
    let home = Home::new(&site);
    let error = home
        .database()
        .begin_restore(&other)
        .await
        .expect_err("other");
    assert_eq!(error.code(), "PB-POSTGRES-OTHER-ENGINE");
}

fn openssl(dir: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output();
    let output = output.expect("openssl runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority, another one, and a certificate for 127.0.0.1 of the first.
fn keys() -> tempfile::TempDir {
    let keys = tempfile::tempdir().expect("temporary directory");
    let run = |line: &str| openssl(keys.path(), &line.split(' ').collect::<Vec<_>>());
    for name in ["ca", "other"] {
        run(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
    }
    run("req -newkey rsa:2048 -nodes -subj /CN=db -keyout server.key -out server.csr");
    std::fs::write(keys.path().join("names"), "subjectAltName=IP:127.0.0.1").expect("written");
    run(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
         -extfile names -out server.pem",
    );
    keys
}

/// Has the server at `data` speak TLS from its next start on.
fn serve_tls(data: &Path, keys: &Path) {
    for name in ["server.key", "server.pem"] {
        let to = data.join(name);
        std::fs::copy(keys.join(name), &to).expect("copied");
        let facts = std::fs::metadata(data).expect("there");
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).expect("set");
        chown(&to, Some(facts.uid()), Some(facts.gid())).expect("given");
    }
    let conf = "ssl=on\nssl_cert_file='server.pem'\nssl_key_file='server.key'\n";
    std::fs::write(data.join("postgresql.auto.conf"), conf).expect("written");
}

#[tokio::test]
async fn tls_demands_the_right_authority_and_name() {
    let (keys, mut site) = (keys(), Site::start().await);
    let port = site.server.port();
    let config = |ca: &str, host: &str| {
        let mut config = PostgresConfig::new(host, port, Postgres::USER);
        config.tls_ca = Some(keys.path().join(ca));
        connect(config)
    };
    let error = config("ca.pem", "127.0.0.1").ping().await;
    assert_eq!(error.expect_err("no TLS there").code(), "PB-POSTGRES-TLS");

    serve_tls(&site.server.data_dir(), keys.path());
    site.server.restart().await.expect("restarts");
    let good = config("ca.pem", "127.0.0.1");
    good.ping().await.expect("the right one");
    for (ca, host) in [("other.pem", "127.0.0.1"), ("ca.pem", "localhost")] {
        let error = config(ca, host).ping().await.expect_err(ca);
        let code = error.code();
        assert_eq!(code, "PB-POSTGRES-TLS", "{ca} {host}: {}", error.chain());
    }
    let error = config("missing.pem", "127.0.0.1").ping().await;
    assert_eq!(error.expect_err("no file").kind(), ErrorKind::Invalid);
    // Replication goes the same way.
    snapshot(&good).await;
}
