//! The connection that applies, and how a group of planned segments goes
//! through it.

use super::Planned;
use super::lanes::divide::{Divided, divide};
use super::lanes::{Failure, Lanes};
use super::plan::Step;
use super::session;
use super::tables::{self, Tables};
use crate::applied;
use crate::binlog::query::Query;
use crate::binlog::statement::without_transaction;
use crate::client::{Client, first, ident, literal, run};
use crate::error::{cannot, corrupt};
use crate::fold::{Folded, Folder};
use crate::rowlog::statement::Rows;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_model::recovery::AppliedMark;
use planb_model::{Canary, ServiceName};
use planb_ports::{ErrorKind, PortError, PortResult};

/// Row events in one `BINLOG` statement: enough to make round trips cheap.
const BINLOG_BYTES: usize = 512 * 1024;
/// The server did not take row events.
const REFUSED: &str = "PB-MYSQL-APPLY";
/// Row events do not fit into a statement.
const TOO_LARGE: &str = "PB-MYSQL-PACKET";

/// A connection at work.
pub(super) struct Work<'c> {
    client: &'c Client,
    conn: Conn,
    packet: usize,
    open: bool,
    /// Whether the server expects events with checksums.
    checksum: bool,
    gathered: Vec<u8>,
    /// Where the target stands; `None` where nobody needs to know.
    at: Option<AppliedMark>,
    /// Whether the mark says that something was begun.
    is_dirty: bool,
    /// Connections beside this one, once they were needed.
    lanes: Option<Lanes<'c>>,
}

impl<'c> Work<'c> {
    /// Prepares `conn`, to a target that stands `at` a mark.
    pub async fn start(
        client: &'c Client,
        mut conn: Conn,
        at: Option<AppliedMark>,
    ) -> PortResult<Self> {
        prepare(client, &mut conn).await?;
        Ok(Self {
            client,
            packet: tables::packet_bytes(&mut conn).await?,
            conn,
            open: false,
            checksum: false,
            gathered: Vec::new(),
            at,
            is_dirty: false,
            lanes: None,
        })
    }

    /// Applies segments of which either there is one, or none has definitions.
    pub async fn apply(&mut self, group: &[Planned<'_>]) -> PortResult<()> {
        if group.is_empty() {
            return Ok(());
        }
        for planned in group {
            self.check_fits(&planned.plan.steps).await?;
        }
        let tables = tables::read(self.client, &mut self.conn).await?;
        let atomic =
            |p: &Planned<'_>| p.plan.is_atomic() && tables.are_transactional(&p.plan.tables);
        if !group.iter().all(atomic) {
            for one in group {
                if !atomic(one) {
                    applied::begin(self.client, &mut self.conn).await?;
                    self.is_dirty = true;
                }
                self.whole(std::slice::from_ref(one), None).await?;
            }
            return Ok(());
        }
        if !tables.may_fold() {
            return self.whole(group, None).await;
        }
        match self.folded(group, &tables).await {
            Err(refused) if is_refusal(&refused) => {
                // Nothing of it is left. Row by row the server says what is
                // wrong, if it is not the folding.
                tracing::warn!(error = refused.chain(), "applying the log without folding");
                run(&mut self.conn, "take back what was applied", "ROLLBACK").await?;
                let conn = self.client.connect().await?;
                *self = Self::start(self.client, conn, self.at.take()).await?;
                self.whole(group, None).await
            }
            done => done,
        }
    }

    /// Applies a group folded, by lanes where it is worth them.
    async fn folded(&mut self, group: &[Planned<'_>], tables: &Tables) -> PortResult<()> {
        let config = &self.client.config;
        let lanes = if self.at.is_some() {
            config.apply_lanes
        } else {
            1
        };
        // Nothing becomes more by folding it.
        let most = lanes.min(group_bytes(group) / config.apply_lane_bytes.max(1));
        let folded = fold(group, tables, most);
        let shares = match divide(folded, tables, most, config.apply_lane_bytes) {
            Divided::Lanes(shares) => shares,
            Divided::One(rows) => return self.whole(group, Some(rows)).await,
        };
        match self.abreast(group, &shares).await {
            Err(Failure::TakenBack(error)) => {
                self.client.say_one_lane(&error);
                drop(shares);
                let rows = fold(group, tables, 1).in_order();
                self.whole(group, Some(rows)).await
            }
            Err(Failure::Ended(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    /// Applies the shares of a group side by side.
    async fn abreast(
        &mut self,
        group: &[Planned<'_>],
        shares: &[Vec<Rows>],
    ) -> Result<(), Failure> {
        let (Some(at), Some(last)) = (&self.at, group.last()) else {
            // Nothing was applied, so this must not look like it.
            let why = corrupt("log cannot go over several connections without a mark");
            return Err(Failure::TakenBack(why));
        };
        let mut lanes = match self.lanes.take() {
            Some(lanes) => lanes,
            None => Box::pin(Lanes::open(self.client, shares.len()))
                .await
                .map_err(Failure::TakenBack)?,
        };
        Box::pin(lanes.apply(group, shares, at)).await?;
        self.stands_at(&last.mark);
        self.lanes = Some(lanes);
        Ok(())
    }

    /// Refuses rows that do not fit into a statement, before anything is
    /// changed: where a definition is among them, nothing can be taken back.
    pub async fn check_fits(&mut self, steps: &[Step<'_>]) -> PortResult<()> {
        for step in steps {
            if let Step::Rows(rows) = step
                && let Some(large) = rows.too_large(self.packet)
            {
                let name = match large.column {
                    Some(place) => tables::column_name(&mut self.conn, &large.table, place).await?,
                    None => None,
                };
                return Err(large.refused(name.as_deref()));
            }
        }
        Ok(())
    }

    /// Applies what segments were folded to. `false` when the target cannot take
    /// it; nothing of it is left then.
    pub async fn apply_folded(&mut self, folded: &Planned<'_>) -> PortResult<bool> {
        let tables = tables::read(self.client, &mut self.conn).await?;
        let touched = &folded.plan.tables;
        if !tables.may_fold() || !tables.can_fold(touched) {
            return Ok(false);
        }
        // The changes are not in the order they were made in, so a row is known
        // by the whole of it and not by a key, which two rows may have in turn.
        let tables = tables.without_primary_keys();
        match self.folded(std::slice::from_ref(folded), &tables).await {
            Err(refused) if is_refusal(&refused) => {
                tracing::warn!(error = refused.chain(), "the target refuses folded log");
                run(&mut self.conn, "take back what was applied", "ROLLBACK").await?;
                Ok(false)
            }
            done => done.map(|()| true),
        }
    }

    /// Applies a group and sets its mark; in one transaction but for what
    /// commits by itself. `folded` is what many changes of a row came to.
    async fn whole(&mut self, group: &[Planned<'_>], folded: Option<Vec<Rows>>) -> PortResult<()> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return Ok(());
        };
        if group.iter().any(|p| !p.plan.steps.is_empty()) {
            self.begin_group(first.format, first.checksum).await?;
        }
        self.begin().await?;
        if let Some(at) = self.at.as_ref().filter(|_| !self.is_dirty) {
            applied::lock(self.client, &mut self.conn, at).await?;
        }
        match folded {
            None => {
                for planned in group {
                    self.steps(&planned.plan.steps).await?;
                }
            }
            Some(rows) => {
                // What was sent needs no memory any more.
                for rows in rows {
                    self.rows(&rows).await?;
                }
            }
        }
        self.end_group(first.service, newest_canary(group), &last.mark)
            .await
    }

    /// Prepares for steps of a log of that format.
    pub async fn begin_group(&mut self, format: &[u8], checksum: bool) -> PortResult<()> {
        self.checksum = checksum;
        self.format(format).await
    }

    /// Applies steps as they were logged.
    pub async fn steps(&mut self, steps: &[Step<'_>]) -> PortResult<()> {
        self.begin().await?;
        for step in steps {
            match step {
                Step::Rows(rows) => self.rows(rows).await?,
                Step::Definition(query) => self.definition(query).await?,
            }
        }
        Ok(())
    }

    /// Sets the mark for what was applied and commits.
    pub async fn end_group(
        &mut self,
        service: &ServiceName,
        canary: Option<Canary>,
        mark: &AppliedMark,
    ) -> PortResult<()> {
        self.send().await?;
        self.set_mark(service, canary, mark).await?;
        self.commit().await?;
        self.is_dirty = false;
        self.stands_at(mark);
        Ok(())
    }

    /// Says that the target stands at this mark now.
    pub fn stands_at(&mut self, mark: &AppliedMark) {
        if self.at.is_some() {
            self.at = Some(mark.clone());
        }
    }

    /// Says in which format the rows come, and begins.
    pub async fn open_group(&mut self, first: &Planned<'_>) -> PortResult<()> {
        self.begin_group(first.format, first.checksum).await?;
        self.begin().await
    }

    /// Applies rows and leaves the transaction open.
    pub async fn all_rows(&mut self, all: &[Rows]) -> PortResult<()> {
        for rows in all {
            self.rows(rows).await?;
        }
        self.send().await
    }

    /// Sets the mark of a group, and its canary.
    pub async fn mark(&mut self, group: &[Planned<'_>]) -> PortResult<()> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return Ok(());
        };
        let canary = newest_canary(group);
        self.set_mark(first.service, canary, &last.mark).await
    }

    async fn set_mark(
        &mut self,
        service: &ServiceName,
        canary: Option<Canary>,
        mark: &AppliedMark,
    ) -> PortResult<()> {
        self.begin().await?;
        if let Some(canary) = canary {
            let sql = format!(
                "REPLACE INTO planb.canary (service, mark) VALUES ({}, {})",
                literal(service.as_str()),
                literal(&canary.encode())
            );
            run(&mut self.conn, "apply the canary", sql).await?;
        }
        applied::set(self.client, &mut self.conn, mark).await
    }

    /// The connection.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Bytes of row events that fit into a statement.
    pub fn packet(&self) -> usize {
        self.packet
    }

    /// Takes back what is not committed.
    pub async fn roll_back(&mut self) -> PortResult<()> {
        self.gathered.clear();
        if self.open {
            run(&mut self.conn, "take back what was applied", "ROLLBACK").await?;
            self.open = false;
        }
        Ok(())
    }

    /// Begins a transaction, if none is open.
    pub async fn begin(&mut self) -> PortResult<()> {
        if !self.open {
            run(&mut self.conn, "begin a transaction", "START TRANSACTION").await?;
            self.open = true;
        }
        Ok(())
    }

    /// Commits it.
    pub async fn commit(&mut self) -> PortResult<()> {
        if self.open {
            run(&mut self.conn, "commit what was applied", "COMMIT").await?;
            self.open = false;
        }
        Ok(())
    }

    /// Gathers row events, and sends them when they are many.
    async fn rows(&mut self, rows: &Rows) -> PortResult<()> {
        let limit = BINLOG_BYTES.min(self.packet);
        // A long statement as one would be in memory several times: as it came,
        // in base64, and in the driver.
        for chunk in rows.chunks_of(limit, self.packet, self.checksum)? {
            if !self.gathered.is_empty() && self.gathered.len() + chunk.len() > limit {
                self.send().await?;
            }
            // A chunk may be a row as large as a statement.
            match self.gathered.is_empty() {
                true => self.gathered = chunk,
                false => self.gathered.extend_from_slice(&chunk),
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> PortResult<()> {
        let gathered = std::mem::take(&mut self.gathered);
        if gathered.is_empty() {
            return Ok(());
        }
        self.binlog(gathered).await
    }

    /// Says in which format the events come. MySQL takes that outside of a
    /// transaction only, and would have the source's GTID after it.
    pub async fn format(&mut self, format: &[u8]) -> PortResult<()> {
        if self.client.config.is_mariadb() {
            return self.binlog(format.to_vec()).await;
        }
        let what = "apply the log's format";
        run(&mut self.conn, what, statement(format)).await?;
        let own = "SET SESSION gtid_next='AUTOMATIC'";
        run(&mut self.conn, what, own).await
    }

    /// Applies events that belong together.
    pub async fn binlog(&mut self, events: Vec<u8>) -> PortResult<()> {
        self.begin().await?;
        let sql = statement(&events);
        // The driver makes copies of its own.
        drop(events);
        self.conn
            .query_drop(sql)
            .await
            .map_err(|error| refused("row events", error))
    }

    async fn definition(&mut self, query: &Query<'_>) -> PortResult<()> {
        self.send().await?;
        self.commit().await?;
        let sql = session::settings(query);
        run(&mut self.conn, "set a logged statement's session", sql).await?;
        if !query.database.is_empty() {
            let database = std::str::from_utf8(&query.database)
                .map_err(|_| corrupt("a database of the log has no readable name"))?;
            let found: Option<i64> = first(
                &mut self.conn,
                "look for a database",
                format!(
                    "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
                    literal(database)
                ),
            )
            .await?;
            // CREATE DATABASE has the new one as its default.
            if found.is_some() {
                let sql = format!("USE {}", ident(database));
                run(&mut self.conn, "choose a logged statement's database", sql).await?;
            }
        }
        self.conn
            .query_drop(without_transaction(&query.sql).to_vec())
            .await
            .map_err(|error| refused("a logged definition", error))?;
        let back = self.client.session();
        run(&mut self.conn, "set the session back", back).await?;
        prepare(self.client, &mut self.conn).await
    }
}

/// Whether the server did not take it, or a row that was folded from several
/// does not fit into a statement where these did.
fn is_refusal(error: &PortError) -> bool {
    [REFUSED, TOO_LARGE].contains(&error.code())
}

fn statement(events: &[u8]) -> String {
    let mut sql = String::with_capacity(events.len() / 3 * 4 + 16);
    sql.push_str("BINLOG '");
    BASE64.encode_string(events, &mut sql);
    sql.push('\'');
    sql
}

async fn prepare(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if client.config.is_mariadb() {
        // Else every row event is logged again with the whole BINLOG statement.
        let off = "SET SESSION binlog_annotate_row_events=OFF";
        run(conn, "prepare applying the log", off).await?;
    }
    Ok(())
}

fn fold(group: &[Planned<'_>], tables: &Tables, shares: usize) -> Folded {
    let keys = |map: &_| tables.keys(map);
    let mut folder = Folder::new(&keys).divided(shares);
    for rows in group_rows(group) {
        folder.push(rows);
    }
    folder.finish()
}

fn group_rows<'g>(group: &'g [Planned<'_>]) -> impl Iterator<Item = &'g Rows> {
    let steps = group.iter().flat_map(|p| &p.plan.steps);
    steps.filter_map(|step| match step {
        Step::Rows(rows) => Some(rows),
        Step::Definition(_) => None,
    })
}

fn group_bytes(group: &[Planned<'_>]) -> usize {
    group_rows(group).map(Rows::bytes).sum()
}

fn newest_canary(group: &[Planned<'_>]) -> Option<Canary> {
    let canaries = group.iter().filter_map(|p| p.plan.canary);
    canaries.max_by_key(|canary| (canary.epoch, canary.sequence))
}

/// The server does not take the log: the copy differs from the source. What
/// is temporary or a matter of privileges keeps its own kind.
fn refused(what: &str, error: mysql_async::Error) -> PortError {
    let port = cannot(format!("apply {what}"))(error);
    if port.kind() != ErrorKind::Internal {
        return port;
    }
    PortError::new(ErrorKind::Corrupt, REFUSED, format!("cannot apply {what}"))
        .hint(
            "the copy differs from the source; restore it from a snapshot",
            "복제본이 원본과 다릅니다. 스냅샷에서 다시 복원하세요",
        )
        .source(port)
}
