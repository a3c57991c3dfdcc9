//! Service records and their epochs.

use crate::audit::{self, Audit};
use crate::error::{bad_document, corrupt, from_sqlite};
use jiff::Timestamp;
use planb_audit::{Entry, ServiceChange};
use planb_model::service::ServiceRecord;
use planb_model::{Epoch, ExecutionId, ServiceName, SiteName};
use planb_ports::{ErrorKind, PortError, PortResult};
use rusqlite::{Connection, OptionalExtension, params};

/// The record of `service`.
pub fn get(connection: &Connection, service: &ServiceName) -> PortResult<ServiceRecord> {
    find(connection, service)?.ok_or_else(|| {
        PortError::new(
            ErrorKind::NotFound,
            "PB-STATE-NO-SERVICE",
            format!("service {service} is not registered"),
        )
        .hint(
            "run `planb up` with the service's plan once",
            "해당 서비스의 계획 파일로 `planb up`을 먼저 실행하세요",
        )
    })
}

/// Registers `service` when it is not registered.
pub fn register(
    connection: &Connection,
    audit: &Audit,
    service: &ServiceName,
    active: &SiteName,
    now: Timestamp,
) -> PortResult<ServiceRecord> {
    let added = connection
        .execute(
            "INSERT INTO service (name, epoch, active, active_epoch, claimed_by, updated_at)
             VALUES (?1, ?2, ?3, ?2, NULL, ?4) ON CONFLICT (name) DO NOTHING",
            params![
                service.as_str(),
                to_sql(Epoch::FIRST)?,
                active.as_str(),
                now.to_string()
            ],
        )
        .map_err(from_sqlite)?;
    if added == 0 {
        return get(connection, service);
    }
    changed(connection, audit, service, ServiceChange::Registered)
}

/// Writes the record after a change into the audit log.
fn changed(
    connection: &Connection,
    audit: &Audit,
    service: &ServiceName,
    change: ServiceChange,
) -> PortResult<ServiceRecord> {
    let record = get(connection, service)?;
    let entry = Entry::Service {
        change,
        record: record.clone(),
    };
    audit::write(connection, audit, &entry)?;
    Ok(record)
}

/// Takes the epoch after `based_on`. Runs inside the caller's transaction, so
/// that nobody comes between the comparison and the change.
pub fn claim(
    connection: &Connection,
    audit: &Audit,
    service: &ServiceName,
    based_on: Epoch,
    execution: &ExecutionId,
    now: Timestamp,
) -> PortResult<Epoch> {
    let record = get(connection, service)?;
    let next = based_on.next();
    if record.epoch == next && record.claimed_by.as_ref() == Some(execution) {
        return Ok(next);
    }
    if record.epoch > based_on {
        return Err(PortError::fenced(
            record.epoch,
            format!("service {service}"),
            next,
        ));
    }
    if record.epoch < based_on {
        return Err(never_claimed(service, based_on, record.epoch));
    }
    connection
        .execute(
            "UPDATE service SET epoch = ?2, claimed_by = ?3, updated_at = ?4 WHERE name = ?1",
            params![
                service.as_str(),
                to_sql(next)?,
                execution.as_str(),
                now.to_string()
            ],
        )
        .map_err(from_sqlite)?;
    changed(connection, audit, service, ServiceChange::Claimed)?;
    Ok(next)
}

/// Sets the site that takes writes, under `epoch`.
pub fn activate(
    connection: &Connection,
    audit: &Audit,
    service: &ServiceName,
    site: &SiteName,
    epoch: Epoch,
    now: Timestamp,
) -> PortResult<ServiceRecord> {
    let record = get(connection, service)?;
    if record.epoch > epoch {
        return Err(PortError::fenced(
            record.epoch,
            format!("service {service}"),
            epoch,
        ));
    }
    if record.epoch < epoch {
        return Err(never_claimed(service, epoch, record.epoch));
    }
    connection
        .execute(
            "UPDATE service SET active = ?2, active_epoch = ?3, updated_at = ?4 WHERE name = ?1",
            params![
                service.as_str(),
                site.as_str(),
                to_sql(epoch)?,
                now.to_string()
            ],
        )
        .map_err(from_sqlite)?;
    changed(connection, audit, service, ServiceChange::Activated)
}

/// Every record, by name.
pub fn all(connection: &Connection) -> PortResult<Vec<ServiceRecord>> {
    let names: Vec<String> = connection
        .prepare_cached("SELECT name FROM service ORDER BY name")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(from_sqlite)?;
    let named = |name: String| get(connection, &ServiceName::new(name).map_err(bad_document)?);
    names.into_iter().map(named).collect()
}

fn never_claimed(service: &ServiceName, epoch: Epoch, stored: Epoch) -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-STATE-EPOCH-AHEAD",
        format!(
            "epoch {epoch} of service {service} was never claimed here, the state is at {stored}"
        ),
    )
    .hint(
        "the state is older than the caller knows; do not restore an old state over a newer one",
        "상태가 호출자가 아는 것보다 오래되었습니다. 이전 상태를 최신 상태 위에 복원하지 마세요",
    )
}

fn find(connection: &Connection, service: &ServiceName) -> PortResult<Option<ServiceRecord>> {
    type Row = (i64, String, i64, Option<String>, String);
    let row: Option<Row> = connection
        .prepare_cached(
            "SELECT epoch, active, active_epoch, claimed_by, updated_at FROM service WHERE name = ?1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([service.as_str()], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
                })
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((epoch, active, active_epoch, claimed_by, updated_at)) = row else {
        return Ok(None);
    };
    Ok(Some(ServiceRecord {
        service: service.clone(),
        epoch: from_sql(epoch)?,
        active: SiteName::new(active).map_err(bad_document)?,
        active_epoch: from_sql(active_epoch)?,
        claimed_by: claimed_by
            .map(ExecutionId::new)
            .transpose()
            .map_err(bad_document)?,
        updated_at: updated_at.parse().map_err(bad_document)?,
    }))
}

fn to_sql(epoch: Epoch) -> PortResult<i64> {
    i64::try_from(epoch.0).map_err(|e| {
        PortError::new(
            ErrorKind::Invalid,
            "PB-STATE-EPOCH-RANGE",
            format!("epoch {epoch} is too large"),
        )
        .source(e)
    })
}

fn from_sql(epoch: i64) -> PortResult<Epoch> {
    u64::try_from(epoch)
        .map(Epoch)
        .map_err(|_| corrupt("an epoch is negative"))
}
