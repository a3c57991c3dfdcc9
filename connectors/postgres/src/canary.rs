//! Canaries: written at the source, read at the target.
//!
//! The mark is a `text` of 70 bytes in a table whose column is stored plainly, so
//! it stands as it is in the insert's WAL record. Two kinds of marks are not
//! found: one that lies across a boundary of WAL pages, and, with
//! `wal_compression`, the first one after a checkpoint, which is inside a
//! compressed page. The next one is.

use crate::client::{Client, literal};
use crate::{fence, own};
use planb_model::{Canary, ServiceName};
use planb_ports::{ErrorKind, PortError, PortResult};

/// Commits `canary` as the only one of `service`.
///
/// PlanB's account may write to a fenced server, so the fence is asked here: an
/// old primary's canaries would count as fresh writes.
pub(crate) async fn write(
    client: &Client,
    service: &ServiceName,
    canary: &Canary,
) -> PortResult<()> {
    let mut wire = match own::open(client).await? {
        Some(wire) => wire,
        None => own::ensure(client).await?,
    };
    let state = fence::row(&mut wire, service).await?;
    if let Some(current) = state
        && current > canary.epoch
    {
        let subject = client.config.subject();
        return Err(PortError::fenced(current, subject, canary.epoch));
    }
    if own::in_recovery(&mut wire).await? || fence::is_closed(&mut wire).await? {
        return Err(PortError::new(
            ErrorKind::Unavailable,
            "PB-POSTGRES-SOURCE-READ-ONLY",
            format!("{} takes no writes", client.config.subject()),
        )
        .hint(
            "the active site's server must take writes; it is a standby, or somebody fenced it",
            "활성 사이트의 서버는 쓰기가 가능해야 합니다. 대기 서버이거나 펜싱된 서버입니다",
        ));
    }
    // Deleted and inserted: an update would log only the bytes that differ.
    let sql = format!(
        "BEGIN; DELETE FROM public.canary WHERE service = {0}; \
         INSERT INTO public.canary (service, mark) VALUES ({0}, {1}); COMMIT",
        literal(service.as_str()),
        literal(&canary.encode())
    );
    wire.run("write a canary", &sql).await
}

/// The canary of `service`, if there is one and it is whole.
pub(crate) async fn read(client: &Client, service: &ServiceName) -> PortResult<Option<Canary>> {
    let Some(mut wire) = own::open(client).await? else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT mark FROM public.canary WHERE service = {}",
        literal(service.as_str())
    );
    let mark = wire.first("read the canary", &sql).await?;
    Ok(mark.and_then(|mark| Canary::decode(mark.as_bytes())))
}
