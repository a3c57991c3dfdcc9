//! PostgreSQL, a real server.

use crate::bench::{Bench, SEGMENT_BYTES_MAX};
use crate::by_hand::{block, unpack};
use planb_connector_postgres::{PostgresConfig, PostgresDatabase, PostgresTarget};
use planb_connector_system::SystemClock;
use planb_launch::port::free_port;
use planb_launch::postgres::{Postgres, PostgresOptions};
use planb_ports::Database;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::task::JoinHandle;

struct Site {
    server: Postgres,
    dir: TempDir,
}

impl Site {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = PostgresOptions::new(dir.path());
        let server = Postgres::start(options).await.expect("starts");
        Self { server, dir }
    }

    fn database(&self) -> PostgresDatabase {
        connect(PostgresConfig::new(
            "127.0.0.1",
            self.server.port(),
            Postgres::USER,
        ))
    }

    fn psql(&self) -> Client {
        Client {
            program: self.server.bin_dir().join("psql"),
            port: self.server.port(),
        }
    }
}

fn connect(config: PostgresConfig) -> PostgresDatabase {
    PostgresDatabase::connect_lazy(config, Arc::new(SystemClock::new()))
}

#[derive(Clone)]
struct Client {
    program: PathBuf,
    port: u16,
}

impl Client {
    fn run(&self, sql: &str) -> String {
        let output = Command::new(&self.program)
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args([
                "--set=ON_ERROR_STOP=1",
                "--host=127.0.0.1",
                "--username=postgres",
            ])
            .args([format!("--port={}", self.port), format!("--command={sql}")])
            .output()
            .expect("psql runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// A folder of the server's user, whose server is stopped when it is dropped.
struct Home {
    dir: TempDir,
    pg_ctl: PathBuf,
    client: Client,
}

impl Home {
    fn new(site: &Site) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let owner = std::fs::metadata(site.dir.path()).expect("there");
        chown(dir.path(), Some(owner.uid()), Some(owner.gid())).expect("handed over");
        Self {
            dir,
            pg_ctl: site.server.bin_dir().join("pg_ctl"),
            client: Client {
                port: free_port().expect("a port"),
                ..site.psql()
            },
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn database(&self) -> PostgresDatabase {
        let mut config = PostgresConfig::new("127.0.0.1", self.client.port, Postgres::USER);
        let data_dir = self.data_dir();
        config.target = Some(PostgresTarget { data_dir });
        connect(config)
    }

    /// The folder, for a server of its own.
    fn into_dir(mut self) -> TempDir {
        std::mem::replace(&mut self.dir, tempfile::tempdir().expect("another"))
    }

    /// Runs a program as the owner of the folder.
    fn run_as_owner(&self, program: &Path, arguments: &[&str]) {
        use std::os::unix::process::CommandExt;
        let owner = std::fs::metadata(self.dir.path()).expect("there");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.dir.path());
        command.stdout(std::process::Stdio::null());
        if owner.uid() != 0 {
            command.uid(owner.uid()).gid(owner.gid());
        }
        assert!(command.status().expect("runs").success(), "{arguments:?}");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.data_dir().join("postmaster.pid").exists() {
            let data = self.data_dir().display().to_string();
            self.run_as_owner(
                &self.pg_ctl,
                &["stop", "-s", "-m", "immediate", "-D", &data],
            );
        }
    }
}

/// A service with enough rows for a snapshot to take a while. The second table
/// has no key: a row applied twice would be there twice.
fn service(site: &Site) {
    site.psql().run(
        "CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, n int);
         CREATE TABLE notes (what text);
         INSERT INTO orders (what, n) SELECT repeat(md5(s::text), 10), 0 FROM generate_series(1, 20000) s",
    );
}

/// Writes as fast as it can until it is told to stop; returns how many rows it
/// added to each table.
fn write(client: Client, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    tokio::task::spawn_blocking(move || {
        let mut rows = 0;
        while !stop.load(Ordering::Relaxed) {
            rows += 50;
            client.run(
                "DO $$ BEGIN FOR i IN 1..50 LOOP
                   INSERT INTO orders (what, n) VALUES (gen_random_uuid(), 1);
                   INSERT INTO notes VALUES (gen_random_uuid());
                   COMMIT;
                   UPDATE orders SET n = n + 1 WHERE id = 1 + floor(random() * 20000);
                   COMMIT;
                 END LOOP; END $$",
            );
        }
        rows
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn later_snapshots_under_a_continuous_writer() {
    let site = Site::start().await;
    service(&site);
    let source = Arc::new(site.database());
    let (bench, stop) = (Bench::new(), Arc::new(AtomicBool::new(false)));
    let writer = write(site.psql(), Arc::clone(&stop));
    let protection = bench
        .protect(Arc::clone(&source) as Arc<dyn Database>)
        .await;
    protection.snapshots().await;
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.expect("the writer ended well");
    protection.finish(SEGMENT_BYTES_MAX).await;

    let wanted = source.digests().await.expect("digests");
    let rows: Vec<u64> = wanted.iter().map(|table| table.rows).collect();
    assert_eq!(rows, [written, 20_000 + written]);
    let home = Home::new(&site);
    let report = bench.restore(&home.database()).await;
    assert_eq!(home.database().digests().await.expect("digests"), wanted);

    // The snapshot before leads to the same end, by more log.
    bench.lose_newest_manifest();
    let other = Home::new(&site);
    let before = bench.restore(&other.database()).await;
    assert_eq!(other.database().digests().await.expect("digests"), wanted);
    assert!(report.segments_applied < before.segments_applied);
    by_hand(
        &bench,
        &site,
        &wanted.iter().map(|t| t.rows).collect::<Vec<_>>(),
    )
    .await;
}

/// The commands of docs/how-to/restore-by-hand.md, as they stand there.
async fn by_hand(bench: &Bench, site: &Site, rows: &[u64]) {
    let home = Home::new(site);
    let unpack = unpack(bench, home.dir.path());
    let port = home.client.port;
    let script = format!(
        "export PATH={}:$PATH PGHOST=127.0.0.1 PGUSER=postgres\nexport PGPORT={port}\n{unpack}\n{}\n",
        site.server.bin_dir().display(),
        block("## 2. PostgreSQL").replace(
            "-c archive_mode=off",
            &format!("-c archive_mode=off -c port={port} -c unix_socket_directories= -c listen_addresses=127.0.0.1")
        ),
    );
    let file = home.dir.path().join("by-hand.sh");
    std::fs::write(&file, script).expect("written");
    home.run_as_owner(Path::new("bash"), &[&file.display().to_string()]);
    let count = |table: &str| home.client.run(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(
        [count("notes"), count("orders")],
        [rows[0].to_string(), rows[1].to_string()],
        "{}",
        std::fs::read_to_string(home.dir.path().join("server.log")).expect("a log")
    );
}

/// A streaming replica of `site`, as an operator makes one.
async fn replica(site: &Site) -> Site {
    let home = Home::new(site);
    let (data, port) = (home.data_dir(), site.server.port());
    let copy = site.server.bin_dir().join("pg_basebackup");
    home.run_as_owner(
        &copy,
        &[
            "--host=127.0.0.1",
            "--username=postgres",
            "--no-password",
            "--checkpoint=fast",
            "--write-recovery-conf",
            &format!("--pgdata={}", data.display()),
            &format!("--port={port}"),
        ],
    );
    let dir = home.into_dir();
    let server = Postgres::start(PostgresOptions::new(dir.path())).await;
    Site {
        server: server.expect("starts"),
        dir,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_hand_over_a_promoted_replica() {
    let mut site = Site::start().await;
    service(&site);
    let replica = replica(&site).await;
    let bench = Bench::with_one_snapshot();
    let protection = bench.protect(Arc::new(site.database())).await;
    protection.canary().await;
    site.psql()
        .run("INSERT INTO notes VALUES ('before'), ('before')");
    protection.stop().await;
    let end = site.psql().run("SELECT pg_current_wal_lsn()");
    let caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'");
    while replica.psql().run(&caught_up) != "t" {}
    site.server.kill();
    let home = Home::new(&replica);
    let data = replica.server.data_dir().display().to_string();
    let promote = ["promote", "--wait", "--silent", "--pgdata", &data];
    home.run_as_owner(&home.pg_ctl, &promote);

    // The log goes on inside of a file, and into the files behind it.
    let source = Arc::new(replica.database());
    let protection = bench
        .protect(Arc::clone(&source) as Arc<dyn Database>)
        .await;
    protection.canary().await;
    replica.psql().run(
        "INSERT INTO orders (what, n) SELECT repeat(md5(s::text), 40), 1 FROM generate_series(1, 2000) s",
    );
    for sql in [
        "SELECT pg_switch_wal()",
        "INSERT INTO notes VALUES ('behind'), ('behind')",
    ] {
        replica.psql().run(sql);
    }
    protection.stop().await;
    assert_eq!(bench.manifests(), 1);
    let wanted = source.digests().await.expect("digests");
    let home = Home::new(&replica);
    bench.restore(&home.database()).await;
    assert_eq!(home.database().digests().await.expect("digests"), wanted);
    let rows: Vec<u64> = wanted.iter().map(|table| table.rows).collect();
    assert_eq!(rows, [4, 22_000]);
    by_hand(&bench, &replica, &rows).await;
}
