//! Starting and stopping the server of a copy, and waiting for what it replays.
//!
//! The copy is a standby: in recovery, read-only by nature, fed by files that
//! PlanB writes into its `pg_wal`. It is started with PostgreSQL's own `pg_ctl`
//! as the owner of the data directory, because PostgreSQL refuses root.

use super::control::Control;
use super::notes::{Copy, Notes, STANDBY_SIGNAL, data_dir, folder};
use super::owner::Owner;
use crate::client::{Client, bounded};
use crate::error::{self, invalid, protocol};
use crate::lsn::{Lsn, Stream};
use crate::own;
use crate::wire::Wire;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use planb_ports::{ErrorKind, PortError, PortResult, Until};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How long `pg_ctl` may take to start or stop the server.
const CONTROL_SECS_MAX: u64 = 120;
/// How long a copy may take to become consistent: it reads the log that was
/// written while the snapshot was.
const RECOVERY_SECS_MAX: u64 = 4 * 3600;
/// The server looks for new log this often.
const RETRY_INTERVAL: &str = "20ms";
/// Pause between two looks at the server.
const LOOK_PAUSE_MS: u64 = 20;
/// How long the end of recovery may take once everything is replayed.
const PROMOTE_SECS_MAX: u64 = 60;
/// A server that replays nothing for so long is stuck.
const STALLED_SECS_MAX: u64 = 120;
/// How much of the end of the server's log an error shows.
const LOG_TAIL_BYTES: usize = 1_500;

/// What the server of a copy is told when it is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Settings for the point to stop at, one a line.
    pub until: Option<String>,
    /// The timeline to go over to; that of the snapshot otherwise.
    pub timeline: Option<u32>,
}

impl Told {
    /// What it was told last.
    pub fn noted(client: &Client) -> PortResult<Self> {
        let copy = Notes::read(&client.config)?.and_then(|notes| notes.copy);
        Ok(match copy {
            Some(Copy::At {
                until, timeline, ..
            }) => Self { until, timeline },
            _ => Self::default(),
        })
    }
}

/// A connection to the copy's server, which is started when it does not run.
pub(crate) async fn standby(client: &Client) -> PortResult<Wire> {
    if !is_running(&data_dir(&client.config)?) {
        start(client, &Told::noted(client)?).await?;
    }
    let wire = connect(client).await?;
    Ok(wire)
}

/// Ends recovery when everything up to the applied mark is replayed.
pub(crate) async fn promote(client: &Client, wire: &mut Wire) -> PortResult<()> {
    let copy = Notes::read(&client.config)?.and_then(|notes| notes.copy);
    if let Some(Copy::At {
        mark,
        until,
        timeline,
    }) = copy
    {
        let (_, lsn) = Stream::parse(&mark.position)?;
        if until.is_some() && !is_paused(wire).await? {
            // A server that was told to stop somewhere refuses to end before.
            let until = None;
            *wire = restart(client, &Told { until, timeline }).await?;
        }
        wait_replayed(wire, lsn).await?;
    }
    let sql = format!("SELECT pg_promote(true, {PROMOTE_SECS_MAX})");
    wire.run("end the recovery", &sql).await?;
    if own::in_recovery(wire).await? {
        return Err(error::timed_out("end the recovery", PROMOTE_SECS_MAX));
    }
    Ok(())
}

/// Waits until the server has replayed everything before `lsn`, or stands
/// still at the point it was told to stop at; whether it does.
pub(crate) async fn wait_replayed(wire: &mut Wire, lsn: Lsn) -> PortResult<bool> {
    let mut last = Lsn(0);
    let mut moved = Instant::now();
    loop {
        let at = replayed(wire).await?;
        if at >= lsn {
            return Ok(false);
        }
        if is_paused(wire).await? {
            return Ok(true);
        }
        if at > last {
            (last, moved) = (at, Instant::now());
        } else if moved.elapsed() > Duration::from_secs(STALLED_SECS_MAX) {
            return Err(error::timed_out(
                &format!("replay the log from {at} to {lsn}"),
                STALLED_SECS_MAX,
            ));
        }
        tokio::time::sleep(Duration::from_millis(LOOK_PAUSE_MS)).await;
    }
}

/// How far the server has replayed.
pub(crate) async fn replayed(wire: &mut Wire) -> PortResult<Lsn> {
    let sql = "SELECT pg_last_wal_replay_lsn()";
    let at = wire.first("ask how far the log is replayed", sql).await?;
    at.and_then(|text| text.parse().ok())
        .ok_or_else(|| protocol("the server does not say how far it has replayed"))
}

async fn is_paused(wire: &mut Wire) -> PortResult<bool> {
    let sql = "SELECT pg_get_wal_replay_pause_state() = 'paused'";
    let paused = wire.first("ask whether the recovery stands", sql).await?;
    Ok(paused.as_deref() == Some("t"))
}

/// Starts it anew with something else told.
pub(crate) async fn restart(client: &Client, told: &Told) -> PortResult<Wire> {
    stop(client).await?;
    start(client, told).await?;
    connect(client).await
}

/// Starts the server of the copy.
pub(crate) async fn start(client: &Client, told: &Told) -> PortResult<()> {
    let config = &client.config;
    let data = data_dir(config)?;
    let control = Control::read(client, &data).await?;
    let mut settings = vec![
        format!("port={}", config.port),
        format!("listen_addresses={}", config.host),
        "unix_socket_directories=".into(),
        "hot_standby=on".into(),
        // The copy must not write into the source's archive, nor follow anybody.
        "archive_mode=off".into(),
        "restore_command=".into(),
        "primary_conninfo=".into(),
        "primary_slot_name=".into(),
        match told.timeline {
            Some(timeline) => format!("recovery_target_timeline={timeline}"),
            None => "recovery_target_timeline=current".into(),
        },
        format!("wal_retrieve_retry_interval={RETRY_INTERVAL}"),
        // Files of the log are PlanB's to name.
        "wal_recycle=off".into(),
        // Nobody's query is ended by the replay; the replay waits.
        "max_standby_streaming_delay=-1".into(),
        "max_standby_archive_delay=-1".into(),
    ];
    settings.extend(control.settings());
    if let Some(until) = &told.until {
        settings.extend(until.split('\n').map(str::to_owned));
        settings.push("recovery_target_action=pause".into());
    }
    if let Some(file) = debian_config(&data) {
        settings.push(format!("config_file={file}"));
    }
    let options: Vec<String> = settings
        .iter()
        .map(|s| format!("-c {}", quoted(s)))
        .collect();
    let log = folder(config).unwrap_or_default().join("server.log");
    let mut command = control_command(client, &data)?;
    command.arg("start").arg("--log").arg(&log);
    command.arg("--options").arg(options.join(" "));
    run_control(command, "start PostgreSQL", &log).await
}

/// Stops the server of the data directory, if it runs.
pub(crate) async fn stop(client: &Client) -> PortResult<()> {
    let data = data_dir(&client.config)?;
    if !is_running(&data) {
        return Ok(());
    }
    let mut command = control_command(client, &data)?;
    command.args(["stop", "--mode=fast"]);
    run_control(command, "stop PostgreSQL", Path::new("")).await
}

/// A server that does not run is made to start as a standby, so that whoever
/// starts it gets one that takes no writes. Whether that is how it stands.
pub(crate) fn stand_still(client: &Client) -> PortResult<bool> {
    if client.config.target.is_none() {
        return Ok(false);
    }
    let data = data_dir(&client.config)?;
    if is_running(&data) || !data.join("PG_VERSION").is_file() {
        return Ok(false);
    }
    let signal = data.join(STANDBY_SIGNAL);
    let write = || {
        std::fs::File::create(&signal)?.sync_all()?;
        std::fs::File::open(&data)?.sync_all()
    };
    write().map_err(|e| error::file(&signal, e))?;
    Owner::of(&data)?
        .owns(&signal)
        .map_err(|e| error::file(&signal, e))?;
    // Somebody may have started it before the file was there.
    Ok(!is_running(&data))
}

/// Whether there is a place for a data directory, and nothing in it.
pub(crate) fn is_vacant(client: &Client) -> bool {
    let Ok(data) = data_dir(&client.config) else {
        return false;
    };
    match std::fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Whether a server runs on the data directory.
pub(crate) fn is_running(data: &Path) -> bool {
    let pid = std::fs::read_to_string(data.join("postmaster.pid"));
    let pid = pid
        .ok()
        .and_then(|text| text.lines().next()?.trim().parse().ok());
    let Some(pid) = pid.map(Pid::from_raw) else {
        return false;
    };
    // Not allowed to signal it means that it is there.
    !matches!(kill(pid, None), Err(nix::errno::Errno::ESRCH))
}

fn control_command(client: &Client, data: &Path) -> PortResult<Command> {
    let mut command = std::process::Command::new(client.program("pg_ctl")?);
    Owner::of(data)?.runs(&mut command);
    command
        .arg("--pgdata")
        .arg(data)
        .args(["--wait", "--silent"])
        .arg(format!("--timeout={CONTROL_SECS_MAX}"))
        .current_dir(data)
        .env_remove("PGPASSWORD")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    Ok(Command::from(command))
}

async fn run_control(mut command: Command, what: &str, log: &Path) -> PortResult<()> {
    // Not a pipe: the server inherits it and would keep it open.
    command.stderr(std::process::Stdio::null());
    let failed = |e| {
        PortError::new(
            ErrorKind::Internal,
            "PB-POSTGRES-CONTROL",
            format!("cannot {what}"),
        )
        .source(e)
    };
    let status = async { command.status().await.map_err(failed) };
    let status = bounded(what, CONTROL_SECS_MAX + 10, status).await?;
    if status.success() {
        return Ok(());
    }
    Err(start_error(what, &tail(log)))
}

fn start_error(what: &str, tail: &str) -> PortError {
    if tail.contains("before consistent recovery point") {
        return invalid("the asked point is before the end of the snapshot").hint(
            "restore from an older snapshot",
            "더 오래된 스냅샷에서 복원하세요",
        );
    }
    PortError::new(
        ErrorKind::Internal,
        "PB-POSTGRES-CONTROL",
        format!("cannot {what}: {tail}"),
    )
    .hint(
        "the server's own words are above and in <data-dir>.planb/server.log",
        "서버가 남긴 메시지를 위와 <data-dir>.planb/server.log에서 확인하세요",
    )
}

/// The end of the server's log, on one line.
fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let from = text.len().saturating_sub(LOG_TAIL_BYTES);
    let text = String::from_utf8_lossy(&text[from..]).into_owned();
    text.trim().replace('\n', " | ")
}

/// Connects as soon as the copy is consistent.
async fn connect(client: &Client) -> PortResult<Wire> {
    let data = data_dir(&client.config)?;
    let log = folder(&client.config)
        .unwrap_or_default()
        .join("server.log");
    let started = Instant::now();
    loop {
        match client.anywhere().await {
            Ok(wire) => return Ok(wire),
            Err(error) if error.kind() != ErrorKind::Unavailable => return Err(error),
            Err(_) if !is_running(&data) => {
                return Err(start_error("replay the log", &tail(&log)));
            }
            Err(error) if started.elapsed() > Duration::from_secs(RECOVERY_SECS_MAX) => {
                return Err(error);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(LOOK_PAUSE_MS)).await,
        }
    }
}

/// The settings for a point to stop at, one a line.
pub(crate) fn until_settings(until: &Until) -> PortResult<String> {
    match until {
        Until::Time(time) => Ok(format!(
            "recovery_target_time={}+00",
            time.strftime("%Y-%m-%d %H:%M:%S%.6f")
        )),
        Until::Position(text) => {
            let lsn: Lsn = text.trim().parse().map_err(|()| {
                invalid(format!("'{text}' is not a place in PostgreSQL's log")).hint(
                    "write an LSN such as 0/3000148, as pg_current_wal_lsn() prints it",
                    "pg_current_wal_lsn()이 출력하는 형식의 LSN(예: 0/3000148)을 적으세요",
                )
            })?;
            // A place between two records: what begins there is not wanted.
            Ok(format!(
                "recovery_target_lsn={lsn}\nrecovery_target_inclusive=off"
            ))
        }
    }
}

/// Debian keeps a cluster's configuration outside of its data directory.
fn debian_config(data: &Path) -> Option<String> {
    let cluster = data.strip_prefix("/var/lib/postgresql").ok()?;
    let file = Path::new("/etc/postgresql")
        .join(cluster)
        .join("postgresql.conf");
    file.is_file().then(|| file.display().to_string())
}

/// For the shell `pg_ctl` starts the server by.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_to_stop_at_are_the_servers_settings() {
        let time = "2026-01-31T01:02:03.456789Z".parse().expect("time");
        assert_eq!(
            until_settings(&Until::Time(time)).expect("good"),
            "recovery_target_time=2026-01-31 01:02:03.456789+00"
        );
        let position = |text: &str| until_settings(&Until::Position(text.into()));
        assert_eq!(
            position("1/3000148").expect("good"),
            "recovery_target_lsn=1/3000148\nrecovery_target_inclusive=off"
        );
        assert_eq!(
            position("0-1-42").expect_err("a GTID").kind(),
            ErrorKind::Invalid
        );
    }

    #[test]
    fn a_setting_cannot_break_out_of_the_shells_quotes() {
        assert_eq!(quoted("a'b; rm"), r"'a'\''b; rm'");
    }
}
