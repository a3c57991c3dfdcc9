//! Executions and their journals.

use crate::audit::{self, Audit};
use crate::error::{bad_document, corrupt, from_sqlite};
use planb_audit::Entry;
use planb_model::execution::{Execution, JournalEntry, JournalRecord};
use planb_model::{ExecutionId, ServiceName};
use planb_ports::{ErrorKind, PortError, PortResult};
use rusqlite::{Connection, OptionalExtension, params};

/// Opens `execution`.
pub fn open(connection: &Connection, audit: &Audit, execution: &Execution) -> PortResult<()> {
    if find(connection, &execution.id)?.is_some() {
        return Err(PortError::new(
            ErrorKind::AlreadyExists,
            "PB-STATE-EXECUTION-EXISTS",
            format!("execution {} exists already", execution.id),
        ));
    }
    let service = &execution.runbook.service;
    let running: Option<String> = connection
        .query_row(
            "SELECT id FROM execution WHERE service = ?1 AND finished = 0",
            [service.as_str()],
            |row| row.get(0),
        )
        .optional()
        .map_err(from_sqlite)?;
    if let Some(running) = running {
        return Err(PortError::new(
            ErrorKind::Conflict,
            "PB-STATE-EXECUTION-RUNNING",
            format!("execution {running} of service {service} has not finished"),
        )
        .hint(
            format!("look at it with `planb history {running}`; resume or cancel it first"),
            format!("`planb history {running}`으로 확인한 뒤 먼저 재개하거나 취소하세요"),
        ));
    }
    let document = serde_json::to_string(execution).map_err(bad_document)?;
    connection
        .execute(
            "INSERT INTO execution (id, service, document) VALUES (?1, ?2, ?3)",
            params![execution.id.as_str(), service.as_str(), document],
        )
        .map_err(from_sqlite)?;
    let execution = execution.clone();
    audit::write(connection, audit, &Entry::Execution { execution })
}

/// Every execution, oldest first.
pub fn all(connection: &Connection) -> PortResult<Vec<Execution>> {
    documents(
        connection,
        "SELECT document FROM execution ORDER BY place",
        [],
    )
}

/// Number of journal entries of all executions.
pub fn entries(connection: &Connection) -> PortResult<usize> {
    let count: i64 = connection
        .query_row("SELECT count(*) FROM journal", [], |row| row.get(0))
        .map_err(from_sqlite)?;
    usize::try_from(count).map_err(bad_document)
}

/// One execution.
pub fn get(connection: &Connection, id: &ExecutionId) -> PortResult<Execution> {
    find(connection, id)?.ok_or_else(|| not_found(id))
}

/// The newest executions of `service`, newest first.
pub fn newest(
    connection: &Connection,
    service: &ServiceName,
    limit: usize,
) -> PortResult<Vec<Execution>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    documents(
        connection,
        "SELECT document FROM execution WHERE service = ?1 ORDER BY place DESC LIMIT ?2",
        params![service.as_str(), limit],
    )
}

/// Executions without a `Finished` entry, oldest first.
pub fn unfinished(connection: &Connection) -> PortResult<Vec<Execution>> {
    documents(
        connection,
        "SELECT document FROM execution WHERE finished = 0 ORDER BY place",
        [],
    )
}

/// Appends `record` when its place is the next one.
pub fn append(
    connection: &Connection,
    audit: &Audit,
    id: &ExecutionId,
    record: JournalRecord,
) -> PortResult<JournalRecord> {
    get(connection, id)?;
    let last: i64 = connection
        .query_row(
            "SELECT coalesce(max(seq), 0) FROM journal WHERE execution = ?1",
            [id.as_str()],
            |row| row.get(0),
        )
        .map_err(from_sqlite)?;
    let next = last + 1;
    if u64::try_from(next) != Ok(record.seq) {
        return Err(PortError::new(
            ErrorKind::Conflict,
            "PB-STATE-JOURNAL-PLACE",
            format!(
                "the next entry of execution {id} is number {next}, not {}",
                record.seq
            ),
        )
        .hint(
            "another process writes this journal; read it again",
            "다른 프로세스가 이 저널을 기록하고 있습니다. 다시 읽은 뒤 진행하세요",
        ));
    }
    let entry = serde_json::to_string(&record.entry).map_err(bad_document)?;
    connection
        .execute(
            "INSERT INTO journal (execution, seq, at, entry) VALUES (?1, ?2, ?3, ?4)",
            params![id.as_str(), next, record.at.to_string(), entry],
        )
        .map_err(from_sqlite)?;
    if matches!(record.entry, JournalEntry::Finished { .. }) {
        connection
            .execute(
                "UPDATE execution SET finished = 1 WHERE id = ?1",
                [id.as_str()],
            )
            .map_err(from_sqlite)?;
    }
    let said = Entry::Journal {
        execution: id.clone(),
        record: record.clone(),
    };
    audit::write(connection, audit, &said)?;
    Ok(record)
}

/// A whole journal, in order. A gap means that the file is damaged.
pub fn journal(connection: &Connection, id: &ExecutionId) -> PortResult<Vec<JournalRecord>> {
    get(connection, id)?;
    let mut statement = connection
        .prepare_cached("SELECT seq, at, entry FROM journal WHERE execution = ?1 ORDER BY seq")
        .map_err(from_sqlite)?;
    let rows = statement
        .query_map([id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .map_err(from_sqlite)?;
    let mut records = Vec::new();
    for row in rows {
        let (seq, at, entry): (i64, String, String) = row.map_err(from_sqlite)?;
        let seq = u64::try_from(seq).map_err(bad_document)?;
        if seq != records.len() as u64 + 1 {
            return Err(corrupt("a journal has a gap"));
        }
        records.push(JournalRecord {
            seq,
            at: at.parse().map_err(bad_document)?,
            entry: serde_json::from_str(&entry).map_err(bad_document)?,
        });
    }
    Ok(records)
}

fn find(connection: &Connection, id: &ExecutionId) -> PortResult<Option<Execution>> {
    let found = documents(
        connection,
        "SELECT document FROM execution WHERE id = ?1",
        [id.as_str()],
    )?;
    Ok(found.into_iter().next())
}

fn documents(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> PortResult<Vec<Execution>> {
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let rows = statement
        .query_map(parameters, |row| row.get::<_, String>(0))
        .map_err(from_sqlite)?;
    let mut executions = Vec::new();
    for row in rows {
        let document = row.map_err(from_sqlite)?;
        executions.push(serde_json::from_str(&document).map_err(bad_document)?);
    }
    Ok(executions)
}

fn not_found(id: &ExecutionId) -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-STATE-NO-EXECUTION",
        format!("there is no execution {id}"),
    )
    .hint(
        "`planb history` lists them",
        "`planb history`로 목록을 확인하세요",
    )
}
