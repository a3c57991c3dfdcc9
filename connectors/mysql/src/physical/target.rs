//! Putting files in the place of a server's own.
//!
//! The copy is made ready beside the data directory: unpacked, prepared, and
//! freed of what belongs to the source's place (fence, canaries, identity), with
//! the mark of a broken restore in it. Only then does it take the directory's
//! place, so whatever starts there is never taken for a finished restore, nor
//! for the source itself.

use super::program::{self, BACKUP, SERVER, STREAM, TAR, complaint, failed};
use super::{Control, PhysicalTarget, alone, opens, unsupported};
use crate::client::{Client, literal};
use crate::error::timed_out;
use crate::fence;
use crate::own;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use planb_model::recovery::SnapshotManifest;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A server with a large buffer pool takes a while to start, and to stop.
const START_SECS_MAX: u64 = 300;
const START_POLL_MS: u64 = 100;

/// Refuses what cannot be restored here, before anything is destroyed.
pub(crate) async fn check(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    configured(client)?;
    let config = &client.config;
    let mut here = vec![(
        program::server(config),
        program::server_version(config).await?,
    )];
    if config.is_mariadb() {
        here.push((BACKUP, program::version(config).await?));
    }
    for (program, version) in here {
        if !opens(&version, &manifest.server_version) {
            return Err(unsupported(format!(
                "the snapshot has the files of version {}, {program} on this machine is of {version}",
                manifest.server_version
            )));
        }
    }
    Ok(())
}

fn configured(client: &Client) -> PortResult<&PhysicalTarget> {
    client.config.physical.as_ref().ok_or_else(|| {
        unsupported(format!(
            "the snapshot is of files, and PlanB does not know those of {}",
            client.config.subject()
        ))
    })
}

/// Whether the server can be asked. `Ok(false)` when it does not run and there
/// is nothing that could be lost: no data directory, or an empty one.
pub(crate) async fn begin(client: &Client) -> PortResult<bool> {
    let target = configured(client)?;
    let unreachable = match client.connect().await {
        Ok(_) => return Ok(true),
        Err(error) if is_no_server(client, &error) => return Ok(false),
        Err(error) if error.kind() == ErrorKind::Unavailable => error,
        Err(error) => return Err(error),
    };
    Err(PortError::new(
        ErrorKind::Conflict,
        "PB-MYSQL-NOT-EMPTY",
        format!(
            "{} has files, and no server answers that could say whose",
            target.data_dir.display()
        ),
    )
    .hint(
        "start the server, or empty its data directory if it may go",
        "서버를 시작하거나, 지워도 된다면 데이터 디렉터리를 비우세요",
    )
    .source(unreachable))
}

/// Whether `error` says that nobody answers where no server has been yet: there is
/// no data directory, or an empty one.
pub(crate) fn is_no_server(client: &Client, error: &PortError) -> bool {
    let empty = |target: &PhysicalTarget| match std::fs::read_dir(&target.data_dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    error.kind() == ErrorKind::Unavailable && client.config.physical.as_ref().is_some_and(empty)
}

/// Unpacks, prepares, cleans, and puts in place.
pub(crate) async fn load(
    client: &Client,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let target = configured(client)?;
    let (new, old) = (
        beside(&target.data_dir, "new"),
        beside(&target.data_dir, "old"),
    );
    let io = |e: io::Error| failed("the file system", e);
    remove(&new).map_err(io)?;
    std::fs::create_dir_all(&new).map_err(io)?;
    unpack(client, &new, bytes).await?;
    if client.config.is_mariadb() {
        prepare(client, &new).await?;
    }
    clean(client, &new).await?;
    let owner = owner(&target.data_dir).map_err(io)?;
    give(&new, owner).map_err(io)?;
    match &target.control {
        Control::Commands { stop, .. } => run(stop).await?,
        Control::Held(server) => server.stop().await?,
    }
    remove(&old).map_err(io)?;
    if target.data_dir.exists() {
        std::fs::rename(&target.data_dir, &old).map_err(io)?;
    }
    std::fs::rename(&new, &target.data_dir).map_err(io)?;
    match &target.control {
        Control::Commands { start, .. } => run(start).await?,
        Control::Held(server) => server.start().await?,
    }
    wait(client).await
}

/// Brings what MariaDB's tool copied to one point.
async fn prepare(client: &Client, new: &Path) -> PortResult<()> {
    let prepare = format!("--target-dir={}", new.display());
    program::output(
        BACKUP,
        program::command(&client.config, BACKUP)?.args(["--prepare", &prepare]),
    )
    .await
    .map(drop)
}

/// Deletes the directory that was replaced.
pub(crate) fn end(client: &Client) -> PortResult<()> {
    match &client.config.physical {
        Some(target) => {
            remove(&beside(&target.data_dir, "old")).map_err(|e| failed("the file system", e))
        }
        None => Ok(()),
    }
}

/// `data` becomes `data.planb-new`.
fn beside(data: &Path, what: &str) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(format!(".planb-{what}"));
    data.with_file_name(name)
}

pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(super) fn remove_file(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

async fn unpack(
    client: &Client,
    new: &Path,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let (name, arguments): (_, &[&str]) = match client.config.is_mariadb() {
        true => (STREAM, &["-x"]),
        // Whose they are is decided when they are put in place.
        false => (TAR, &["-x", "-f", "-", "--no-same-owner"]),
    };
    let mut child = program::command(&client.config, name)?
        .args(arguments)
        .current_dir(new)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(name, e))?;
    let input = child.stdin.take();
    let feed = async move {
        let mut input = input.ok_or_else(|| failed(name, "it has no input"))?;
        while let Some(piece) = bytes.next().await {
            let piece = piece?;
            if input.write_all(&piece).await.is_err() {
                return Ok(()); // It gave up; its own words say why.
            }
        }
        Ok::<(), PortError>(())
    };
    let (fed, output) = tokio::join!(feed, child.wait_with_output());
    fed?;
    let output = output.map_err(|e| failed(name, e))?;
    if output.status.success() {
        return Ok(());
    }
    Err(refused(name, complaint(&output.stderr)))
}

/// Why files could not be unpacked. A full disk says nothing about them.
fn refused(name: &str, said: String) -> PortError {
    if !said.contains("No space left on device") {
        return failed(name, said);
    }
    PortError::new(
        ErrorKind::NoSpace,
        "PB-MYSQL-NO-SPACE",
        format!("{name} has no room for the files"),
    )
    .source(said)
}

/// Runs statements on the files, by a server nobody can reach.
async fn clean(client: &Client, new: &Path) -> PortResult<()> {
    let scope = literal(&own::scope(&client.config));
    let statements = format!(
        "DELETE FROM planb.fence;\nDELETE FROM planb.canary;\nDELETE FROM planb.identity;\n\
         DELETE FROM planb.applied;\n\
         INSERT INTO planb.applied (scope, dirty, mark) VALUES ({scope}, 1, '');\n"
    );
    if !client.config.is_mariadb() {
        return alone::run(client, new, &[], &statements).await;
    }
    let root = std::fs::metadata(new).is_ok_and(|m| m.uid() == 0);
    let mut child = program::command(&client.config, SERVER)?
        // The tool leaves the settings the files were made with.
        .arg(format!(
            "--defaults-file={}",
            new.join("backup-my.cnf").display()
        ))
        .args(root.then_some("--user=root"))
        .args(["--bootstrap", "--skip-grant-tables", "--skip-log-bin"])
        .arg(format!("--datadir={}", new.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(SERVER, e))?;
    let input = child.stdin.take();
    let feed = async move {
        match input {
            Some(mut input) => input.write_all(statements.as_bytes()).await,
            None => Ok(()),
        }
    };
    let (fed, output) = tokio::join!(feed, child.wait_with_output());
    let output = output.map_err(|e| failed(SERVER, e))?;
    if !output.status.success() {
        return Err(failed(SERVER, complaint(&output.stderr)));
    }
    fed.map_err(|e| failed(SERVER, e))
}

/// Who the files are to belong to: whoever has them now, or has the directory
/// they are in. `None` when that is us.
fn owner(data: &Path) -> io::Result<Option<(u32, u32)>> {
    let place = if data.exists() {
        std::fs::metadata(data)?
    } else {
        std::fs::metadata(data.parent().unwrap_or(Path::new("/")))?
    };
    let ours = std::fs::metadata("/proc/self")?.uid();
    Ok((place.uid() != ours).then_some((place.uid(), place.gid())))
}

fn give(path: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let Some((user, group)) = owner else {
        return Ok(());
    };
    std::os::unix::fs::lchown(path, Some(user), Some(group))?;
    if path.symlink_metadata()?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give(&entry?.path(), owner)?;
        }
    }
    Ok(())
}

async fn run(line: &[String]) -> PortResult<()> {
    let Some((name, arguments)) = line.split_first() else {
        return Err(unsupported(
            "a command to start or stop the server is missing",
        ));
    };
    let mut command = tokio::process::Command::new(name);
    // What is started goes on after us, and must not hold our pipes open.
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let limit = Duration::from_secs(START_SECS_MAX);
    let ended = tokio::time::timeout(limit, command.status()).await;
    let ended = ended.map_err(|_| timed_out(&format!("run '{name}'"), START_SECS_MAX))?;
    let status = ended.map_err(|e| failed(name, e))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(name, status.to_string()))
}

/// Waits for the server, and makes it a copy that takes no writes but ours.
async fn wait(client: &Client) -> PortResult<()> {
    let starting = async {
        loop {
            match client.connect().await {
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tokio::time::sleep(Duration::from_millis(START_POLL_MS)).await;
                }
                other => return other,
            }
        }
    };
    let limit = Duration::from_secs(START_SECS_MAX);
    let conn = tokio::time::timeout(limit, starting).await;
    let mut conn = conn.map_err(|_| timed_out("start the restored server", START_SECS_MAX))??;
    fence::refuse_writes(client, &mut conn).await?;
    fence::writable_for_planb(client, &mut conn).await?;
    own::ensure(&mut conn).await
}
