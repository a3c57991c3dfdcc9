//! Definitions, and keys that are added when the rows are there.

use super::{definer, session};
use crate::client::{Client, run};
use crate::error::corrupt;
use crate::script;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream, TryStreamExt};
use mysql_async::Conn;
use planb_ports::{ErrorKind, PortResult};

/// Definitions of all tables are held in memory at once.
const SCRIPT_BYTES_MAX: usize = 256 * 1024 * 1024;

async fn gather(mut bytes: BoxStream<'_, PortResult<Bytes>>) -> PortResult<Vec<u8>> {
    let mut file = Vec::new();
    while let Some(piece) = bytes.next().await {
        file.extend_from_slice(&piece?);
        if file.len() > SCRIPT_BYTES_MAX {
            return Err(corrupt("a script of the snapshot is too large"));
        }
    }
    Ok(file)
}

/// Runs a script, one statement after the other.
pub(super) async fn run_all(
    conn: &mut Conn,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let file = gather(bytes).await?;
    for statement in script::read(&file)? {
        if script::is_by_hand(statement) {
            continue;
        }
        define(conn, statement).await?;
    }
    Ok(())
}

/// Runs a definition. Where the account may not make it in its definer's name,
/// it becomes the account's own: better a view with other rights than none.
async fn define(conn: &mut Conn, statement: &[u8]) -> PortResult<()> {
    let what = "run a definition of the snapshot";
    match run(conn, what, statement).await {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let Some(own) = definer::without(statement) else {
                return Err(error);
            };
            tracing::warn!(
                error = error.chain(),
                "a definition is restored in the name of PlanB's account instead of its definer's"
            );
            run(conn, what, own.as_slice()).await
        }
        other => other,
    }
}

/// Adds keys: those of one table one after the other, tables side by side.
pub(super) async fn add_keys(
    client: &Client,
    conn: Conn,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    drop(conn);
    let file = gather(bytes).await?;
    let statements = script::read(&file)?;
    // The first one is the state of the session.
    let (session, keys) = match statements.split_first() {
        Some(split) => split,
        None => return Ok(()),
    };
    let tables: Vec<&[&[u8]]> = keys.chunk_by(|a, b| table(a) == table(b)).collect();
    stream::iter(tables)
        .map(Ok)
        .try_for_each_concurrent(session::loaders(), |keys| async move {
            let mut conn = session::open(client).await?;
            let what = "add the keys of a table";
            run(&mut conn, what, *session).await?;
            run(&mut conn, what, "SET foreign_key_checks=0").await?;
            for key in keys {
                run(&mut conn, what, *key).await?;
            }
            Ok(())
        })
        .await
}

/// `ALTER TABLE` and the name behind it, which ends before ` ADD `; a name with
/// that in it only makes its table's keys come one after the other.
fn table(statement: &[u8]) -> &[u8] {
    let end = script::find(statement, b"` ADD ").unwrap_or(statement.len());
    &statement[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_table_stay_together() {
        assert_eq!(
            table(b"ALTER TABLE `a`.`b` ADD KEY `k` (`c`), ADD KEY `l` (`d`)"),
            table(b"ALTER TABLE `a`.`b` ADD FULLTEXT KEY `f` (`e`)")
        );
        assert_ne!(
            table(b"ALTER TABLE `a`.`b` ADD"),
            table(b"ALTER TABLE `a`.`c` ADD")
        );
    }
}
