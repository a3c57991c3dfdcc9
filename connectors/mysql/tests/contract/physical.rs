//! Snapshots of a server's files, and servers made of them.

use crate::support::{Site, canary, files, manifest, replay, restore, service};
use planb_connector_mysql::{Control, MysqlDatabase, PhysicalTarget};
use planb_model::Epoch;
use planb_ports::{Database, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// A server that commands start and stop, on the port of a site's.
struct Commanded {
    data: PathBuf,
    target: PhysicalTarget,
}

impl Commanded {
    fn of(site: &Site, id: u32) -> Self {
        let data = site.dir.path().join("data");
        let pid = data.join("mariadb.pid");
        let (pid, data_text) = (pid.display(), data.display());
        let log = site.dir.path().join("restored.log");
        let stop = format!(
            "if [ -e {pid} ]; then kill $(cat {pid}); while [ -e {pid} ]; do sleep 0.05; done; fi"
        );
        let start = format!(
            "PATH=$PATH:/usr/sbin; setsid mariadbd --no-defaults --user=root --datadir={data_text} \
             --port={} --bind-address=127.0.0.1 --socket=mariadb.sock --pid-file=mariadb.pid \
             --skip-name-resolve --local-infile=ON --server-id={id} --gtid-domain-id={id} \
             --log-bin=binlog --binlog-format=ROW </dev/null >>{} 2>&1 &",
            site.server.port(),
            log.display()
        );
        let line = |text: String| vec!["sh".to_owned(), "-c".to_owned(), text];
        let target = PhysicalTarget {
            data_dir: data.clone(),
            control: Control::Commands {
                stop: line(stop),
                start: line(start),
            },
        };
        Self { data, target }
    }

    fn database(&self, site: &Site) -> MysqlDatabase {
        let mut config = site.config();
        config.physical = Some(self.target.clone());
        MysqlDatabase::connect_lazy(config, Arc::new(crate::support::TestClock(0)))
    }
}

impl Drop for Commanded {
    fn drop(&mut self) {
        let Control::Commands { stop: line, .. } = &self.target.control else {
            return;
        };
        let stopped = Command::new(&line[0]).args(&line[1..]).status();
        assert!(stopped.is_ok_and(|s| s.success()) || std::thread::panicking());
    }
}

const ROWS: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(200), KEY (v))",
    "INSERT INTO shop.t SELECT seq, MD5(seq) FROM shop.seq_1_to_20000",
];

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_as_a_server_and_the_log_goes_on() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(ROWS).await;
    let from = source.database();
    from.promote(&service(), Epoch(1)).await.expect("promoted");
    from.write_canary(&service(), &canary(1))
        .await
        .expect("written");
    let (parts, facts) = files(&from)
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    assert_eq!(parts.len(), 1);
    let then = from.digests().await.expect("digests");
    let mut log = from.open_log(&facts.position).await.expect("opens");

    let server = Commanded::of(&target, 2);
    let to = server.database(&target);
    restore(&to, &parts, &facts).await;
    assert_eq!(to.digests().await.expect("digests"), then);
    // Of the source's place nothing came along.
    let fence = to.fence_state(&service()).await.expect("fence");
    assert_eq!((fence.epoch, fence.read_only), (None, true));
    assert_eq!(to.read_canary(&service()).await.expect("canary"), None);
    let identity = "SELECT uuid FROM planb.identity";
    assert_ne!(source.one(identity).await, target.one(identity).await);
    assert!(to.applied().await.expect("mark").is_some());
    assert!(!beside(&server.data, "old").exists() && !beside(&server.data, "new").exists());

    source
        .run(&[
            "UPDATE shop.t SET v = 'x' WHERE id < 100",
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
    assert_eq!(
        to.read_canary(&service()).await.expect("canary"),
        Some(canary(2))
    );
}

fn beside(data: &Path, what: &str) -> PathBuf {
    data.with_file_name(format!("data.planb-{what}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_not_put_over_what_is_not_ours() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(ROWS).await;
    let (parts, facts) = files(&source.database()).await.expect("taken");
    let refused = async |database: &MysqlDatabase, manifest: &_| {
        let error = database.begin_restore(manifest).await.expect_err("refused");
        (error.kind(), error.code())
    };
    let good = manifest(&parts, &facts);
    // Where the files are is not known.
    let unknown = refused(&target.database(), &good).await;
    assert_eq!(unknown, (ErrorKind::Unsupported, "PB-MYSQL-PHYSICAL"));
    // Another version.
    let server = Commanded::of(&target, 2);
    let to = server.database(&target);
    let mut other = good.clone();
    other.server_version = "10.6.1-MariaDB".into();
    let version = refused(&to, &other).await;
    assert_eq!(version, (ErrorKind::Unsupported, "PB-MYSQL-PHYSICAL"));
    // Other databases live there.
    target.run(&["CREATE DATABASE theirs"]).await;
    let theirs = refused(&to, &good).await;
    assert_eq!(theirs, (ErrorKind::Conflict, "PB-MYSQL-NOT-EMPTY"));
    target.run(&["DROP DATABASE theirs"]).await;
    // No restore was begun.
    let (spec, bytes) = &parts[0];
    let error = crate::support::load(&to, spec, bytes)
        .await
        .expect_err("refused");
    assert_eq!(error.code(), "PB-MYSQL-NO-RESTORE");
    // Half of the files are no server, and what was there is still there.
    to.begin_restore(&good).await.expect("begins");
    let half = &bytes[..bytes.len() / 2];
    crate::support::load(&to, spec, half)
        .await
        .expect_err("cut off");
    assert_eq!(to.applied().await.expect("mark"), None);
    assert_eq!(target.one("SELECT 1").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_utf8_comes_back_with_the_files() {
    let (broken, target) = (crate::bad_input::broken_texts().await, Site::start(4).await);
    let from = broken.database();
    let (parts, facts) = files(&from)
        .await
        .unwrap_or_else(|e| panic!("{}", e.chain()));
    let server = Commanded::of(&target, 4);
    let to = server.database(&target);
    restore(&to, &parts, &facts).await;
    let wanted = broken.one(crate::bad_input::TEXT_BYTES).await;
    assert_eq!(target.one(crate::bad_input::TEXT_BYTES).await, wanted);
    let digests = from.digests().await.expect("digests");
    assert_eq!(to.digests().await.expect("digests"), digests);
    assert_eq!(to.integrity().await.expect("checked"), []);
}

/// The same files with some bytes of a page of `shop/t.ibd` written over, packed as
/// before: what a bad disk at the source may have handed over.
fn with_a_bad_page(bytes: &[u8]) -> bytes::Bytes {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = folder.path().join("packed");
    std::fs::write(&packed, bytes).expect("written");
    let shell = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(folder.path());
        let output = command.output().expect("bash runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}: {said}");
        output.stdout
    };
    shell("mkdir data && cd data && mbstream -x < ../packed");
    let table = folder.path().join("data/shop/t.ibd");
    let mut pages = std::fs::read(&table).expect("the table");
    // Behind the roots of the indexes: type 17855 at 24, level 0 at 64 ("InnoDB Page
    // Structure", MySQL Internals).
    let is_leaf = |page: &&mut [u8]| page[24..26] == [0x45, 0xbf] && page[64..66] == [0, 0];
    let mut leaves = pages.chunks_exact_mut(16 * 1024).skip(5).filter(is_leaf);
    let page = leaves.next().expect("a page with rows");
    page[8_000..12_000].fill(0xaa);
    std::fs::write(&table, pages).expect("altered");
    shell("cd data && mbstream -c $(find . -type f -printf '%P ')").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_page_in_files_is_found_by_the_server() {
    let (mut source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(ROWS).await;
    // Or the redo log has the pages, too.
    source.server.restart().await.expect("restarts");
    let (parts, facts) = files(&source.database()).await.expect("taken");
    let server = Commanded::of(&target, 2);
    let to = server.database(&target);
    restore(&to, &parts, &facts).await;
    assert_eq!(to.integrity().await.expect("checked"), []);
    let bad = vec![(parts[0].0.clone(), with_a_bad_page(&parts[0].1))];
    restore(&to, &bad, &facts).await;
    let found = to.integrity().await.expect("checked");
    assert!(
        found
            .iter()
            .any(|f| f.code == "PB-MYSQL-DAMAGED" && f.reason.en.contains("shop.t")),
        "{found:?}"
    );
    to.digests().await.expect_err("its rows cannot be read");
}
