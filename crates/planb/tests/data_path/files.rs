//! Snapshots of a server's files by the commands: taken beside a stream, drilled in
//! scratch servers that are started on them, restored by files, and refused when
//! something was changed in them.

use crate::desk::{Desk, errors, terminate};
use mysql_async::prelude::Queryable;
use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use planb_launch::mysql::{Mysql, MysqlOptions, tool};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A server, by engine.
pub enum Server {
    Mariadb(MariaDb),
    Mysql(Mysql),
}

impl Server {
    fn port(&self) -> u16 {
        match self {
            Server::Mariadb(server) => server.port(),
            Server::Mysql(server) => server.port(),
        }
    }

    fn engine(&self) -> &'static str {
        match self {
            Server::Mariadb(_) => "mariadb",
            Server::Mysql(_) => "mysql",
        }
    }

    pub async fn run(&self, statements: &[&str]) {
        let mut conn = self.connect().await;
        for sql in statements {
            conn.query_drop(*sql).await.expect(sql);
        }
        conn.disconnect().await.expect("a goodbye");
    }

    /// The number a query answers.
    pub async fn count(&self, sql: &str) -> u64 {
        let mut conn = self.connect().await;
        let count: Option<u64> = conn.query_first(sql).await.expect("a number");
        conn.disconnect().await.expect("a goodbye");
        count.expect("a row")
    }

    async fn rows(&self) -> Vec<(i32, String)> {
        let mut conn = self.connect().await;
        let sql = "SELECT id, note FROM shop.`주문` ORDER BY id";
        let rows = conn.query(sql).await.expect("rows");
        conn.disconnect().await.expect("a goodbye");
        rows
    }

    async fn connect(&self) -> mysql_async::Conn {
        let options = mysql_async::OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port())
            .user(Some("root"))
            .prefer_socket(false);
        mysql_async::Conn::new(options).await.expect("connects")
    }
}

pub async fn mariadb(desk: &Desk, name: &str, id: u32) -> Server {
    let options = MariaDbOptions::new(desk.path(name), id);
    Server::Mariadb(MariaDb::start(options).await.expect("a MariaDB server"))
}

/// Where MySQL's programs are.
fn programs() -> PathBuf {
    let tool = tool("mysqlbinlog").expect("installed");
    tool.parent().expect("a folder").to_owned()
}

/// One that finds its plugins although it is not installed.
async fn mysql(desk: &Desk, name: &str, id: u32) -> Server {
    let mut options = MysqlOptions::new(desk.path(name), id);
    let plugins = programs().join("root/usr/lib/mysql/plugin");
    if plugins.is_dir() {
        let dir = format!("--plugin-dir={}", plugins.display());
        options.extra_args.push(dir);
    }
    Server::Mysql(Mysql::start(options).await.expect("a MySQL server"))
}

/// A server whose files may be replaced, and the commands for it; stopped at the end.
pub struct Replaceable {
    pub server: Server,
    stop: PathBuf,
    pub url: String,
}

impl Replaceable {
    pub fn of(server: Server, desk: &Desk, name: &str) -> Self {
        let data = desk.path(name).join("data");
        let engine = server.engine();
        let pid = data.join(format!("{engine}.pid"));
        let pid = pid.display();
        let stop = format!(
            "if [ -e {pid} ]; then kill $(cat {pid}); while [ -e {pid} ]; do sleep 0.05; done; fi"
        );
        let program = match &server {
            Server::Mariadb(_) => "/usr/sbin/mariadbd --gtid-domain-id=9".to_owned(),
            Server::Mysql(_) => format!(
                "{}/mysqld --mysqlx=OFF --secure-file-priv=NULL --gtid-mode=ON \
                 --enforce-gtid-consistency=ON",
                programs().display()
            ),
        };
        let (program, more) = program.split_once(' ').expect("arguments");
        let start = format!(
            "setsid {program} --no-defaults {more} --user=root --datadir={} --port={} \
             --bind-address=127.0.0.1 --socket=s.sock --pid-file={pid} --local-infile=ON \
             --skip-name-resolve --server-id=9 --log-bin=binlog </dev/null >>{} 2>&1 &",
            data.display(),
            server.port(),
            desk.path("restored.log").display(),
        );
        let script = |what: &str, text: &str| {
            let path = desk.path(&format!("{what}-{name}.sh"));
            std::fs::write(&path, text).expect("a script");
            path
        };
        let (stop, start) = (script("stop", &stop), script("start", &start));
        let url = format!(
            "{engine}://root@127.0.0.1:{}/shop?data-dir={}&stop=sh+{}&start=sh+{}",
            server.port(),
            data.display(),
            stop.display(),
            start.display()
        );
        Self { server, stop, url }
    }
}

impl Drop for Replaceable {
    fn drop(&mut self) {
        let stopped = Command::new("sh").arg(&self.stop).status();
        assert!(stopped.is_ok_and(|s| s.success()) || std::thread::panicking());
    }
}

/// The command, which finds MySQL's programs where the server's are.
struct Run<'a> {
    desk: &'a Desk,
    path: Option<String>,
}

impl Run<'_> {
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = self.desk.command(arguments);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command.output().expect("planb runs")
    }

    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", errors(&output));
        serde_json::from_slice(&output.stdout).expect("JSON on stdout")
    }
}

/// With the programs in `folder` before others.
fn path_with(folder: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

/// The object of the files of a snapshot.
fn files_object(desk: &Desk, snapshot: &str) -> PathBuf {
    let mut folders = vec![desk.path("vault")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let text = path.display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if text.contains(snapshot) && text.contains("files") {
                return path;
            }
        }
    }
    panic!("no files of {snapshot}");
}

const ROWS: &[&str] = &[
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    "CREATE TABLE shop.`주문` (id INT PRIMARY KEY, note VARCHAR(200), KEY (note))",
    "INSERT INTO shop.`주문` VALUES (1, 'one'), (2, '둘')",
    // Whoever starts a server on the files must not run it.
    "CREATE EVENT shop.later ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.`주문` \
     SELECT MAX(id) + 1, 'by an event' FROM shop.`주문`",
];

/// The identifiers of three snapshots on one log: of files, of rows, of files.
struct Taken {
    asked: Value,
    rows: Value,
    chosen: Value,
}

/// Takes them beside a stream, with changes between and behind.
async fn take(source: &Server, desk: &Desk, run: &Run<'_>) -> Taken {
    source.run(&["SET GLOBAL event_scheduler = OFF"]).await;
    source.run(ROWS).await;
    let url = format!(
        "{}://root@127.0.0.1:{}/shop",
        source.engine(),
        source.port()
    );
    let stream = desk.start(&["stream", "--database", &url, "--json"], "stream.log");
    desk.wait("log is in the vault", "stream.log", || {
        (desk.said("stream.log").contains("\"snapshot\"")
            && !desk.json(&["points"])[0]["snapshot"]["log"].is_null())
        .then_some(())
    });
    let asked = run.json(&["backup", "--database", &url, "--physical"], 0);
    assert_eq!(
        (&asked["method"], &asked["files"]),
        (&"physical".into(), &true.into())
    );
    source
        .run(&["INSERT INTO shop.`주문` VALUES (3, 'between')"])
        .await;
    // Nobody said that files may be replaced; then somebody does.
    let rows = run.json(&["backup", "--database", &url], 0);
    assert_eq!(rows["method"], "logical");
    let why = rows["methodReason"]["en"].as_str().expect("a reason");
    assert!(why.contains("data-dir"), "{why}");
    let may = format!("{url}?data-dir=/nowhere&stop=false&start=false");
    let chosen = run.json(&["backup", "--database", &may], 0);
    assert_eq!(chosen["method"], "physical", "{chosen}");
    source
        .run(&["UPDATE shop.`주문` SET note = 'late' WHERE id = 1"])
        .await;
    assert_eq!(terminate(stream), Some(0), "{}", desk.said("stream.log"));
    Taken {
        asked: asked["snapshot"].clone(),
        rows: rows["snapshot"].clone(),
        chosen: chosen["snapshot"].clone(),
    }
}

/// Drills everything in the vault.
fn drilled(taken: &Taken, run: &Run<'_>) {
    let drills = run.json(&["verify", "--all"], 0);
    let by = |snapshot: &Value| {
        let drills = drills.as_array().expect("drills");
        let found = drills.iter().find(|drill| drill["snapshot"] == *snapshot);
        &found.expect("drilled")["findings"]
    };
    let (first, second) = (by(&taken.asked), by(&taken.chosen));
    for found in [first, second] {
        assert_eq!(
            (&found["passed"], &found["files"]),
            (&true.into(), &true.into())
        );
        assert!(found["digests"][0]["hash"].is_string(), "{found}");
        assert_eq!(found["rowsCompared"], 0, "no rows in its manifest: {found}");
        assert!(found["logAppliedTo"].is_object(), "{found}");
    }
    assert_eq!(first["rows"]["shop.주문"], 2, "no event ran: {first}");
    assert_eq!(
        first["equalsSnapshot"], taken.rows,
        "files and the log between are the rows: {drills}"
    );
    assert_eq!(
        by(&taken.rows)["equalsSnapshot"],
        taken.chosen,
        "and the other way: {drills}"
    );
    let points = run.json(&["points"], 0);
    let points = points.as_array().expect("points");
    assert_eq!(points.len(), 4);
    assert!(points.iter().all(|p| p["isVerified"] == true), "{points:?}");
}

async fn there_and_back(source: Server, target: Server, desk: &Desk, run: &Run<'_>) {
    let target = Replaceable::of(target, desk, "target");
    let taken = take(&source, desk, run).await;
    drilled(&taken, run);

    // Without a word about its files, an older snapshot of rows and the log lead there.
    let plain = target.url.split('?').next().expect("a URL");
    let by_rows = run.json(&["restore", "--to", plain, "--dry-run"], 0);
    assert_eq!(by_rows["plan"]["snapshot"], taken.rows, "{by_rows}");
    let by_rows = run.json(&["restore", "--to", plain], 0);
    assert_eq!(by_rows["snapshot"], taken.rows, "{by_rows}");
    let newest = format!("snapshot:{}", taken.chosen.as_str().expect("an id"));
    let only = run.output(&["restore", "--to", plain, "--replace", "--at", &newest]);
    let said = errors(&only);
    assert_eq!(only.status.code(), Some(1), "{said}");
    assert!(said.contains("PB-MYSQL-PHYSICAL"), "{said}");
    let late = [(1, "late"), (2, "둘"), (3, "between")];
    let late = late.map(|(id, note)| (id, note.to_owned()));
    assert_eq!(target.server.rows().await, late);
    target.server.run(&["DELETE FROM shop.`주문`"]).await;

    // The newest one is of files: they take the place of the target's.
    let replace = [
        "restore",
        "--to",
        &target.url,
        "--at",
        "latest",
        "--replace",
    ];
    let restored = run.json(&replace, 0);
    assert_eq!(restored["snapshot"], taken.chosen, "{restored}");
    assert_eq!(target.server.rows().await, late);

    let id = taken.chosen.as_str().expect("an id");
    let object = files_object(desk, id);
    let mut bytes = std::fs::read(&object).expect("the files");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).expect("altered");
    let failed = run.json(&["verify", "--snapshot", id], 4);
    assert_eq!(failed[0]["findings"]["passed"], false, "{failed}");
    let points = run.json(&["points"], 0);
    assert_eq!(points[0]["isVerified"], false, "{points}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_mariadb_are_taken_drilled_restored_and_refused_when_altered() {
    let desk = Desk::new();
    let (source, target) = (
        mariadb(&desk, "source", 1).await,
        mariadb(&desk, "target", 2).await,
    );
    let run = Run {
        desk: &desk,
        path: None,
    };
    there_and_back(source, target, &desk, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_of_another_version_is_refused_or_passed_over() {
    let desk = Desk::new();
    let source = mariadb(&desk, "source", 1).await;
    source.run(ROWS).await;
    let tools = desk.path("tools");
    std::fs::create_dir(&tools).expect("a folder");
    let tool = tools.join("mariadb-backup");
    let text = "#!/bin/sh\n[ \"$1\" = --version ] || exit 9\n\
                echo 'mariadb-backup based on MariaDB server 10.6.1-MariaDB Linux (x86_64)'\n";
    std::fs::write(&tool, text).expect("a tool");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&tool, open).expect("a program");
    let path = Some(path_with(&tools));
    let run = Run { desk: &desk, path };
    let url = format!("mariadb://root@127.0.0.1:{}/shop", source.port());
    let refused = run.output(&["backup", "--database", &url, "--physical"]);
    let said = errors(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("PB-MYSQL-PHYSICAL") && said.contains("10.6.1"),
        "{said}"
    );
    let mut conn = source.connect().await;
    let own: Option<String> = conn
        .query_first("SHOW DATABASES LIKE 'planb'")
        .await
        .expect("asked");
    assert_eq!(own, None, "nothing was written before it was refused");
    conn.disconnect().await.expect("a goodbye");

    let may = format!("{url}?data-dir=/nowhere&stop=false&start=false");
    let rows = run.json(&["backup", "--database", &may], 0);
    assert_eq!(rows["method"], "logical");
    let why = rows["methodReason"]["en"].as_str().expect("a reason");
    assert!(why.contains("10.6.1"), "{why}");
}

/// `cargo xtask test` leaves these out where there is no MySQL.
mod on_mysql {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn files_are_taken_drilled_restored_and_refused_when_altered() {
        let desk = Desk::new();
        let (source, target) = (
            mysql(&desk, "source", 1).await,
            mysql(&desk, "target", 2).await,
        );
        source
            .run(&["INSTALL PLUGIN clone SONAME 'mysql_clone.so'"])
            .await;
        let path = Some(path_with(&programs()));
        let run = Run { desk: &desk, path };
        there_and_back(source, target, &desk, &run).await;
    }
}
