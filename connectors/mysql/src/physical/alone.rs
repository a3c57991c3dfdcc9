//! Statements on the files of a MySQL server, by a server nobody can reach: it
//! recovers the files, runs the statements, and stops.

use super::folder::Folder;
use super::program::{self, SERVER_MYSQL, complaint, failed};
use crate::client::{Client, first};
use crate::error::{corrupt, timed_out};
use mysql_async::Conn;
use planb_ports::PortResult;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Settings the files were made with.
const SETTINGS: &str = "planb-server.cnf";
/// A server with much log to recover takes a while.
const RUN_SECS_MAX: u64 = 600;
/// What such a server leaves behind that must not be taken along.
const LEFT: [&str; 3] = ["auto.cnf", "planb.pid", "planb.sock.lock"];

/// Writes the settings into the copy of a server's files.
pub(super) async fn keep_settings(conn: &mut Conn, folder: &Path) -> PortResult<()> {
    let sql =
        "SELECT @@innodb_page_size, @@innodb_data_file_path, @@lower_case_table_names, @@gtid_mode";
    let row: Option<(u64, String, u64, String)> = first(conn, "read settings", sql).await?;
    let (page, files, case, gtid) = row.ok_or_else(|| corrupt("the server has no settings"))?;
    let text = format!(
        "[mysqld]\ninnodb_page_size={page}\ninnodb_data_file_path={files}\n\
         lower_case_table_names={case}\ngtid_mode={gtid}\nenforce_gtid_consistency={}\n",
        if gtid == "OFF" { "OFF" } else { "ON" }
    );
    let written = tokio::fs::write(folder.join(SETTINGS), text).await;
    written.map_err(|e| failed("the file system", e))
}

/// Runs statements, each on one line.
pub(super) async fn run(
    client: &Client,
    folder: &Path,
    more: &[String],
    statements: &str,
) -> PortResult<()> {
    let temporary = Folder::of_tool().map_err(|e| failed(SERVER_MYSQL, e))?;
    let (script, log) = (
        temporary.path().join("script"),
        temporary.path().join("log"),
    );
    let text = format!("{statements}\nSHUTDOWN;\n");
    let written = tokio::fs::write(&script, text).await;
    written.map_err(|e| failed("the file system", e))?;
    let root = nix_root();
    let mut command = program::command(&client.config, SERVER_MYSQL)?;
    command
        .arg(format!(
            "--defaults-file={}",
            folder.join(SETTINGS).display()
        ))
        .args(root.then_some("--user=root"))
        .arg(format!("--datadir={}", folder.display()))
        .arg(format!("--init-file={}", script.display()))
        .arg(format!("--log-error={}", log.display()))
        .arg(format!("--tmpdir={}", temporary.path().display()))
        .args([
            "--skip-networking",
            "--socket=planb.sock",
            "--pid-file=planb.pid",
        ])
        .args([
            "--skip-log-bin",
            "--secure-file-priv=",
            "--event-scheduler=DISABLED",
            // The copy of a replica must not go on as one.
            "--loose-skip-replica-start",
            "--loose-skip-slave-start",
        ])
        .args(["--loose-mysqlx=OFF", "--loose-auto-generate-certs=OFF"])
        .args([
            "--loose-caching-sha2-password-auto-generate-rsa-keys=OFF",
            "--loose-sha256-password-auto-generate-rsa-keys=OFF",
        ])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let limit = Duration::from_secs(RUN_SECS_MAX);
    let ended = tokio::time::timeout(limit, command.output()).await;
    let ended = ended.map_err(|_| timed_out("recover the copy of the files", RUN_SECS_MAX))?;
    let output = ended.map_err(|e| failed(SERVER_MYSQL, e))?;
    if !output.status.success() {
        // What it says before it has a log.
        let log = tokio::fs::read(&log).await.unwrap_or_default();
        let said = complaint(&[output.stderr, log].concat());
        return Err(failed(SERVER_MYSQL, format!("{}: {said}", output.status)));
    }
    for name in LEFT {
        super::target::remove_file(&folder.join(name)).map_err(|e| failed("the file system", e))?;
    }
    Ok(())
}

/// The server refuses to be root's unless told.
fn nix_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
