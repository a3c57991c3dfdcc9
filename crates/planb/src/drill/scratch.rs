//! A database nobody needs: started for a drill, removed after it.
//!
//! Its directory holds the process ID of its owner. What an owner that was
//! killed left behind is ended and removed by the next drill.

use crate::cli::DatabaseArgs;
use crate::data;
use crate::error::{CliError, CliResult, Exit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use planb_launch::mysql::{Mysql, MysqlOptions};
use planb_model::recovery::{Engine, SnapshotManifest};
use planb_ports::Database;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Directories of drills begin with this.
const PREFIX: &str = "planb-drill-";
/// File with the process ID of the drill.
const OWNER: &str = "owner.pid";
/// File with the process ID of the server.
const SERVER: &str = "server.pid";
/// `server_id` of scratch servers; they are nobody's replica.
const SERVER_ID: u32 = 1;

/// A database for one drill.
pub struct Scratch {
    /// The port.
    pub database: Arc<dyn Database>,
    /// What it is called in records.
    pub name: String,
    _held: Held,
}

/// What is stopped and removed at the end, in this order.
#[expect(dead_code, reason = "held for what dropping them does")]
enum Held {
    MariaDb(MariaDb, tempfile::TempDir),
    Mysql(Mysql, tempfile::TempDir),
    File(tempfile::TempDir),
    Given,
}

impl Scratch {
    /// The database at `url`, which must be empty or an earlier drill's.
    pub async fn given(url: &str, access: &DatabaseArgs) -> CliResult<Self> {
        let target = data::open_database(url, access).await?;
        Ok(Self {
            database: target.database,
            name: target.name,
            _held: Held::Given,
        })
    }

    /// Starts one that can take the snapshot.
    pub async fn start(manifest: &SnapshotManifest) -> CliResult<Self> {
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .map_err(|e| CliError::io("make a directory", "디렉터리를 생성", e))?;
        note_pid(dir.path(), OWNER, std::process::id())?;
        let databases = schemas(manifest);
        match manifest.engine {
            Engine::Sqlite => {
                let url = format!("sqlite:{}", dir.path().join("scratch.db").display());
                Self::held(&url, "sqlite", Held::File(dir)).await
            }
            Engine::Mariadb => {
                let mut options = MariaDbOptions::new(dir.path().join("server"), SERVER_ID);
                options.binlog = false;
                let server = MariaDb::start(options).await.map_err(no_server)?;
                note_pid(dir.path(), SERVER, server.pid())?;
                let url = url("mariadb", MariaDb::USER, server.port(), &databases);
                Self::held(&url, "mariadb", Held::MariaDb(server, dir)).await
            }
            Engine::Mysql => {
                let options = MysqlOptions::new(dir.path().join("server"), SERVER_ID);
                let server = Mysql::start(options).await.map_err(no_server)?;
                note_pid(dir.path(), SERVER, server.pid())?;
                let url = url("mysql", Mysql::USER, server.port(), &databases);
                Self::held(&url, "mysql", Held::Mysql(server, dir)).await
            }
            Engine::Postgresql => Err(no_server("PlanB starts no PostgreSQL for drills yet")),
        }
    }

    async fn held(url: &str, engine: &str, held: Held) -> CliResult<Self> {
        // A scratch server has no password, whatever the environment says.
        let database = data::open_without_password(url).await?;
        Ok(Self {
            database,
            name: format!("scratch {engine}"),
            _held: held,
        })
    }
}

fn url(scheme: &str, user: &str, port: u16, databases: &BTreeSet<String>) -> String {
    let names: Vec<String> = databases.iter().map(|name| escaped(name)).collect();
    format!(
        "{scheme}://{user}@127.0.0.1:{port}?databases={}",
        names.join(",")
    )
}

fn escaped(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

/// The schemas of a snapshot, from the names of its tables.
fn schemas(manifest: &SnapshotManifest) -> BTreeSet<String> {
    let tables = manifest.tables.iter().map(|t| t.table.as_str());
    tables.filter_map(schema).collect()
}

/// The part before the dot; quoted by backticks when it holds dots itself.
fn schema(label: &str) -> Option<String> {
    if let Some(quoted) = label.strip_prefix('`') {
        let end = quoted.find("`.")?;
        return Some(quoted[..end].replace("``", "`"));
    }
    label.split_once('.').map(|(schema, _)| schema.to_owned())
}

fn no_server(error: impl std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Failed,
        "PB-VERIFY-NO-SCRATCH",
        format!("no scratch server could be started: {error}"),
        format!("임시 서버를 시작할 수 없습니다: {error}"),
    )
    .hint(
        "install the database server on this machine, or give an empty one: --drill URL",
        "이 컴퓨터에 데이터베이스 서버를 설치하거나 빈 서버를 지정하세요: --drill URL",
    )
}

fn note_pid(dir: &Path, file: &str, pid: u32) -> CliResult<()> {
    std::fs::write(dir.join(file), pid.to_string())
        .map_err(|e| CliError::io("write a file", "파일을 기록", e))
}

/// Ends and removes what drills that were killed left behind.
pub fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let pid = |file: &str| -> Option<i32> {
            let text = std::fs::read_to_string(path.join(file)).ok()?;
            text.trim().parse().ok().filter(|pid| *pid > 0)
        };
        let Some(owner) = pid(OWNER) else {
            continue;
        };
        if is_running(owner, "planb") {
            continue;
        }
        if let Some(server) = pid(SERVER)
            && is_running(server, &path.to_string_lossy())
            && let Err(error) = kill(Pid::from_raw(server), Signal::SIGKILL)
        {
            tracing::warn!(server, %error, "a scratch server of an earlier drill stays");
            continue;
        }
        if let Err(error) = std::fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "an earlier drill's directory stays");
        }
    }
}

/// Whether process `pid` runs with `word` in its command line: process IDs are
/// used again.
fn is_running(pid: i32, word: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_read_from_labels() {
        assert_eq!(schema("orders.items").as_deref(), Some("orders"));
        assert_eq!(schema("`or.ders`.`items`").as_deref(), Some("or.ders"));
        assert_eq!(schema("items"), None);
    }
}
