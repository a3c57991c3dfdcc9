//! Taking the files.

use super::folder::Folder;
use super::program::{self, BACKUP, complaint, failed};
use super::{KIND_PHYSICAL, major, unsupported};
use crate::binlog::position::BinlogPosition;
use crate::check::privileges::missing_everywhere;
use crate::client::{Client, first};
use crate::config::MysqlConfig;
use crate::error::{corrupt, log_lost};
use crate::own;
use crate::snapshot::{mariadb_gtid_at, moment};
use crate::version;
use bytes::BytesMut;
use mysql_async::Conn;
use planb_model::recovery::{LogPosition, PartSpec};
use planb_ports::{PartSink, PortResult, Progress, SnapshotFacts, SnapshotSink};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::process::Child;

/// What is handed to the part at once.
const PIECE_BYTES: usize = 1024 * 1024;
/// Names of the tool's own notes; newer versions have the second.
const NOTES: [&str; 2] = ["xtrabackup_info", "mariadb_backup_info"];

/// What the tool needs, after its page in MariaDB's reference ("Authentication and
/// Privileges").
const PRIVILEGES: &[&str] = &["RELOAD", "PROCESS", "LOCK TABLES", "BINLOG MONITOR"];

/// Writes a snapshot of the server's files. There are no digests of its rows:
/// its point is known only when the copy is done.
pub(crate) async fn take(
    client: &Client,
    sink: &dyn SnapshotSink,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    if !client.config.is_mariadb() {
        return super::clone::take(client, sink, progress).await;
    }
    let mut conn = client.connect().await?;
    let version = suits(client, &mut conn).await?;
    own::ensure(&mut conn).await?;
    let bytes = size_of_tables(&mut conn).await?;
    progress.stage("copying the server's files");
    let dir = Folder::of_tool().map_err(|e| failed(BACKUP, e))?;
    let spec = PartSpec {
        name: "files".to_owned(),
        kind: KIND_PHYSICAL.to_owned(),
        table: None,
    };
    let mut part = sink.begin(spec).await?;
    let child = start(&client.config, &dir)?;
    copy(BACKUP, child, part.as_mut(), (progress, bytes)).await?;
    part.end().await?;
    let consistent_at = moment(&mut conn).await?;
    let position = position(client, &mut conn, dir.path()).await?;
    Ok(SnapshotFacts {
        position,
        consistent_at,
        server_version: version,
        tables: Vec::new(),
        databases: client.config.databases.clone(),
        why: None,
    })
}

/// The server's estimate.
pub(super) async fn size_of_tables(conn: &mut Conn) -> PortResult<u64> {
    let sql =
        "SELECT CAST(SUM(DATA_LENGTH + INDEX_LENGTH) AS UNSIGNED) FROM information_schema.TABLES";
    let bytes: Option<Option<u64>> = first(conn, "ask for the size of the tables", sql).await?;
    Ok(bytes.flatten().unwrap_or(0))
}

/// Refuses a server whose files are not here; its version.
pub(super) async fn here(client: &Client, conn: &mut Conn) -> PortResult<String> {
    let what = "ask where the server's files are";
    let sql = "SELECT VERSION(), @@hostname, @@datadir";
    version::expect(&client.config, conn).await?;
    let row: Option<(String, String, String)> = first(conn, what, sql).await?;
    let (version, host, data) = row.ok_or_else(|| corrupt("the server has no version"))?;
    let here = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await;
    let same = here.is_ok_and(|name| name.trim() == host);
    if !same || std::fs::File::open(Path::new(&data).join("ibdata1")).is_err() {
        let subject = client.config.subject();
        return Err(unsupported(format!(
            "the files of {subject} are not on this machine, or PlanB may not read them"
        )));
    }
    Ok(version)
}

/// Refuses a server whose files are not here, or are not for the tool.
async fn suits(client: &Client, conn: &mut Conn) -> PortResult<String> {
    let version = here(client, conn).await?;
    let tool = program::version(&client.config).await?;
    if major(&tool) != major(&version) {
        return Err(unsupported(format!(
            "{BACKUP} is of version {tool}, the server of {version}"
        )));
    }
    Ok(version)
}

/// Whether the files can be copied, as far as it can be known beforehand:
/// `Unsupported` says what stands in the way.
pub(super) async fn ready(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if !client.config.is_mariadb() {
        return super::clone::ready(client, conn).await;
    }
    suits(client, conn).await?;
    may(conn, PRIVILEGES).await
}

/// Refuses an account without these privileges.
pub(super) async fn may(conn: &mut Conn, wanted: &[&str]) -> PortResult<()> {
    let missing = missing_everywhere(conn, wanted).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(unsupported(format!("PlanB's account lacks {missing}")))
}

fn start(config: &MysqlConfig, dir: &Folder) -> PortResult<Child> {
    let account = account(config, dir.path()).map_err(|e| failed(BACKUP, e))?;
    let notes = dir.path().join("notes");
    let log = std::fs::File::create(dir.path().join("log")).map_err(|e| failed(BACKUP, e))?;
    program::command(config, BACKUP)?
        .arg(format!("--defaults-file={}", account.display()))
        .args(["--backup", "--stream=xbstream"])
        .arg(format!("--target-dir={}", dir.path().display()))
        .arg(format!("--extra-lsndir={}", notes.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|e| failed(BACKUP, e))
}

/// A file only we can read, because arguments can be read by everybody.
fn account(config: &MysqlConfig, dir: &Path) -> std::io::Result<PathBuf> {
    let path = dir.join("account.cnf");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    writeln!(file, "[client]")?;
    let mut line = |name: &str, value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        writeln!(file, "{name}=\"{value}\"")
    };
    line("host", &config.host)?;
    line("port", &config.port.to_string())?;
    line("protocol", "tcp")?;
    line("user", &config.user)?;
    if let Some(password) = &config.password {
        line("password", password.expose())?;
    }
    if let Some(ca) = &config.tls_ca {
        line("ssl-ca", &ca.display().to_string())?;
        line("ssl-verify-server-cert", "1")?;
    }
    Ok(path)
}

/// Hands what a program writes to the part.
pub(super) async fn copy(
    name: &str,
    mut child: Child,
    part: &mut dyn PartSink,
    (progress, total): (&dyn Progress, u64),
) -> PortResult<()> {
    let Some(mut output) = child.stdout.take() else {
        return Err(failed(name, "it has no output"));
    };
    let mut done = 0;
    loop {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        while piece.len() < PIECE_BYTES {
            let read = output.read_buf(&mut piece).await;
            if read.map_err(|e| failed(name, e))? == 0 {
                break;
            }
        }
        if piece.is_empty() {
            break;
        }
        done += piece.len() as u64;
        part.write(piece.freeze()).await?;
        progress.bytes(done, Some(total.max(done)));
    }
    let status = child.wait().await.map_err(|e| failed(name, e))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(name, status.to_string()))
}

/// Where the copy stands: `binlog_pos = filename 'binlog.000001', position
/// '42', GTID …` in the tool's notes.
async fn position(client: &Client, conn: &mut Conn, dir: &Path) -> PortResult<LogPosition> {
    let mut notes = None;
    for name in NOTES {
        if let Ok(text) = tokio::fs::read_to_string(dir.join("notes").join(name)).await {
            notes = Some(text);
        }
    }
    let at = notes.as_deref().and_then(binlog_position);
    let Some(at) = at else {
        let log = tokio::fs::read(dir.join("log")).await.unwrap_or_default();
        return Err(failed(BACKUP, complaint(&log)));
    };
    let position = BinlogPosition::parse(&at)?;
    let stream = own::stream_name(conn, &client.config)
        .await?
        .ok_or_else(|| log_lost("the server has no identity of PlanB"))?;
    Ok(LogPosition {
        stream,
        gtid: mariadb_gtid_at(conn, &position).await?,
        at: position.to_string(),
    })
}

fn binlog_position(notes: &str) -> Option<String> {
    let line = notes
        .lines()
        .find_map(|l| l.strip_prefix("binlog_pos = "))?;
    let quoted = |name: &str| {
        let rest = line.split(&format!("{name} '")).nth(1)?;
        rest.split('\'').next().map(str::to_owned)
    };
    Some(format!("{}:{}", quoted("filename")?, quoted("position")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_notes_tell_the_position() {
        let notes = "lock_time = 0\nbinlog_pos = filename 'binlog.000001', position '771690714', \
                     GTID of the last change '61-61-763'\ninnodb_from_lsn = 0\n";
        assert_eq!(
            binlog_position(notes).as_deref(),
            Some("binlog.000001:771690714")
        );
        assert_eq!(binlog_position("binlog_pos = \n"), None);
        assert_eq!(binlog_position(""), None);
    }
}
