//! A group of segments, applied over several connections at once.
//!
//! What folding leaves is divided into lanes that have nothing to do with each
//! other ([`divide`]); each is a transaction on a connection of its own. They
//! are one all the same:
//!
//! 1. Every lane applies its rows and stays open. Beside them the rows of all
//!    lanes but the first are stored, packed, in `planb.lane_redo`.
//! 2. When all of that has succeeded, the first lane commits, and the mark and a
//!    row in `planb.lanes` with it. This decides: before it, nothing is left of
//!    the group whatever ends, and after it, all of it is in or will be.
//! 3. The other lanes commit. What one of them did not is done over from
//!    `planb.lane_redo` by whoever looks at the mark next ([`settle`]), without
//!    the vault.
//!
//! All of them are ordinary transactions. `XA PREPARE` would do the same with
//! less, but the target's own binlog would have XA transactions then, which its
//! replicas and PlanB itself, where the server is also a source, would meet.

pub(super) mod divide;
mod redo;
pub(crate) mod settle;

use super::Planned;
use super::work::Work;
use crate::applied;
use crate::client::{Client, first, literal, run};
use crate::error::cannot;
use crate::own;
use crate::rowlog::statement::Rows;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::join_all;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_model::recovery::AppliedMark;
use planb_ports::{PortError, PortResult};
use redo::Packer;

/// Nobody else writes to a copy, so lanes that wait for a row wait for each
/// other, and would do so until the server's own limit.
const LOCK_WAIT_SECS: u32 = 3;

/// Why a group was not applied by lanes.
pub(super) enum Failure {
    /// Nothing of it is left; it may be tried over one connection.
    TakenBack(PortError),
    /// It is to be looked at anew, by the mark.
    Ended(PortError),
}

/// The connections of lanes.
pub(super) struct Lanes<'c> {
    client: &'c Client,
    lanes: Vec<Work<'c>>,
    /// Stores what is needed to do a lane over.
    redo: Conn,
}

/// What the lanes of one group have in common.
struct Shared<'g> {
    group: &'g [Planned<'g>],
    first: &'g Planned<'g>,
    scope: String,
    token: String,
}

impl<'c> Lanes<'c> {
    /// Connects `count` lanes.
    pub async fn open(client: &'c Client, count: usize) -> PortResult<Self> {
        settle::ensure(&mut client.connect().await?).await?;
        let mut lanes = Self {
            client,
            lanes: Vec::new(),
            redo: settle::unlogged(client).await?,
        };
        lanes.widen(count).await?;
        Ok(lanes)
    }

    /// Connects the lanes that `count` needs.
    async fn widen(&mut self, count: usize) -> PortResult<()> {
        // Locks of gaps would make lanes wait that have no row in common.
        let isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
        while self.lanes.len() < count {
            let mut conn = self.client.connect().await?;
            run(&mut conn, "prepare applying the log", isolation).await?;
            run(&mut conn, "prepare applying the log", short_wait()).await?;
            self.lanes.push(Work::start(self.client, conn, None).await?);
        }
        Ok(())
    }

    /// Applies `shares` of a group, one on each lane, to a target that stands
    /// `at` this mark.
    pub async fn apply(
        &mut self,
        group: &[Planned<'_>],
        shares: &[Vec<Rows>],
        at: &AppliedMark,
    ) -> Result<(), Failure> {
        let Some(begins) = group.first() else {
            return Ok(());
        };
        self.widen(shares.len()).await.map_err(Failure::TakenBack)?;
        if let Err(error) = self.stands(begins, at).await {
            self.roll_back().await;
            return Err(Failure::Ended(error));
        }
        // From here on nobody else is at it.
        let begun = match self.begin(group, begins, shares.len()).await {
            Ok(shared) => self.fill(&shared, shares).await.map(|()| shared),
            Err(error) => Err(error),
        };
        let shared = match begun {
            Ok(shared) => shared,
            Err(error) => {
                self.roll_back().await;
                return Err(Failure::TakenBack(error));
            }
        };
        self.decide(&shared, shares.len())
            .await
            .map_err(Failure::Ended)?;
        self.commit(shares.len()).await.map_err(Failure::Ended)?;
        if let Err(error) = settle::forget_redo(self.client, &mut self.redo).await {
            // The next group replaces it.
            tracing::debug!(error = error.chain(), "what was done is still stored");
        }
        Ok(())
    }

    async fn begin<'g>(
        &mut self,
        group: &'g [Planned<'g>],
        begins: &'g Planned<'g>,
        count: usize,
    ) -> PortResult<Shared<'g>> {
        let scope = literal(&own::scope(&self.client.config));
        // Locking a row that is there locks nothing beside it.
        let rows: Vec<String> = (0..count)
            .map(|lane| format!("({scope}, {lane}, '')"))
            .collect();
        let sql = format!(
            "INSERT IGNORE INTO planb.lane_done (scope, lane, token) VALUES {}",
            rows.join(", ")
        );
        // The target's replicas must have them, too: on a lane that has not begun.
        if let Some(lane) = self.lanes.get_mut(1) {
            run(lane.conn(), "prepare the lanes", sql).await?;
        }
        let token: Option<String> =
            first(&mut self.redo, "name the group", "SELECT UUID()").await?;
        Ok(Shared {
            group,
            first: begins,
            scope,
            token: literal(&token.unwrap_or_default()),
        })
    }

    /// Locks the mark on the first lane, so that no other PlanB applies or
    /// promotes until this group is decided, and makes sure that none did.
    async fn stands(&mut self, begins: &Planned<'_>, at: &AppliedMark) -> PortResult<()> {
        let Some(lane) = self.lanes.first_mut() else {
            return Ok(());
        };
        run(lane.conn(), "prepare applying the log", short_wait()).await?;
        lane.open_group(begins).await?;
        applied::lock(self.client, lane.conn(), at).await
    }

    /// Applies the rows of all lanes and leaves them open.
    async fn fill(&mut self, shared: &Shared<'_>, shares: &[Vec<Rows>]) -> PortResult<()> {
        let packet = self.lanes.first().map_or(0, Work::packet);
        let redo = store(&mut self.redo, shared, shares, packet);
        let lanes = self.lanes.iter_mut().zip(shares).enumerate();
        let lanes = join_all(lanes.map(async |(number, (lane, rows))| {
            if number > 0 {
                lane.open_group(shared.first).await?;
                let sql = format!(
                    "UPDATE planb.lane_done SET token = {} WHERE scope = {} AND lane = {number}",
                    shared.token, shared.scope
                );
                run(lane.conn(), "note the lane", sql).await?;
            }
            lane.all_rows(rows).await
        }));
        // All of them come to an end, so that every connection can be used on.
        let (stored, filled) = futures::future::join(redo, lanes).await;
        filled.into_iter().collect::<PortResult<()>>()?;
        stored
    }

    /// Commits the first lane with the mark: the group is in.
    async fn decide(&mut self, shared: &Shared<'_>, count: usize) -> PortResult<()> {
        let Some(lane) = self.lanes.first_mut() else {
            return Ok(());
        };
        // No other lane has a lock that is needed here.
        let wait = "SET innodb_lock_wait_timeout=DEFAULT";
        run(lane.conn(), "decide the group", wait).await?;
        lane.mark(shared.group).await?;
        let sql = format!(
            "REPLACE INTO planb.lanes (scope, token, lanes, mark) \
             SELECT scope, {}, {count}, mark FROM planb.applied WHERE scope = {}",
            shared.token, shared.scope
        );
        run(lane.conn(), "decide the group", sql).await?;
        lane.commit().await
    }

    /// Commits the other lanes.
    async fn commit(&mut self, count: usize) -> PortResult<()> {
        let others = self.lanes.iter_mut().take(count).skip(1);
        let committed = join_all(others.map(Work::commit)).await;
        committed.into_iter().collect()
    }

    async fn roll_back(&mut self) {
        let all = self.lanes.iter_mut().map(Work::roll_back);
        for error in join_all(all).await.into_iter().filter_map(Result::err) {
            // The server takes back what a broken connection had.
            tracing::debug!(error = error.chain(), "a lane could not be taken back");
        }
    }
}

fn short_wait() -> String {
    format!("SET innodb_lock_wait_timeout={LOCK_WAIT_SECS}")
}

/// Stores what is needed to do the lanes over, all but the first.
async fn store(
    conn: &mut Conn,
    shared: &Shared<'_>,
    shares: &[Vec<Rows>],
    packet: usize,
) -> PortResult<()> {
    let what = "store the lanes";
    run(conn, what, "START TRANSACTION").await?;
    let old = format!("DELETE FROM planb.lane_redo WHERE scope = {}", shared.scope);
    run(conn, what, old).await?;
    for (lane, rows) in shares.iter().enumerate().skip(1) {
        let mut packer = Packer::new(redo::PIECE_BYTES.min(packet / 2))?;
        let mut step = 0u32;
        let mut send = async |pieces: Vec<Vec<u8>>| {
            for piece in pieces {
                let sql = format!(
                    "INSERT INTO planb.lane_redo (scope, lane, step, token, bytes) \
                     VALUES ({}, {lane}, {step}, {}, FROM_BASE64('{}'))",
                    shared.scope,
                    shared.token,
                    BASE64.encode(piece)
                );
                conn.query_drop(sql).await.map_err(cannot(what))?;
                step += 1;
            }
            PortResult::Ok(())
        };
        send(packer.add(shared.first.format)?).await?;
        for rows in rows {
            for chunk in rows.chunks(packet, shared.first.checksum)? {
                send(packer.add(&chunk)?).await?;
            }
        }
        send(packer.finish()?).await?;
    }
    run(conn, what, "COMMIT").await
}
