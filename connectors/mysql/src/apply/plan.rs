//! What of a segment is applied, in which steps. Pure.

use crate::binlog::event::{Event, kind};
use crate::binlog::payload;
use crate::binlog::query::{self, Query};
use crate::binlog::segment::Segment;
use crate::binlog::statement::{self, Statement};
use crate::error::corrupt;
use crate::own;
use crate::script;
use planb_model::canary::{CANARY_BYTES, CANARY_PREFIX};
use planb_model::{Canary, ServiceName};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::BTreeMap;

/// One step.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// The row events of one statement.
    Rows(Rows),
    /// A statement that changes definitions.
    Definition(Query<'a>),
}

/// The row events of one statement with the table maps they need.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    maps: Vec<u8>,
    /// Each as logged, and as the last one of its statement.
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What is done with a segment.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub steps: Vec<Step<'a>>,
    /// The newest canary of the service in it.
    pub canary: Option<Canary>,
}

impl Rows {
    /// The events in pieces of at most `limit` bytes, each of which can be
    /// applied by itself.
    pub fn chunks(&self, limit: usize) -> PortResult<Vec<Vec<u8>>> {
        let mut chunks = Vec::new();
        let mut chunk = self.maps.clone();
        for (index, (inner, ending)) in self.rows.iter().enumerate() {
            if self.maps.len() + inner.len() > limit {
                return Err(PortError::new(
                    ErrorKind::Invalid,
                    "PB-MYSQL-PACKET",
                    format!(
                        "a row event of {} bytes is too large for the target",
                        inner.len()
                    ),
                )
                .hint(
                    "raise max_allowed_packet of the target to twice the source's",
                    "복원 대상 서버의 max_allowed_packet을 원본의 두 배로 늘리세요",
                ));
            }
            let next = self.rows.get(index + 1).map(|(next, _)| next.len());
            let last = next.is_none_or(|next| chunk.len() + inner.len() + next > limit);
            chunk.extend_from_slice(if last { ending } else { inner });
            if last {
                chunks.push(std::mem::replace(&mut chunk, self.maps.clone()));
            }
        }
        Ok(chunks)
    }
}

impl<'a> Plan<'a> {
    /// Plans a segment for the protected `databases` of `service`. The target
    /// has everything up to the offset `done_to` of the segment's file already;
    /// only the canary is taken from there, which a restore has from the log alone.
    pub fn make(
        segment: &Segment<'a>,
        databases: &[String],
        service: &ServiceName,
        done_to: u64,
    ) -> PortResult<Self> {
        let mut planner = Planner {
            databases,
            service,
            plan: Plan::default(),
            tables: BTreeMap::new(),
            statement: Rows::default(),
            is_done: done_to > 0,
        };
        for event in &segment.events {
            if planner.is_done && u64::from(event.next_offset()) > done_to {
                if !event.begins_transaction() {
                    return Err(corrupt("the target stands inside of a transaction"));
                }
                planner.is_done = false;
            }
            planner.event(event)?;
        }
        if planner.is_done {
            return Err(corrupt("the segment ends before the target's place"));
        }
        Ok(planner.plan)
    }

    /// Whether nothing in it commits by itself.
    pub fn is_atomic(&self) -> bool {
        self.steps.iter().all(|s| matches!(s, Step::Rows(_)))
    }
}

/// What is done with a table's rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Apply,
    Canary,
    Skip,
}

struct Planner<'a, 'b> {
    databases: &'b [String],
    service: &'b ServiceName,
    plan: Plan<'a>,
    tables: BTreeMap<u64, Fate>,
    statement: Rows,
    /// The target has what the event is part of.
    is_done: bool,
}

impl<'a> Planner<'a, '_> {
    fn event(&mut self, event: &Event<'a>) -> PortResult<()> {
        match event.kind() {
            kind::TABLE_MAP => self.table_map(event),
            kind::QUERY | kind::MARIADB_QUERY_COMPRESSED => self.query(event),
            kind::TRANSACTION_PAYLOAD => self.payload(event),
            _ if event.is_rows() => self.rows(event),
            _ => Ok(()),
        }
    }

    fn table_map(&mut self, event: &Event<'_>) -> PortResult<()> {
        let parsed = event.table_id().zip(event.mapped_table());
        let (id, (database, table)) =
            parsed.ok_or_else(|| corrupt("a table map of the log cannot be read"))?;
        let fate = if self.databases.iter().any(|d| d.as_bytes() == database) {
            self.statement.maps.extend_from_slice(event.bytes());
            Fate::Apply
        } else if (database, table) == (own::SCHEMA.as_bytes(), own::CANARY_TABLE.as_bytes()) {
            Fate::Canary
        } else {
            Fate::Skip
        };
        self.tables.insert(id, fate);
        Ok(())
    }

    fn rows(&mut self, event: &Event<'_>) -> PortResult<()> {
        let fate = event
            .table_id()
            .and_then(|id| self.tables.get(&id))
            .copied();
        match fate {
            Some(Fate::Apply) => {
                let both = (event.bytes().to_vec(), event.ending_statement());
                self.statement.rows.push(both);
            }
            Some(Fate::Canary) => {
                let found = newest_canary(event.body(), self.service);
                let newer = |old: &Canary, new: &Canary| {
                    (old.epoch, old.sequence) < (new.epoch, new.sequence)
                };
                if let Some(new) = found
                    && self.plan.canary.as_ref().is_none_or(|old| newer(old, &new))
                {
                    self.plan.canary = Some(new);
                }
            }
            Some(Fate::Skip) | None => {}
        }
        if event.ends_statement() {
            let statement = std::mem::take(&mut self.statement);
            self.tables.clear();
            if !statement.rows.is_empty() && !self.is_done {
                self.plan.steps.push(Step::Rows(statement));
            }
        }
        Ok(())
    }

    fn query(&mut self, event: &Event<'a>) -> PortResult<()> {
        let query = query::read(event)?;
        match statement::classify(&query.sql) {
            Statement::Definition { databases } => {
                let ours = |name: &String| {
                    let name = if name.is_empty() {
                        query.database.as_ref()
                    } else {
                        name.as_bytes()
                    };
                    self.databases.iter().any(|d| d.as_bytes() == name)
                };
                if databases.iter().any(ours) && !self.is_done {
                    self.plan.steps.push(Step::Definition(query));
                }
                Ok(())
            }
            Statement::Begin
            | Statement::Commit
            | Statement::Rollback
            | Statement::Savepoint
            | Statement::Site
            // The source refuses those that concern the protected databases.
            | Statement::Rows => Ok(()),
            Statement::Xa => Err(corrupt("the segment has an XA transaction")),
        }
    }

    /// The events in a compressed transaction have no checksums, while the
    /// server expects them; so each gets one.
    fn payload(&mut self, event: &Event<'_>) -> PortResult<()> {
        let plain = payload::mysql_transaction(event.body())
            .ok_or_else(|| corrupt("a compressed transaction of the log cannot be read"))?;
        let mut rest = &plain[..];
        while !rest.is_empty() {
            let (inner, after) = Event::take(rest, false)?;
            rest = after;
            let sealed = inner.with_checksum();
            let (inner, _) = Event::take(&sealed, true)?;
            match inner.kind() {
                kind::TABLE_MAP => self.table_map(&inner)?,
                _ if inner.is_rows() => self.rows(&inner)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The newest canary of `service` in the row image of PlanB's canary table:
/// both columns are texts with one byte of length before them.
fn newest_canary(body: &[u8], service: &ServiceName) -> Option<Canary> {
    let name = service.as_str().as_bytes();
    let mut head = vec![u8::try_from(name.len()).ok()?];
    head.extend_from_slice(name);
    head.push(u8::try_from(CANARY_BYTES).ok()?);
    head.extend_from_slice(CANARY_PREFIX.as_bytes());
    let mut newest: Option<Canary> = None;
    let mut rest = body;
    while let Some(at) = script::find(rest, &head) {
        rest = &rest[at + name.len() + 2..];
        if let Some(found) = Canary::decode(rest)
            && newest.is_none_or(|n| (n.epoch, n.sequence) < (found.epoch, found.sequence))
        {
            newest = Some(found);
        }
    }
    newest
}

#[cfg(test)]
mod tests;
