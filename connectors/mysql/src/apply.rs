//! Applying the log: a segment becomes steps, and the steps become one
//! transaction where they can.
//!
//! Row events go back into the server as `BINLOG` statements, so that the
//! server's own code reads the source's bytes. A segment without definitions
//! is applied with its mark in one transaction: all of it or nothing. A
//! definition ends a transaction by itself, so then the mark is made dirty
//! first.

mod plan;
mod session;

use crate::applied::{self, Applied};
use crate::binlog::position::BinlogPosition;
use crate::catalog::Kind;
use crate::client::{Client, first, ident, literal, run};
use crate::error::{cannot, corrupt};
use crate::{binlog, catalog, own};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use plan::{Plan, Step};
use planb_model::recovery::{AppliedMark, LogPosition, SegmentBody, SegmentHeader};
use planb_ports::{ErrorKind, PortError, PortResult, SegmentEnd, Until};
use std::cmp::Ordering;

/// Row events in one `BINLOG` statement: enough to make round trips cheap.
const BINLOG_BYTES: usize = 512 * 1024;
/// Everything but the events in a `BINLOG` statement.
const BINLOG_OVERHEAD_BYTES: u64 = 64;

/// Applies a segment and sets the mark.
pub(crate) async fn segment(
    client: &Client,
    header: &SegmentHeader,
    bytes: &[u8],
    mark: &AppliedMark,
    until: Option<&Until>,
) -> PortResult<SegmentEnd> {
    if until.is_some() {
        return Err(crate::error::no_stop());
    }
    let segment = binlog::segment::read(bytes)?;
    let mut conn = client.connect().await?;
    own::ensure(&mut conn).await?;
    let done_to = continues(client, &mut conn, header).await?;
    let databases = &client.config.databases;
    let plan = Plan::make(&segment, databases, &header.service, done_to)?;
    prepare(client, &mut conn).await?;
    let atomic = plan.is_atomic() && all_transactional(client, &mut conn).await?;
    if !atomic {
        applied::begin(client, &mut conn).await?;
    }
    let mut work = Work {
        client,
        packet: packet_bytes(&mut conn).await?,
        conn,
        open: false,
    };
    work.begin().await?;
    if !plan.steps.is_empty() {
        work.binlog(segment.format).await?;
    }
    work.steps(&plan.steps).await?;
    work.begin().await?;
    if let Some(canary) = &plan.canary {
        let sql = format!(
            "REPLACE INTO planb.canary (service, mark) VALUES ({}, {})",
            literal(header.service.as_str()),
            literal(&canary.encode())
        );
        run(&mut work.conn, "apply the canary", sql).await?;
    }
    applied::set(client, &mut work.conn, mark).await?;
    work.commit().await?;
    Ok(SegmentEnd::All)
}

/// Refuses a segment that does not go on where the target stands: applying one
/// twice, or leaving one out, would change rows without a trace.
///
/// Returns how far the target has come in the file the segment is of; 0 when
/// everything in the segment is new. A snapshot that was taken while log was
/// shipped lies inside a segment.
async fn continues(client: &Client, conn: &mut Conn, header: &SegmentHeader) -> PortResult<u64> {
    let refuse = |message: String| {
        Err(PortError::new(
            ErrorKind::Conflict,
            "PB-MYSQL-NOT-CONTINUOUS",
            message,
        ))
    };
    let SegmentBody::Log { start, end, .. } = &header.body else {
        return refuse("a closing object has nothing to apply".into());
    };
    match applied::read(client, conn).await? {
        Applied::At(mark)
            if (&mark.position.stream, &mark.position.at) == (&start.stream, &start.at) =>
        {
            Ok(0)
        }
        Applied::At(mark) if is_inside(&mark.position, start, end) => {
            let here = BinlogPosition::parse(&mark.position.at)?;
            let file = BinlogPosition::parse(&end.at)?.file;
            Ok(if here.file == file { here.offset } else { 0 })
        }
        Applied::At(mark) => refuse(format!(
            "the segment goes from {start} to {end}, the target stands at {}",
            mark.position
        )),
        Applied::Never | Applied::Broken => {
            refuse("the target was not restored from a snapshot".into())
        }
    }
}

fn is_inside(here: &LogPosition, start: &LogPosition, end: &LogPosition) -> bool {
    let before = |a, b| binlog::position::order(a, b) == Some(Ordering::Less);
    before(start, here) && before(here, end)
}

async fn prepare(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if client.config.is_mariadb() {
        // Else every row event is logged again with the whole BINLOG statement.
        let off = "SET SESSION binlog_annotate_row_events=OFF";
        run(conn, "prepare applying the log", off).await?;
    }
    Ok(())
}

async fn packet_bytes(conn: &mut Conn) -> PortResult<usize> {
    let bytes: Option<u64> = first(
        conn,
        "read max_allowed_packet",
        "SELECT @@max_allowed_packet",
    )
    .await?;
    let text = bytes.unwrap_or(0).saturating_sub(BINLOG_OVERHEAD_BYTES);
    Ok(usize::try_from(text / 4 * 3).unwrap_or(usize::MAX))
}

/// Whether a transaction over the target's tables is all or nothing.
async fn all_transactional(client: &Client, conn: &mut Conn) -> PortResult<bool> {
    let tables = catalog::read(client, conn).await?;
    Ok(tables.iter().all(|t| {
        t.kind != Kind::Base
            || t.engine
                .as_deref()
                .is_some_and(|e| e.eq_ignore_ascii_case("InnoDB"))
    }))
}

struct Work<'a> {
    client: &'a Client,
    conn: Conn,
    packet: usize,
    open: bool,
}

impl Work<'_> {
    async fn begin(&mut self) -> PortResult<()> {
        if !self.open {
            run(&mut self.conn, "begin a transaction", "START TRANSACTION").await?;
            self.open = true;
        }
        Ok(())
    }

    async fn commit(&mut self) -> PortResult<()> {
        if self.open {
            run(&mut self.conn, "commit what was applied", "COMMIT").await?;
            self.open = false;
        }
        Ok(())
    }

    async fn steps(&mut self, steps: &[Step<'_>]) -> PortResult<()> {
        let limit = BINLOG_BYTES.min(self.packet);
        let mut gathered: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Rows(rows) => {
                    for chunk in rows.chunks(self.packet)? {
                        if !gathered.is_empty() && gathered.len() + chunk.len() > limit {
                            self.binlog(&std::mem::take(&mut gathered)).await?;
                        }
                        gathered.extend_from_slice(&chunk);
                    }
                }
                Step::Definition(query) => {
                    if !gathered.is_empty() {
                        self.binlog(&std::mem::take(&mut gathered)).await?;
                    }
                    self.commit().await?;
                    self.definition(query).await?;
                }
            }
        }
        if !gathered.is_empty() {
            self.binlog(&gathered).await?;
        }
        Ok(())
    }

    async fn binlog(&mut self, events: &[u8]) -> PortResult<()> {
        self.begin().await?;
        let sql = format!("BINLOG '{}'", BASE64.encode(events));
        self.conn
            .query_drop(sql)
            .await
            .map_err(|error| refused("row events", error))
    }

    async fn definition(&mut self, query: &binlog::query::Query<'_>) -> PortResult<()> {
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
            .query_drop(query.sql.to_vec())
            .await
            .map_err(|error| refused("a logged definition", error))?;
        let back = self.client.session();
        run(&mut self.conn, "set the session back", back).await?;
        prepare(self.client, &mut self.conn).await
    }
}

/// The server does not take the log: the copy differs from the source. What
/// is temporary or a matter of privileges keeps its own kind.
fn refused(what: &str, error: mysql_async::Error) -> PortError {
    let port = cannot(format!("apply {what}"))(error);
    if port.kind() != ErrorKind::Internal {
        return port;
    }
    PortError::new(
        ErrorKind::Corrupt,
        "PB-MYSQL-APPLY",
        format!("cannot apply {what}"),
    )
    .hint(
        "the copy differs from the source; restore it from a snapshot",
        "복제본이 원본과 다릅니다. 스냅샷에서 다시 복원하세요",
    )
    .source(port)
}
