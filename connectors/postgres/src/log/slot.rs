//! The replication slot: keeps the log that is not in the vault yet.
//!
//! It holds the source's log on its disk, so its server must bound it
//! (`max_slot_wal_keep_size`). A slot that lost its log is made anew with the
//! next snapshot.

use crate::client::{Client, literal};
use crate::wire::Wire;
use planb_ports::PortResult;

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// There is none.
    Missing,
    /// It keeps log.
    Good,
    /// The server gave up its log.
    Lost,
}

/// Looks at the slot.
pub(crate) async fn look(client: &Client) -> PortResult<Slot> {
    let mut wire = client.anywhere().await?;
    let sql = format!(
        "SELECT coalesce(wal_status, 'reserved') FROM pg_replication_slots WHERE slot_name = {}",
        literal(&client.config.slot)
    );
    let status = wire.first("look at the replication slot", &sql).await?;
    Ok(match status.as_deref() {
        None => Slot::Missing,
        Some("lost") => Slot::Lost,
        Some(_) => Slot::Good,
    })
}

/// Has the slot keep log from now on, if it does not yet.
pub(crate) async fn ensure(client: &Client, replication: &mut Wire) -> PortResult<()> {
    let name = &client.config.slot;
    match look(client).await? {
        Slot::Good => return Ok(()),
        Slot::Lost => {
            let sql = format!("DROP_REPLICATION_SLOT {name}");
            replication
                .run("drop the lost replication slot", &sql)
                .await?;
        }
        Slot::Missing => {}
    }
    let sql = format!("CREATE_REPLICATION_SLOT {name} PHYSICAL RESERVE_WAL");
    replication.run("create the replication slot", &sql).await
}
