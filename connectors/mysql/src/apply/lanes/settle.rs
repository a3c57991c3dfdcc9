//! What is left of a group that is in, but of which not every lane has
//! committed: a PlanB, a connection or the server ended in between.

use super::super::work::Work;
use super::redo::Unpacker;
use crate::applied;
use crate::client::{Client, first, literal, rows, run};
use crate::own;
use mysql_async::Conn;
use planb_ports::{ErrorKind, PortError, PortResult};

const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS planb.lanes (\
     scope CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
     token CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
     lanes INT UNSIGNED NOT NULL, \
     mark TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS planb.lane_done (\
     scope CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
     lane INT UNSIGNED NOT NULL, \
     token CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
     PRIMARY KEY (scope, lane)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS planb.lane_redo (\
     scope CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
     lane INT UNSIGNED NOT NULL, \
     step INT UNSIGNED NOT NULL, \
     token CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
     bytes MEDIUMBLOB NOT NULL, \
     PRIMARY KEY (scope, lane, step)) ENGINE=InnoDB",
];

/// Makes the tables that are missing.
pub(super) async fn ensure(conn: &mut Conn) -> PortResult<()> {
    if !exist(conn).await? {
        for sql in TABLES {
            run(conn, "create PlanB's tables of lanes", sql).await?;
        }
    }
    Ok(())
}

async fn exist(conn: &mut Conn) -> PortResult<bool> {
    let sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'planb' \
               AND TABLE_NAME IN ('lanes', 'lane_done', 'lane_redo')";
    let count: Option<usize> = first(conn, "look for PlanB's tables of lanes", sql).await?;
    Ok(count == Some(TABLES.len()))
}

/// Completes the group the mark is of, when it is not complete. Lanes that
/// still commit are waited for.
pub(crate) async fn settle(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if !own::exist(conn).await? || !exist(conn).await? {
        return Ok(());
    }
    let scope = literal(&own::scope(&client.config));
    // A row of another mark is of a group that was completed, or of a copy that
    // was restored anew since.
    let sql = format!(
        "SELECT token, lanes FROM planb.lanes JOIN planb.applied USING (scope) \
         WHERE scope = {scope} AND dirty = 0 AND lanes.mark = applied.mark"
    );
    let group: Option<(String, u32)> = first(conn, "read the lanes", sql).await?;
    let Some((token, lanes)) = group else {
        return Ok(());
    };
    let token = literal(&token);
    let sql = format!("SELECT lane FROM planb.lane_done WHERE scope = {scope} AND token = {token}");
    let done: Vec<u32> = rows(conn, "read which lanes are done", sql).await?;
    for lane in (1..lanes).filter(|lane| !done.contains(lane)) {
        let over = Over {
            client,
            scope: &scope,
            token: &token,
            lane,
        };
        Box::pin(over.lane()).await?;
    }
    Ok(())
}

/// Completes the group and forgets the mark, so that nobody else can begin one
/// in between.
pub(crate) async fn settle_and_clear(client: &Client, conn: &mut Conn) -> PortResult<()> {
    let scope = literal(&own::scope(&client.config));
    run(conn, "lock the applied mark", "START TRANSACTION").await?;
    let sql = format!("SELECT 1 FROM planb.applied WHERE scope = {scope} FOR UPDATE");
    let _: Option<u8> = first(conn, "lock the applied mark", sql).await?;
    settle(client, conn).await?;
    applied::clear(client, conn).await?;
    run(conn, "forget the applied mark", "COMMIT").await?;
    forget(client, conn).await
}

/// Forgets the group that was applied last.
pub(crate) async fn forget(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if !exist(conn).await? {
        return Ok(());
    }
    let scope = literal(&own::scope(&client.config));
    let sql = format!("DELETE FROM planb.lanes WHERE scope = {scope}");
    run(conn, "forget the lanes", sql).await?;
    let sql = format!("SELECT 1 FROM planb.lane_redo WHERE scope = {scope} LIMIT 1");
    let stored: Option<u8> = first(conn, "look for stored lanes", sql).await?;
    match stored {
        None => Ok(()),
        Some(_) => forget_redo(client, &mut unlogged(client).await?).await,
    }
}

/// A connection whose changes stay out of the target's binlog, if the account
/// may do that: what it writes is of use to this server only, and its replicas
/// do not have what it deletes.
pub(super) async fn unlogged(client: &Client) -> PortResult<Conn> {
    let mut conn = client.connect().await?;
    match run(&mut conn, "leave the binlog out", "SET sql_log_bin=0").await {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        set => set?,
    }
    Ok(conn)
}

/// Forgets what is needed to do it over.
pub(super) async fn forget_redo(client: &Client, conn: &mut Conn) -> PortResult<()> {
    let scope = literal(&own::scope(&client.config));
    let sql = format!("DELETE FROM planb.lane_redo WHERE scope = {scope}");
    run(conn, "forget the lanes", sql).await
}

/// A lane that is done over.
struct Over<'a> {
    client: &'a Client,
    scope: &'a str,
    token: &'a str,
    lane: u32,
}

impl Over<'_> {
    async fn lane(&self) -> PortResult<()> {
        let mut reader = self.client.connect().await?;
        let conn = self.client.connect().await?;
        let mut work = Work::start(self.client, conn, None).await?;
        let mut unpacker = Unpacker::new()?;
        let mut has_begun = false;
        let mut step = 0u32;
        while let Some(piece) = self.piece(&mut reader, step).await? {
            step += 1;
            for statement in unpacker.add(&piece)? {
                if has_begun {
                    let done = work.binlog(statement).await;
                    done.map_err(|error| self.half_applied().source(error))?;
                    continue;
                }
                // The first one says in which format the others are.
                work.format(&statement).await?;
                if self.is_done(&mut work).await? {
                    return work.roll_back().await;
                }
                has_begun = true;
            }
        }
        if !unpacker.ended {
            // Somebody else may have done it and forgotten it meanwhile.
            if self.is_done(&mut work).await? {
                return work.roll_back().await;
            }
            return Err(self.half_applied());
        }
        tracing::info!(lane = self.lane, "completed a group of the log");
        work.commit().await
    }

    /// Whether the lane is in; locks that it is not. Waits for a connection that
    /// is at it.
    async fn is_done(&self, work: &mut Work<'_>) -> PortResult<bool> {
        let which = format!("scope = {} AND lane = {}", self.scope, self.lane);
        work.begin().await?;
        let sql = format!("SELECT token FROM planb.lane_done WHERE {which} FOR UPDATE");
        let token: Option<String> = first(work.conn(), "lock the lane", sql).await?;
        if token.is_some_and(|token| literal(&token) == self.token) {
            return Ok(true);
        }
        let sql = format!(
            "REPLACE INTO planb.lane_done (scope, lane, token) VALUES ({}, {}, {})",
            self.scope, self.lane, self.token
        );
        run(work.conn(), "note the lane", sql).await?;
        Ok(false)
    }

    async fn piece(&self, conn: &mut Conn, step: u32) -> PortResult<Option<Vec<u8>>> {
        let sql = format!(
            "SELECT bytes FROM planb.lane_redo WHERE scope = {} AND lane = {} AND step = {step} \
             AND token = {}",
            self.scope, self.lane, self.token
        );
        first(conn, "read a stored lane", sql).await
    }

    fn half_applied(&self) -> PortError {
        PortError::new(
            ErrorKind::Corrupt,
            "PB-MYSQL-HALF-APPLIED",
            format!(
                "a part of the log is applied by half: lane {} is missing and cannot be done over",
                self.lane
            ),
        )
        .hint(
            "restore the copy from a snapshot; to take it as it is, delete the rows of planb.lanes",
            "스냅샷에서 복제본을 다시 복원하세요. 이 상태 그대로 쓰려면 planb.lanes의 행을 삭제하세요",
        )
    }
}
