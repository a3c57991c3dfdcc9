//! The audit log beside what it is about: every change of the store is an entry,
//! and the checkpoint after it is written in the same transaction.

mod aside;

pub use aside::{before, begin_again, entries as entries_aside};

use crate::error::{bad_document, from_sqlite};
use crate::{execution, service};
use jiff::Timestamp;
use planb_audit::entry::AUDIT_FORMAT;
use planb_audit::log::{checkpoint, origin};
use planb_audit::{AuditKey, Break, Broken, Checkpoint, Entry, Frontier, Hash, Log, PublicKey};
use planb_audit::{ServiceChange, Signatures, Verified};
use planb_model::execution::{Execution, JournalRecord};
use planb_model::service::ServiceRecord;
use planb_ports::{ErrorKind, PortError, PortResult};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Who signs the audit log, and where its newest checkpoint is kept besides the
/// state.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Signs checkpoints.
    pub key: AuditKey,
    /// A file that gets every newest checkpoint. A state that was cut off or put
    /// back is found by it, best when it is on another disk or machine.
    pub kept: PathBuf,
    /// The key the log was begun with is lost: a log that is signed by another
    /// one is put aside. Without it the key is taken for the wrong one.
    pub key_lost: bool,
}

/// Begins the log of a state without one, or `after` one that was put aside,
/// with what is there already.
pub fn begin(
    connection: &Connection,
    audit: &Audit,
    now: Timestamp,
    after: Option<Break>,
) -> PortResult<()> {
    let mut adopted = Vec::new();
    for record in service::all(connection)? {
        let change = ServiceChange::Registered;
        adopted.push(Entry::Service { change, record });
    }
    for execution in execution::all(connection)? {
        let id = execution.id.clone();
        adopted.push(Entry::Execution { execution });
        for record in execution::journal(connection, &id)? {
            let execution = id.clone();
            adopted.push(Entry::Journal { execution, record });
        }
    }
    let began = Entry::Began {
        format: AUDIT_FORMAT,
        at: now,
        adopted: adopted.len() as u64,
        after: after.map(Box::new),
    };
    write(connection, audit, &began)?;
    adopted
        .iter()
        .try_for_each(|entry| write(connection, audit, entry))
}

/// Writes `entry` and the checkpoint after it. Runs inside the transaction of
/// the change it is about: there is never one without the other.
pub fn write(connection: &Connection, audit: &Audit, entry: &Entry) -> PortResult<()> {
    let text = serde_json::to_string(entry).map_err(bad_document)?;
    let (origin, mut frontier) = match newest(connection)? {
        None => (origin(&text), Frontier::default()),
        Some((frontier, note)) => match Checkpoint::read(&note) {
            Some(read) if read.root == frontier.root() && read.size == frontier.size() => {
                (read.origin, frontier)
            }
            _ => {
                return Err(broken(Broken::Place {
                    number: frontier.size(),
                }));
            }
        },
    };
    frontier.push(Hash::leaf(text.as_bytes()));
    let note = checkpoint(&origin, &frontier, entry.at(), &audit.key);
    let size = i64::try_from(frontier.size()).map_err(bad_document)?;
    connection
        .execute(
            "INSERT INTO audit (size, entry, frontier, checkpoint) VALUES (?1, ?2, ?3, ?4)",
            params![size, text, frontier.to_bytes(), note],
        )
        .map_err(from_sqlite)?;
    Ok(())
}

fn newest(connection: &Connection) -> PortResult<Option<(Frontier, String)>> {
    let row: Option<(i64, Vec<u8>, String)> = connection
        .prepare_cached("SELECT size, frontier, checkpoint FROM audit ORDER BY size DESC LIMIT 1")
        .and_then(|mut statement| {
            statement
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((size, bytes, note)) = row else {
        return Ok(None);
    };
    let size = u64::try_from(size).map_err(bad_document)?;
    let frontier = Frontier::from_bytes(size, &bytes);
    let frontier = frontier.ok_or_else(|| broken(Broken::Place { number: size }))?;
    Ok(Some((frontier, note)))
}

/// The newest checkpoint.
pub fn newest_checkpoint(connection: &Connection) -> PortResult<Option<String>> {
    Ok(newest(connection)?.map(|(_, note)| note))
}

/// The whole log as it is kept.
pub fn read(connection: &Connection) -> PortResult<Log> {
    let mut statement = connection
        .prepare_cached("SELECT size, entry, checkpoint FROM audit ORDER BY size")
        .map_err(from_sqlite)?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .map_err(from_sqlite)?;
    let mut log = Log::default();
    for row in rows {
        let (size, entry, note): (i64, String, String) = row.map_err(from_sqlite)?;
        let number = log.entries.len() as u64 + 1;
        if u64::try_from(size) != Ok(number) {
            return Err(broken(Broken::Place { number }));
        }
        log.entries.push(entry);
        log.checkpoints.push(note);
    }
    Ok(log)
}

/// The same, and that no log before it was broken.
pub fn check_all(
    connection: &Connection,
    key: &PublicKey,
    kept: Option<&str>,
) -> PortResult<(Log, Verified)> {
    let (log, verified) = check(connection, key, kept, Signatures::All)?;
    aside::check(connection, verified.entries.first(), verified.entries.len())?;
    Ok((log, verified))
}

/// Checks the log, that it continues the checkpoint in `kept`, and that the
/// store says what the log says.
pub fn check(
    connection: &Connection,
    key: &PublicKey,
    kept: Option<&str>,
    signatures: Signatures,
) -> PortResult<(Log, Verified)> {
    let log = read(connection)?;
    let verified = log.verify(key, signatures).map_err(broken)?;
    // The checkpoint of the log before stays kept when the new one could not be.
    let known = before(verified.entries.first()).and_then(|found| found.kept.as_deref());
    if let Some(kept) = kept.filter(|kept| known != Some(*kept)) {
        log.continues(kept, key).map_err(broken)?;
    }
    same_as_store(connection, &verified.entries)?;
    Ok((log, verified))
}

/// Whether the tables hold what the entries say: no more, no less.
fn same_as_store(connection: &Connection, entries: &[Entry]) -> PortResult<()> {
    let mut services: BTreeMap<&str, &ServiceRecord> = BTreeMap::new();
    let mut executions: Vec<&Execution> = Vec::new();
    let mut journals: BTreeMap<&str, Vec<&JournalRecord>> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Began { .. } => {}
            Entry::Service { record, .. } => {
                services.insert(record.service.as_str(), record);
            }
            Entry::Execution { execution } => executions.push(execution),
            Entry::Journal { execution, record } => {
                journals.entry(execution.as_str()).or_default().push(record);
            }
        }
    }
    let differs = |what: String| Err(broken(Broken::Store { what }));
    let stored = service::all(connection)?;
    if !stored.iter().eq(services.values().copied()) {
        return differs("a service, its epoch or its active site".to_owned());
    }
    let stored = execution::all(connection)?;
    if !stored.iter().eq(executions) {
        return differs("the list of executions".to_owned());
    }
    if execution::entries(connection)? != journals.values().map(Vec::len).sum::<usize>() {
        return differs("the number of journal entries".to_owned());
    }
    for execution in &stored {
        let id = &execution.id;
        let said = journals.remove(id.as_str()).unwrap_or_default();
        if !execution::journal(connection, id)?.iter().eq(said) {
            return differs(format!("the journal of execution {id}"));
        }
    }
    Ok(())
}

/// The checkpoint in the file `path`; `None` when there is no such file.
pub fn kept(path: &Path) -> PortResult<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(note) => Ok(Some(note)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(PortError::new(
            ErrorKind::Unavailable,
            "PB-AUDIT-CHECKPOINT",
            format!("the kept checkpoint {} cannot be read", path.display()),
        )
        .hint(
            "let the user planb runs as read it; without it an old state that was put back is not noticed",
            "PlanB 실행 계정이 읽을 수 있게 하세요. 이 파일이 없으면 예전 상태로 되돌려진 것을 알 수 없습니다",
        )
        .source(e)),
    }
}

/// Puts the checkpoint of a broken log beside the place of the next one's.
pub fn keep_aside(path: &Path, log: i64, note: &str) -> std::io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".broken-{log}"));
    keep(Path::new(&aside), note)
}

/// Keeps `note` in the file `path`, as a whole and durably.
pub fn keep(path: &Path, note: &str) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    std::fs::File::open(directory)?.sync_all()
}

/// What a broken log means to a caller.
pub fn broken(why: Broken) -> PortError {
    let (code, en, ko) = match why {
        Broken::Signature { .. } => (
            "PB-AUDIT-SIGNATURE",
            "use the key the log was begun with; if that is lost, `planb up --audit-key-lost` begins a new log that says so; if it is the right one, somebody else signed: keep the state and find out who",
            "로그를 시작할 때 쓴 키를 지정하세요. 그 키를 잃어버렸다면 `planb up --audit-key-lost`가 그 사실을 기록하고 새 로그를 시작합니다. 키가 맞다면 다른 누군가가 서명한 것이므로 상태를 보존하고 원인을 조사하세요",
        ),
        Broken::Kept => (
            "PB-AUDIT-CHECKPOINT",
            "find out who changed the kept checkpoint; the log itself is signed by this key",
            "보관된 체크포인트를 누가 변경했는지 조사하세요. 로그 자체는 이 키로 서명되어 있습니다",
        ),
        Broken::RolledBack { .. } | Broken::Forked { .. } => (
            "PB-AUDIT-ROLLED-BACK",
            "put the newest state back; if it is lost, `planb up` starts with this one, begins a new log that says so, and asks for an approval of every failover",
            "최신 상태를 되돌려 놓으세요. 없어졌다면 `planb up`이 이 상태로 시작하며, 그 사실을 새 로그에 기록하고 모든 페일오버에 승인을 요청합니다",
        ),
        _ => (
            "PB-AUDIT-BROKEN",
            "somebody changed the state, or its disk did: copy the state directory for the auditor; `planb audit show --aside N` prints what was put aside. `planb up` goes on with it, with an approval for every failover, until a new state directory is begun",
            "누군가 상태를 변경했거나 디스크가 손상되었습니다. 감사용으로 상태 디렉터리를 복사해 두세요. 따로 보존된 로그는 `planb audit show --aside N`으로 출력합니다. 새 상태 디렉터리로 시작할 때까지 `planb up`은 모든 페일오버에 승인을 요청하며 계속 동작합니다",
        ),
    };
    PortError::new(ErrorKind::Corrupt, code, why.to_string()).hint(en, ko)
}

/// The state has no audit log: an older planb wrote it.
pub fn none() -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-AUDIT-NONE",
        "the state was written by an older planb and has no audit log",
    )
    .hint(
        "run `planb up` once with this version; it begins the log with what is there",
        "이 버전의 `planb up`을 한 번 실행하세요. 현재 내용으로 로그를 시작합니다",
    )
}
