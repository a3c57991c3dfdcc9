//! MySQL: taking the files by the server's own clone plugin.
//!
//! The server copies its files into a folder of this machine while it works
//! (`CLONE LOCAL DATA DIRECTORY`). A server nobody can reach then recovers the
//! copy and tells where in the log it stands, and the folder is packed as a tar
//! archive. It needs the space of the data once more, in the server's `tmpdir`.

use super::backup::{copy, here, may, size_of_tables};
use super::folder::Folder;
use super::{KIND_PHYSICAL, alone, opens, program, unsupported};
use crate::binlog::position::BinlogPosition;
use crate::client::{Client, first, literal, run};
use crate::error::{corrupt, log_lost};
use crate::own;
use crate::snapshot::moment;
use mysql_async::Conn;
use planb_model::recovery::{LogPosition, PartSpec};
use planb_ports::{ErrorKind, PortError, PortResult, Progress, SnapshotFacts, SnapshotSink};
use program::{SERVER_MYSQL, TAR, failed};
use std::io;
use std::path::Path;
use std::process::Stdio;

/// Where the copy says it stands.
const POSITION_FILE: &str = "planb-position";

/// How many times the size of all data must be free in the server's `tmpdir` for
/// a copy nobody asked for: the server needs room there itself.
const ROOM_SPARE: u64 = 2;

/// Writes a snapshot of the server's files.
pub(super) async fn take(
    client: &Client,
    sink: &dyn SnapshotSink,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    let mut conn = client.connect().await?;
    let version = suits(client, &mut conn).await?;
    own::ensure(&mut conn).await?;
    let bytes = size_of_tables(&mut conn).await?;
    progress.stage("copying the server's files");
    let folder = Folder::of(&mut conn).await?;
    let files = folder.files();
    let sql = format!(
        "CLONE LOCAL DATA DIRECTORY = {}",
        literal(&files.display().to_string())
    );
    let cloned = run(&mut conn, "have the server copy its files", sql).await;
    cloned.map_err(|e| explained(e, &files))?;
    let consistent_at = moment(&mut conn).await?;
    alone::keep_settings(&mut conn, &files).await?;
    progress.stage("asking the copy where it stands");
    let position = position(client, &mut conn, &files).await?;
    progress.stage("packing the copy");
    let spec = PartSpec {
        name: "files".to_owned(),
        kind: KIND_PHYSICAL.to_owned(),
        table: None,
    };
    let mut part = sink.begin(spec).await?;
    let child = program::command(&client.config, TAR)?
        .args(["-c", "-f", "-", "-C"])
        .arg(&files)
        .arg(".")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| failed(TAR, e))?;
    copy(TAR, child, part.as_mut(), (progress, bytes)).await?;
    part.end().await?;
    Ok(SnapshotFacts {
        position,
        consistent_at,
        server_version: version,
        tables: Vec::new(),
        databases: client.config.databases.clone(),
        why: None,
    })
}

/// Refuses a server that does not clone, or whose program is not here.
async fn suits(client: &Client, conn: &mut Conn) -> PortResult<String> {
    let version = here(client, conn).await?;
    let sql = "SELECT PLUGIN_STATUS FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'clone'";
    let status: Option<String> = first(conn, "look for the clone plugin", sql).await?;
    if status.as_deref() != Some("ACTIVE") {
        return Err(unsupported(
            "the server has no active clone plugin: INSTALL PLUGIN clone SONAME 'mysql_clone.so'",
        ));
    }
    let program = program::server_version(&client.config).await?;
    if !opens(&program, &version) {
        return Err(unsupported(format!(
            "{SERVER_MYSQL} on this machine is of version {program}, the server of {version}"
        )));
    }
    Ok(version)
}

/// Whether the files can be copied, as far as it can be known beforehand:
/// `Unsupported` says what stands in the way.
pub(super) async fn ready(client: &Client, conn: &mut Conn) -> PortResult<()> {
    suits(client, conn).await?;
    program::command(&client.config, TAR)?;
    may(conn, &["BACKUP_ADMIN"]).await?;
    let needed = size_of_tables(conn).await?;
    let sql = "SELECT @@tmpdir";
    let place: Option<String> = first(conn, "ask for the tmpdir", sql).await?;
    let place = place.unwrap_or_default();
    let place = Path::new(place.split(':').next().unwrap_or_default());
    let free = free_bytes(place).map_err(|e| failed("the file system", e))?;
    if free / ROOM_SPARE < needed {
        return Err(unsupported(format!(
            "a copy of all data, {needed} bytes, would leave too little of the {free} bytes free in {}",
            place.display()
        )));
    }
    Ok(())
}

/// Bytes this account may still write there.
fn free_bytes(place: &Path) -> io::Result<u64> {
    let facts = nix::sys::statvfs::statvfs(place)?;
    Ok(facts.blocks_available() * facts.fragment_size())
}

/// What the server's refusals of a copy mean.
fn explained(error: PortError, files: &Path) -> PortError {
    match error.kind() {
        ErrorKind::PermissionDenied => error.hint(
            "GRANT BACKUP_ADMIN ON *.* TO PlanB's account, or take a logical snapshot (--logical)",
            "PlanB 계정에 GRANT BACKUP_ADMIN ON *.* 권한을 부여하거나 논리 스냅샷(--logical)을 사용하세요",
        ),
        // It has no such folder: it lives in another file system, or may not go there.
        ErrorKind::Internal if !files.exists() => unsupported(format!(
            "the server did not copy its files to {}",
            files.display()
        ))
        .source(error),
        _ => error,
    }
}

async fn position(client: &Client, conn: &mut Conn, folder: &Path) -> PortResult<LogPosition> {
    let file = folder.join(POSITION_FILE);
    let statements = format!(
        "SELECT CONCAT_WS('\\t', BINLOG_FILE, BINLOG_POSITION, REPLACE(GTID_EXECUTED, '\\n', '')) \
         INTO OUTFILE {} FROM performance_schema.clone_status;",
        literal(&file.display().to_string())
    );
    // The plugin brings the table that tells.
    let what = "ask where the plugins are";
    let plugins: Option<String> = first(conn, what, "SELECT @@plugin_dir").await?;
    let plugins = plugins.map(|dir| format!("--plugin-dir={dir}"));
    let plugins: Vec<String> = plugins.into_iter().collect();
    alone::run(client, folder, &plugins, &statements).await?;
    let text = tokio::fs::read_to_string(&file).await;
    let text = text.map_err(|e| failed(SERVER_MYSQL, e))?;
    super::target::remove_file(&file).map_err(|e| failed("the file system", e))?;
    let (at, gtid) = read_position(&text)
        .ok_or_else(|| corrupt(format!("the copy does not tell where it stands: '{text}'")))?;
    let stream = own::stream_name(conn, &client.config)
        .await?
        .ok_or_else(|| log_lost("the server has no identity of PlanB"))?;
    Ok(LogPosition {
        stream,
        at: BinlogPosition::parse(&at)?.to_string(),
        gtid,
    })
}

/// `binlog.000002⇥1234⇥uuid:1-5`, tabs written as the server writes them into files.
fn read_position(text: &str) -> Option<(String, Option<String>)> {
    let text = text.trim_end_matches('\n').replace("\\\t", "\t");
    let mut fields = text.split('\t');
    let (file, offset) = (fields.next()?, fields.next()?);
    if file.is_empty() || offset.parse::<u64>().ok()? == 0 {
        return None;
    }
    let gtid = fields.next().filter(|g| !g.is_empty()).map(str::to_owned);
    Some((format!("{file}:{offset}"), gtid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_copy_stands_is_read_as_the_server_writes_it() {
        let read = |text: &str| read_position(text);
        let at = |at: &str, gtid: Option<&str>| Some((at.to_owned(), gtid.map(str::to_owned)));
        assert_eq!(
            read("b.000002\\\t9\\\tu:1-5\n"),
            at("b.000002:9", Some("u:1-5"))
        );
        assert_eq!(read("b.000002\t9\t\n"), at("b.000002:9", None));
        assert_eq!(read("\t0\t\n"), None);
        assert_eq!(read("NULL\n"), None);
    }
}
