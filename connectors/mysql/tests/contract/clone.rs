//! MySQL: snapshots of a server's files by its clone plugin, and servers made of
//! them.

use crate::support::{Site, canary, files, manifest, replay, restore, service};
use planb_connector_mysql::{Control, MysqlDatabase, PhysicalTarget};
use planb_launch::mysql::tool;
use planb_model::Epoch;
use planb_ports::{Database, ErrorKind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

const ROWS: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(200), KEY (v))",
    "INSERT INTO shop.t VALUES (1, 'one'), (2, '둘')",
    "CREATE USER app@'%' IDENTIFIED BY 'old'",
    "GRANT SELECT ON shop.* TO app@'%'",
];

/// Where the server's programs are.
fn programs() -> PathBuf {
    let tool = tool("mysqlbinlog").expect("installed");
    tool.parent().expect("a folder").to_owned()
}

/// A server that finds its plugins although it is not installed.
async fn source() -> Site {
    let plugins = programs().join("root/usr/lib/mysql/plugin");
    let site = Site::start_with(1, |options| {
        if plugins.is_dir() {
            let dir = format!("--plugin-dir={}", plugins.display());
            options.extra_args.push(dir);
        }
    })
    .await;
    site.run(ROWS).await;
    site
}

fn files_of(site: &Site, target: Option<PhysicalTarget>) -> MysqlDatabase {
    let mut config = site.config();
    config.bin_dir = Some(programs());
    config.physical = target;
    MysqlDatabase::connect_lazy(config, Arc::new(crate::support::TestClock(0)))
}

/// Commands that stop and start the server of a site.
struct Commanded(PhysicalTarget);

impl Commanded {
    fn of(site: &Site) -> Self {
        let data_dir = site.dir.path().join("data");
        let (data, pid) = (data_dir.display(), data_dir.join("mysql.pid"));
        let (pid, log) = (pid.display(), site.dir.path().join("restored.log"));
        let stop = format!(
            "if [ -e {pid} ]; then kill $(cat {pid}); while [ -e {pid} ]; do sleep 0.05; done; fi"
        );
        let start = format!(
            "setsid {}/mysqld --no-defaults --user=root --datadir={data} --port={} \
             --bind-address=127.0.0.1 --socket=mysql.sock --pid-file=mysql.pid --mysqlx=OFF \
             --secure-file-priv=NULL --local-infile=ON --skip-name-resolve --server-id=2 \
             --gtid-mode=ON --enforce-gtid-consistency=ON --log-bin=binlog \
             </dev/null >>{} 2>&1 &",
            programs().display(),
            site.server.port(),
            log.display()
        );
        let line = |text: String| vec!["sh".to_owned(), "-c".to_owned(), text];
        Self(PhysicalTarget {
            data_dir,
            control: Control::Commands {
                stop: line(stop),
                start: line(start),
            },
        })
    }
}

impl Drop for Commanded {
    fn drop(&mut self) {
        let Control::Commands { stop: line, .. } = &self.0.control else {
            return;
        };
        let stopped = Command::new(&line[0]).args(&line[1..]).status();
        assert!(stopped.is_ok_and(|s| s.success()) || std::thread::panicking());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_comes_back_as_a_server_and_the_log_goes_on() {
    let (source, target) = (source().await, Site::start(2).await);
    let from = files_of(&source, None);
    let refused = files(&from).await.expect_err("no plugin");
    assert_eq!(refused.code(), "PB-MYSQL-PHYSICAL");
    assert!(
        refused.chain().contains("INSTALL PLUGIN"),
        "{}",
        refused.chain()
    );
    source
        .run(&["INSTALL PLUGIN clone SONAME 'mysql_clone.so'"])
        .await;
    from.promote(&service(), Epoch(1)).await.expect("promoted");
    from.write_canary(&service(), &canary(1))
        .await
        .expect("written");
    let (parts, facts) = files(&from)
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    assert_eq!(parts.len(), 1);
    assert_eq!(copies(&source).await, 0, "the copy is gone");
    let then = from.digests().await.expect("digests");
    let mut log = from.open_log(&facts.position).await.expect("opens");

    let commanded = Commanded::of(&target);
    let to = files_of(&target, Some(commanded.0.clone()));
    restore(&to, &parts, &facts).await;
    assert_eq!(to.digests().await.expect("digests"), then);
    // Of the source's place nothing came along; its users did.
    let fence = to.fence_state(&service()).await.expect("fence");
    assert_eq!((fence.epoch, fence.read_only), (None, true));
    assert_eq!(to.read_canary(&service()).await.expect("canary"), None);
    for sql in ["SELECT uuid FROM planb.identity", "SELECT @@server_uuid"] {
        assert_ne!(source.one(sql).await, target.one(sql).await, "{sql}");
    }
    target
        .connect_as("app", "old")
        .await
        .expect("the old password");

    source
        .run(&[
            "UPDATE shop.t SET v = 'x' WHERE id = 1",
            "CREATE TABLE shop.u (a INT)",
        ])
        .await;
    from.write_canary(&service(), &canary(2))
        .await
        .expect("written");
    replay(log.as_mut(), &to).await;
    let now = from.digests().await.expect("digests");
    assert_ne!(now, then);
    assert_eq!(to.digests().await.expect("digests"), now);
    let seen = to.read_canary(&service()).await.expect("canary");
    assert_eq!(seen, Some(canary(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_privilege_is_named_and_nothing_is_left() {
    let source = source().await;
    source
        .run(&[
            "INSTALL PLUGIN clone SONAME 'mysql_clone.so'",
            "CREATE USER backup@'%' IDENTIFIED BY 'b'",
            "GRANT ALL ON shop.* TO backup@'%'",
            "GRANT ALL ON planb.* TO backup@'%'",
        ])
        .await;
    let mut config = source.config();
    config.bin_dir = Some(programs());
    config.user = "backup".into();
    config.password = Some(planb_model::Secret::new("b"));
    let database = MysqlDatabase::connect_lazy(config, Arc::new(crate::support::TestClock(0)));
    let error = files(&database).await.expect_err("refused");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::PermissionDenied, "PB-MYSQL-PRIVILEGE")
    );
    let hint = error.hint_text().expect("a hint");
    assert!(hint.en.contains("GRANT BACKUP_ADMIN"), "{hint}");
    assert_eq!(copies(&source).await, 0);
}

/// The shell block behind the text `after` of the page for operators.
fn block(after: &str) -> &'static str {
    let page = include_str!("../../../../docs/how-to/restore-by-hand.md");
    let (_, rest) = page.split_once(after).expect("the text");
    let (_, rest) = rest.split_once("```sh\n").expect("a block");
    rest.split_once("```").expect("its end").0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_becomes_a_server_by_hand() {
    let source = source().await;
    source
        .run(&["INSTALL PLUGIN clone SONAME 'mysql_clone.so'"])
        .await;
    let (parts, _) = files(&files_of(&source, None)).await.expect("taken");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("parts")).expect("made");
    std::fs::write(folder.path().join("parts/files"), &parts[0].1).expect("written");
    // Tests may run as root, which the server refuses to be unless told.
    let start = block("MySQL's, as the user").replace(
        "--datadir=",
        "--pid-file=mysql.pid --mysqlx=OFF --secure-file-priv=NULL --user=root --datadir=",
    );
    let script = format!(
        "set -e\nPATH={}:$PATH\n{start}\nserver=$!; trap 'kill $server; wait $server' EXIT\n\
         for i in $(seq 600); do\n\
         mysql --no-defaults -uroot --socket=$PWD/mysql.sock -BNe \
         'SELECT id, v FROM shop.t ORDER BY id' 2>/dev/null && exit 0\n\
         kill -0 $server; sleep 0.1; done; exit 1\n",
        programs().display()
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir(folder.path());
    let output = bash.output().expect("bash runs");
    let log = std::fs::read_to_string(folder.path().join("mysql.log")).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{log}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\tone\n2\t둘\n");
}

/// Copies of the server's files in its `tmpdir`.
async fn copies(site: &Site) -> usize {
    let dir = site.one("SELECT @@tmpdir").await.expect("a folder");
    let entries = std::fs::read_dir(dir).expect("read").flatten();
    let ours = |name: &str| name.starts_with("planb-clone");
    entries
        .filter(|entry| ours(&entry.file_name().to_string_lossy()))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_another_version_are_refused_before_anything_is_destroyed() {
    let (source, target) = (source().await, Site::start(2).await);
    source
        .run(&["INSTALL PLUGIN clone SONAME 'mysql_clone.so'"])
        .await;
    let (parts, facts) = files(&files_of(&source, None)).await.expect("taken");
    let refused = async |database: &MysqlDatabase, manifest: &_| {
        let error = database.begin_restore(manifest).await.expect_err("refused");
        (error.kind(), error.code())
    };
    let good = manifest(&parts, &facts);
    let unknown = refused(&files_of(&target, None), &good).await;
    assert_eq!(unknown, (ErrorKind::Unsupported, "PB-MYSQL-PHYSICAL"));
    let commanded = Commanded::of(&target);
    let to = files_of(&target, Some(commanded.0.clone()));
    let mut other = good.clone();
    other.server_version = "8.0.36".into();
    let version = refused(&to, &other).await;
    assert_eq!(version, (ErrorKind::Unsupported, "PB-MYSQL-PHYSICAL"));
    // Half of the files are no server, and what was there is still there.
    to.begin_restore(&good).await.expect("begins");
    let (spec, bytes) = &parts[0];
    let half = &bytes[..bytes.len() / 2];
    crate::support::load(&to, spec, half)
        .await
        .expect_err("cut off");
    assert_eq!(to.applied().await.expect("mark"), None);
    assert_eq!(target.one("SELECT 1").await.as_deref(), Some("1"));
}
