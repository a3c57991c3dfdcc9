//! Table definitions stay as they are while a snapshot is read.

use crate::client::{Client, run};
use mysql_async::Conn;
use planb_ports::{ErrorKind, PortResult};

/// Keeps table definitions as they are while a snapshot is read. Writers are
/// not blocked: MariaDB's `BACKUP STAGE BLOCK_DDL` and MySQL's
/// `LOCK INSTANCE FOR BACKUP` let rows change.
pub(in crate::snapshot) struct DefinitionGuard {
    conn: Conn,
    release: &'static str,
}

impl DefinitionGuard {
    /// Waits for definitions that are just being changed, then holds. `None`
    /// when the account may not.
    pub async fn hold(client: &Client) -> PortResult<Option<Self>> {
        let mut conn = client.connect().await?;
        let what = "hold back changes of table definitions";
        let (hold, release): (&[&str], _) = if client.config.is_mariadb() {
            (
                &["BACKUP STAGE START", "BACKUP STAGE BLOCK_DDL"],
                "BACKUP STAGE END",
            )
        } else {
            (&["LOCK INSTANCE FOR BACKUP"], "UNLOCK INSTANCE")
        };
        for sql in hold {
            match run(&mut conn, what, *sql).await {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
                other => other?,
            }
        }
        Ok(Some(Self { conn, release }))
    }

    /// Lets them change again. Dropping the connection does the same.
    pub async fn release(mut self) -> PortResult<()> {
        let what = "let table definitions change again";
        run(&mut self.conn, what, self.release).await
    }
}
