//! Canaries: written at the source, read at the target.

use crate::client::{Client, first, literal, run};
use crate::{fence, own};
use planb_model::{Canary, ServiceName};
use planb_ports::{ErrorKind, PortError, PortResult};

/// Commits `canary` as the only one of `service`.
///
/// PlanB's account may write to a read-only server, so the fence is asked
/// here: an old primary's canaries would count as fresh writes.
pub(crate) async fn write(
    client: &Client,
    service: &ServiceName,
    canary: &Canary,
) -> PortResult<()> {
    let mut conn = client.connect().await?;
    own::ensure(&mut conn).await?;
    let state = fence::read(&mut conn, service).await?;
    if let Some(current) = state.epoch
        && current > canary.epoch
    {
        return Err(PortError::fenced(
            current,
            client.config.subject(),
            canary.epoch,
        ));
    }
    if state.read_only {
        return Err(PortError::new(
            ErrorKind::Unavailable,
            "PB-MYSQL-SOURCE-READ-ONLY",
            format!("{} is read-only", client.config.subject()),
        )
        .hint(
            "the active site's server must take writes; set read_only=OFF if nobody fenced it",
            "활성 사이트의 서버는 쓰기가 가능해야 합니다. 펜싱된 서버가 아니라면 read_only=OFF로 설정하세요",
        ));
    }
    if !client.config.is_mariadb() {
        // A compressed transaction would hide the canary from the byte search.
        // Servers before 8.0.20 do not know the variable, and never compress.
        let known: Option<(String, String)> = first(
            &mut conn,
            "look for transaction compression",
            "SHOW SESSION VARIABLES LIKE 'binlog_transaction_compression'",
        )
        .await?;
        if known.is_some_and(|(_, value)| value == "ON") {
            let off = "SET SESSION binlog_transaction_compression=OFF";
            run(&mut conn, "write a canary", off).await?;
        }
    }
    let sql = format!(
        "INSERT INTO planb.canary (service, mark) VALUES ({}, {}) \
         ON DUPLICATE KEY UPDATE mark = VALUES(mark)",
        literal(service.as_str()),
        literal(&canary.encode())
    );
    run(&mut conn, "write a canary", sql).await
}

/// The canary of `service`, if there is one and it is whole.
pub(crate) async fn read(client: &Client, service: &ServiceName) -> PortResult<Option<Canary>> {
    let mut conn = client.connect().await?;
    if !own::exist(&mut conn).await? {
        return Ok(None);
    }
    let sql = format!(
        "SELECT mark FROM planb.canary WHERE service = {}",
        literal(service.as_str())
    );
    let mark: Option<Vec<u8>> = first(&mut conn, "read the canary", sql).await?;
    Ok(mark.and_then(|mark| Canary::decode(&mark)))
}
