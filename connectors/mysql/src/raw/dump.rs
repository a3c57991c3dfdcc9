//! The server's log as it sends it to a replica: one payload for each event, a
//! zero before its bytes.

use super::payloads::Payloads;
use super::wire::{Mark, mark};
use super::{RawConn, bad, server_error};
use futures::FutureExt;
use mysql_async::Error;
use mysql_common::constants::Command;
use std::io;
use std::time::Duration;

/// Send MariaDB's annotations, too: every byte of a transaction as it is in
/// the file. MySQL knows no such flag and logs the same in an ordinary event.
const FLAG_ANNOTATE: u16 = 2;
/// First byte of a payload with an event.
const EVENT: u8 = 0;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct DumpRequest<'a> {
    /// The `server_id` we give ourselves.
    pub replica_id: u32,
    pub file: &'a str,
    pub offset: u32,
    pub is_mariadb: bool,
    /// How often an idle server says that it lives.
    pub heartbeat_ns: u64,
}

/// A connection on which the log comes.
pub(crate) struct Dump {
    conn: RawConn,
    payloads: Payloads,
}

impl RawConn {
    /// Makes this a connection on which the log comes. Whether the server has
    /// the place is known with the first event only.
    pub async fn dump(mut self, request: &DumpRequest<'_>) -> Result<Dump, Error> {
        self.run(&settings(request)).await?;
        self.register(request.replica_id).await?;
        let flags = if request.is_mariadb { FLAG_ANNOTATE } else { 0 };
        let mut command = vec![Command::COM_BINLOG_DUMP as u8];
        command.extend_from_slice(&request.offset.to_le_bytes());
        command.extend_from_slice(&flags.to_le_bytes());
        command.extend_from_slice(&request.replica_id.to_le_bytes());
        command.extend_from_slice(request.file.as_bytes());
        self.wire.restart();
        self.wire.send(&command).await?;
        Ok(Dump {
            conn: self,
            payloads: Payloads::default(),
        })
    }

    /// Makes this connection show in the server's list of replicas.
    async fn register(&mut self, replica_id: u32) -> Result<(), Error> {
        let mut command = vec![Command::COM_REGISTER_SLAVE as u8];
        command.extend_from_slice(&replica_id.to_le_bytes());
        // No host, user, password, port, rank or source of its own.
        command.extend_from_slice(&[0; 3 + 2 + 4 + 4]);
        self.wire.restart();
        self.wire.send(&command).await?;
        let answer = self.wire.payload().await?;
        match answer.first() {
            Some(0) => Ok(()),
            Some(0xff) => Err(server_error(&answer).into()),
            _ => Err(bad("an unknown answer to a replica's registration").into()),
        }
    }
}

/// What a server looks at before it sends its log.
fn settings(request: &DumpRequest<'_>) -> String {
    let heartbeat = request.heartbeat_ns;
    // Without it, a server takes the checksums away that its file has.
    let mut settings = format!(
        "SET @master_binlog_checksum='CRC32', @source_binlog_checksum='CRC32', \
         @master_heartbeat_period={heartbeat}, @source_heartbeat_period={heartbeat}"
    );
    if request.is_mariadb {
        // 4: the highest capability; events come as they are in the file.
        settings.push_str(", @mariadb_slave_capability=4, @slave_connect_state=NULL");
    } else {
        settings.push_str(", @slave_uuid=UUID(), @replica_uuid=@slave_uuid");
    }
    settings
}

impl Dump {
    /// Waits for more bytes.
    pub async fn fill(&mut self) -> io::Result<()> {
        self.conn.wire.fill().await
    }

    /// Takes more bytes if there are any; true when there were.
    pub fn fill_now(&mut self) -> io::Result<bool> {
        match self.conn.wire.fill().now_or_never() {
            Some(filled) => filled.map(|()| true),
            None => Ok(false),
        }
    }

    /// Lets events gather for `pause`. Dropped before its end, it leaves the
    /// connection closed.
    pub async fn rest(&mut self, pause: Duration) -> io::Result<()> {
        self.conn.wire.stream.rest(pause).await
    }

    /// Hands every event that is whole to `take`.
    pub fn events<E: From<Error>>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let wire = &mut self.conn.wire;
        loop {
            let (used, payload) = self
                .payloads
                .take(wire.ready())
                .map_err(|error| E::from(error.into()))?;
            let is_last = payload.is_none();
            if let Some(payload) = payload {
                take(event(payload).map_err(E::from)?)?;
            }
            wire.used(used);
            if is_last {
                return Ok(());
            }
        }
    }
}

/// The event in a payload, or why none comes any more.
pub(crate) fn event(payload: &[u8]) -> Result<&[u8], Error> {
    match (payload, mark(payload)) {
        ([EVENT, event @ ..], _) => Ok(event),
        (_, Mark::Error) => Err(server_error(payload).into()),
        (_, Mark::End) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        (_, Mark::Row) => Err(bad("a packet without an event").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_an_end_and_an_error_are_told_apart() {
        assert_eq!(event(&[0, 7, 8]).expect("event"), [7, 8]);
        assert!(matches!(event(&[0xfe, 0, 0, 2, 0]), Err(Error::Io(_))));
        let Err(Error::Server(error)) = event(b"\xff\xd4\x04#HY000purged") else {
            panic!("no error");
        };
        assert_eq!((error.code, error.message.as_str()), (1236, "purged"));
        assert!(event(&[9]).is_err() && event(&[]).is_err());
    }
}
