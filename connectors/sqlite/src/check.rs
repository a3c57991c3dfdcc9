//! Everything protection and restore need, looked at one by one.

use crate::config::{Paths, WAL_BYTES_MAX};
use crate::connect::{self, FileId};
use crate::sidecar::Sidecar;
use nix::sys::statvfs::statvfs;
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_ports::database::DatabaseRole;
use planb_ports::{ErrorKind, PortError, PortResult};
use rusqlite::Connection;

/// Room a source needs beside itself, in its own sizes: the copy of a snapshot.
const SOURCE_ROOM_FACTOR: u64 = 1;

/// Room a target needs beside itself, in its own sizes: the incoming copy; what
/// was there before is kept by a rename.
const TARGET_ROOM_FACTOR: u64 = 1;

/// Looks at everything for `role`.
pub fn look(paths: &Paths, role: DatabaseRole) -> Vec<Finding> {
    let subject = format!("sqlite {}", paths.database.display());
    let mut findings = vec![directory(paths, &subject), space(paths, role, &subject)];
    match (role, Sidecar::read(paths)) {
        (_, Err(error)) => findings.push(failed(&subject, &error)),
        (_, Ok(Some(_))) => findings.push(Finding::ok(
            "PB-SQLITE-COPY",
            &subject,
            Text::new("it is a restored copy", "복원된 사본입니다"),
        )),
        (DatabaseRole::Target, Ok(None)) if !paths.database.exists() => {}
        (_, Ok(None)) => live(paths, role, &subject, &mut findings),
    }
    findings
}

fn live(paths: &Paths, role: DatabaseRole, subject: &str, findings: &mut Vec<Finding>) {
    let connection = match connect::live(paths) {
        Ok(connection) => connection,
        Err(error) => return findings.push(failed(subject, &error)),
    };
    if role == DatabaseRole::Source {
        findings.push(
            journal_mode(&connection, subject).unwrap_or_else(|error| failed(subject, &error)),
        );
    }
    findings.push(writable(&connection, subject).unwrap_or_else(|error| failed(subject, &error)));
}

fn journal_mode(connection: &Connection, subject: &str) -> PortResult<Finding> {
    let mode = connect::journal_mode(connection)?;
    if mode != "wal" {
        let error = crate::error::not_wal(&mode);
        return Ok(failed(subject, &error));
    }
    let size: u32 = connection
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .map_err(crate::error::from_sqlite)?;
    let version = rusqlite::version();
    Ok(Finding::ok(
        "PB-SQLITE-NOT-WAL",
        subject,
        Text::new(
            format!("write-ahead log, pages of {size} bytes, read with SQLite {version}"),
            format!("WAL 모드, 페이지 크기 {size}바이트, SQLite {version} 사용"),
        ),
    ))
}

/// Takes the write lock and gives it back; writes nothing.
fn writable(connection: &Connection, subject: &str) -> PortResult<Finding> {
    connection
        .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
        .map_err(crate::error::from_sqlite)?;
    let read_only = connection
        .is_readonly("main")
        .map_err(crate::error::from_sqlite)?;
    if read_only {
        return Err(PortError::new(
            ErrorKind::PermissionDenied,
            "PB-SQLITE-PERMISSION",
            "the database file may only be read",
        ));
    }
    Ok(Finding::ok(
        "PB-SQLITE-PERMISSION",
        subject,
        Text::new("it can be read and written", "읽기와 쓰기가 가능합니다"),
    ))
}

fn directory(paths: &Paths, subject: &str) -> Finding {
    match FileId::of(paths.directory()) {
        Ok(_) => Finding::ok(
            "PB-SQLITE-MISSING",
            subject,
            Text::new("its directory is there", "디렉터리가 있습니다"),
        ),
        Err(error) => failed(subject, &error),
    }
}

fn space(paths: &Paths, role: DatabaseRole, subject: &str) -> Finding {
    let code = "PB-SQLITE-NO-SPACE";
    let free = match statvfs(paths.directory()) {
        Ok(facts) => facts.blocks_available() * facts.fragment_size(),
        Err(error) => {
            return Finding::failed(
                code,
                Severity::Unknown,
                subject,
                Text::new(
                    format!("the free space cannot be asked for: {error}"),
                    format!("여유 공간을 확인할 수 없습니다: {error}"),
                ),
                Text::new("look at the file system", "파일 시스템을 확인하세요"),
            );
        }
    };
    let size = std::fs::metadata(&paths.database).map_or(0, |facts| facts.len());
    let factor = match role {
        DatabaseRole::Source => SOURCE_ROOM_FACTOR,
        DatabaseRole::Target => TARGET_ROOM_FACTOR,
    };
    let needed = size * factor + WAL_BYTES_MAX;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    if free >= needed {
        return Finding::ok(
            code,
            subject,
            Text::new(
                format!("{} MiB are free", mib(free)),
                format!("여유 공간 {} MiB", mib(free)),
            ),
        );
    }
    Finding::failed(
        code,
        Severity::Error,
        subject,
        Text::new(
            format!("{} MiB are free, {} are needed", mib(free), mib(needed)),
            format!("여유 공간 {} MiB, 필요 공간 {} MiB", mib(free), mib(needed)),
        ),
        Text::new(
            "free space on the file system of the database",
            "데이터베이스가 있는 파일 시스템의 공간을 확보하세요",
        ),
    )
}

/// An error as a finding. What could not be reached is not known to be wrong.
pub fn failed(subject: &str, error: &PortError) -> Finding {
    let severity = match error.kind() {
        ErrorKind::Timeout => Severity::Unknown,
        _ => Severity::Error,
    };
    let fix = error.hint_text().cloned().unwrap_or_else(|| {
        Text::new(
            "look at the database file and its directory",
            "데이터베이스 파일과 디렉터리를 확인하세요",
        )
    });
    let reason = Text::new(error.chain(), korean(error));
    Finding::failed(error.code(), severity, subject, reason, fix)
}

fn korean(error: &PortError) -> String {
    let what = match error.code() {
        "PB-SQLITE-MISSING" => "파일이나 디렉터리가 없습니다",
        "PB-SQLITE-NOT-WAL" => "WAL 모드가 아니어서 로그를 전송할 수 없습니다",
        "PB-SQLITE-BUSY" => "다른 프로세스가 데이터베이스를 잠그고 있습니다",
        "PB-SQLITE-PERMISSION" => "데이터베이스나 디렉터리에 쓸 수 없습니다",
        "PB-SQLITE-CORRUPT" => "온전한 SQLite 데이터베이스가 아닙니다",
        "PB-SQLITE-SIDECAR" => "복원 정보 파일을 읽을 수 없습니다",
        _ => "데이터베이스를 확인할 수 없습니다",
    };
    format!("{what} ({})", error.code())
}
