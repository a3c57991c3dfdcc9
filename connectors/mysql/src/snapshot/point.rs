//! The consistent point: read views of several connections that see the same
//! rows, and the log position they stand at.

mod guard;
mod position;

pub(super) use guard::DefinitionGuard;
pub(crate) use position::{end_of_log, mariadb_gtid_at};

use crate::client::{Client, first, run};
use crate::error::{cannot, log_lost};
use crate::own;
use crate::raw::RawConn;
use futures::future::{join_all, try_join_all};
use jiff::Timestamp;
use mysql_async::Conn;
use planb_model::recovery::LogPosition;
use planb_ports::{ErrorKind, PortError, PortResult};
use position::At;

/// MariaDB tells each read view's position, so views are simply begun until all
/// are the same. It takes more tries than this under thousands of commits a
/// second only; then commits are held for a moment.
const TRIES_MAX: u32 = 20;
/// Longest wait for the lock that holds commits: the application's own writes
/// queue behind it.
const LOCK_WAIT_SECS_MAX: u32 = 5;

const WHAT: &str = "begin a consistent snapshot";

/// Connections that see the same rows.
pub(super) struct Views {
    /// At least one.
    pub readers: Vec<RawConn>,
    /// Why there is one reader only, when more were asked for.
    pub alone: Option<PortError>,
    at: Option<At>,
}

impl Views {
    /// Begins views for `readers` connections. `conn` takes the lock, if one is
    /// needed.
    pub async fn begin(client: &Client, conn: &mut Conn, readers: usize) -> PortResult<Self> {
        let connecting = (0..readers.max(1)).map(|_| reader(client));
        let mut views = Self {
            readers: try_join_all(connecting).await?,
            alone: None,
            at: None,
        };
        let mariadb = client.config.is_mariadb();
        if !(mariadb && views.begin_unlocked().await?) {
            views.begin_locked(conn, mariadb).await?;
        }
        views.each("SAVEPOINT planb").await?;
        Ok(views)
    }

    /// The log position of the views.
    pub async fn position(&self, client: &Client, conn: &mut Conn) -> PortResult<LogPosition> {
        let At { position, gtid } = self.at.clone().ok_or_else(position::binlog_off)?;
        let gtid = match gtid {
            None if client.config.is_mariadb() => mariadb_gtid_at(conn, &position).await?,
            known => known,
        };
        let stream = own::stream_name(conn, &client.config)
            .await?
            .ok_or_else(|| log_lost("the server has no identity of PlanB"))?;
        Ok(LogPosition {
            stream,
            at: position.to_string(),
            gtid,
        })
    }

    async fn each(&mut self, sql: &str) -> PortResult<()> {
        let all = join_all(self.readers.iter_mut().map(|reader| reader.run(sql))).await;
        all.into_iter()
            .try_for_each(|done| done.map_err(cannot(WHAT)))
    }

    async fn start(&mut self) -> PortResult<()> {
        self.each("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            .await
    }

    /// MariaDB: begins until all stand at the same place. False when they never
    /// do, or when no binlog tells where they stand.
    async fn begin_unlocked(&mut self) -> PortResult<bool> {
        for _ in 0..TRIES_MAX {
            self.start().await?;
            let places = try_join_all(self.readers.iter_mut().map(position::of_view)).await?;
            let Some(Some(at)) = places.first() else {
                return Ok(false);
            };
            if places.iter().all(|place| place.as_ref() == Some(at)) {
                self.at = Some(at.clone());
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Begins while a global lock holds commits for a few milliseconds. When it
    /// is not to be had, there is one reader.
    async fn begin_locked(&mut self, conn: &mut Conn, mariadb: bool) -> PortResult<()> {
        let patience = format!("SET SESSION lock_wait_timeout={LOCK_WAIT_SECS_MAX}");
        run(conn, WHAT, patience).await?;
        if let Err(error) = run(conn, WHAT, "FLUSH TABLES WITH READ LOCK").await {
            return match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::Unavailable => {
                    self.begin_alone(conn, mariadb, error).await
                }
                _ => Err(error),
            };
        }
        let begun = async {
            self.start().await?;
            position::now(conn, mariadb).await
        }
        .await;
        run(conn, WHAT, "UNLOCK TABLES").await?;
        self.at = begun?;
        Ok(())
    }

    /// One reader, without any lock.
    async fn begin_alone(
        &mut self,
        conn: &mut Conn,
        mariadb: bool,
        why: PortError,
    ) -> PortResult<()> {
        let fewer = self.readers.len() > 1;
        self.readers.truncate(1);
        if mariadb {
            self.begin_unlocked().await?;
            self.alone = fewer.then_some(why);
            return Ok(());
        }
        // MySQL does not say where a view stands: nothing may be committed
        // between looking before it and after it.
        for _ in 0..TRIES_MAX {
            let before = position::now(conn, mariadb).await?;
            self.start().await?;
            if position::now(conn, mariadb).await? == before {
                self.at = before;
                self.alone = fewer.then_some(why);
                return Ok(());
            }
        }
        Err(why)
    }
}

/// What the server's clock says now.
pub(crate) async fn moment(conn: &mut Conn) -> PortResult<Option<Timestamp>> {
    let sql = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)";
    let micros: Option<i64> = first(conn, "read the server's clock", sql).await?;
    Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
}

async fn reader(client: &Client) -> PortResult<RawConn> {
    let mut reader = RawConn::connect(client).await?;
    let repeatable = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    reader.run(repeatable).await.map_err(cannot(WHAT))?;
    Ok(reader)
}
