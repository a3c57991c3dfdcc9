//! What of a segment is applied, in which steps. Pure.

use crate::binlog::event::{Event, kind};
use crate::binlog::payload;
use crate::binlog::query::{self, Query};
use crate::binlog::segment::Segment;
use crate::binlog::statement::{self, Statement};
use crate::error::corrupt;
use crate::own;
use crate::rowlog::statement::{Logged, Rows};
use crate::script;
use bytes::Bytes;
use planb_model::canary::{CANARY_BYTES, CANARY_PREFIX};
use planb_model::{Canary, ServiceName};
use planb_ports::PortResult;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One step.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// The row events of one statement.
    Rows(Rows),
    /// A statement that changes definitions.
    Definition(Query<'a>),
}

/// What is done with a segment.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub steps: Vec<Step<'a>>,
    /// The newest canary of the service in it.
    pub canary: Option<Canary>,
    /// The row event it was found in.
    pub canary_rows: Option<Rows>,
    /// Databases and names of the tables whose rows it changes.
    pub tables: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Plan<'a> {
    /// Plans the first `count` events of a segment, read from `bytes`, for the
    /// protected `databases` of `service`. The target has everything up to the
    /// offset `done_to` of the segment's file already; only the canary is taken
    /// from there, which a restore has from the log alone.
    pub fn make(
        bytes: &Bytes,
        segment: &Segment<'a>,
        count: usize,
        databases: &[String],
        service: &ServiceName,
        done_to: u64,
    ) -> PortResult<Self> {
        let mut planner = Planner {
            databases,
            service,
            plan: Plan::default(),
            fates: HashMap::new(),
            tables: BTreeMap::new(),
            canary_map: None,
            statement: Rows::default(),
            is_done: done_to > 0,
        };
        let events = segment.events.get(..count).unwrap_or_default();
        for event in events {
            if planner.is_done && u64::from(event.next_offset()) > done_to {
                if !event.begins_transaction() {
                    return Err(corrupt("the target stands inside of a transaction"));
                }
                planner.is_done = false;
            }
            planner.event(bytes, event)?;
        }
        if planner.is_done && events.len() == segment.events.len() {
            return Err(corrupt("the segment ends before the target's place"));
        }
        // A piece of a transaction may end inside of a statement.
        planner.end_statement();
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
    /// By what a table map says besides its number.
    fates: HashMap<Vec<u8>, Fate>,
    tables: BTreeMap<u64, Fate>,
    canary_map: Option<Logged>,
    statement: Rows,
    /// The target has what the event is part of.
    is_done: bool,
}

impl<'a> Planner<'a, '_> {
    fn event(&mut self, bytes: &Bytes, event: &Event<'a>) -> PortResult<()> {
        match event.kind() {
            kind::TABLE_MAP => self.table_map(bytes, event),
            kind::QUERY | kind::MARIADB_QUERY_COMPRESSED => self.query(event),
            kind::TRANSACTION_PAYLOAD => self.payload(event),
            _ if event.is_rows() => self.rows(bytes, event),
            _ => Ok(()),
        }
    }

    fn table_map(&mut self, bytes: &Bytes, event: &Event<'_>) -> PortResult<()> {
        let parsed = event.table_id().zip(event.mapped_table());
        let (id, (database, table)) =
            parsed.ok_or_else(|| corrupt("a table map of the log cannot be read"))?;
        let said = event.body().get(6..).unwrap_or_default();
        let fate = match self.fates.get(said) {
            Some(fate) => *fate,
            None => {
                let fate = self.fate(database, table);
                self.fates.insert(said.to_vec(), fate);
                fate
            }
        };
        match fate {
            Fate::Apply => self.statement.maps.push(Logged::part_of(bytes, event)),
            Fate::Canary => self.canary_map = Some(Logged::part_of(bytes, event)),
            Fate::Skip => {}
        }
        self.tables.insert(id, fate);
        Ok(())
    }

    fn fate(&mut self, database: &[u8], table: &[u8]) -> Fate {
        if self.databases.iter().any(|d| d.as_bytes() == database) {
            self.plan.tables.insert((database.to_vec(), table.to_vec()));
            Fate::Apply
        } else if (database, table) == (own::SCHEMA.as_bytes(), own::CANARY_TABLE.as_bytes()) {
            Fate::Canary
        } else {
            Fate::Skip
        }
    }

    fn rows(&mut self, bytes: &Bytes, event: &Event<'_>) -> PortResult<()> {
        let fate = event
            .table_id()
            .and_then(|id| self.tables.get(&id))
            .copied();
        let logged = || {
            Logged::rows_of(bytes, event)
                .ok_or_else(|| corrupt("compressed rows of the log cannot be read"))
        };
        match fate {
            Some(Fate::Apply) => self.statement.rows.push(logged()?),
            Some(Fate::Canary) => {
                let logged = logged()?;
                let found = newest_canary(&logged.body(), self.service);
                let newer = |old: &Canary, new: &Canary| {
                    (old.epoch, old.sequence) < (new.epoch, new.sequence)
                };
                if let Some(new) = found
                    && self.plan.canary.as_ref().is_none_or(|old| newer(old, &new))
                {
                    self.plan.canary = Some(new);
                    self.plan.canary_rows = Some(Rows {
                        maps: self.canary_map.iter().cloned().collect(),
                        rows: vec![logged],
                    });
                }
            }
            Some(Fate::Skip) | None => {}
        }
        if event.ends_statement() {
            self.tables.clear();
            self.end_statement();
        }
        Ok(())
    }

    fn end_statement(&mut self) {
        let statement = std::mem::take(&mut self.statement);
        if !statement.rows.is_empty() && !self.is_done {
            self.plan.steps.push(Step::Rows(statement));
        }
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

    fn payload(&mut self, event: &Event<'_>) -> PortResult<()> {
        let plain = payload::mysql_transaction(event.body())
            .ok_or_else(|| corrupt("a compressed transaction of the log cannot be read"))?;
        let plain = Bytes::from(plain);
        let mut rest = &plain[..];
        while !rest.is_empty() {
            let (inner, after) = Event::take(rest, false)?;
            rest = after;
            match inner.kind() {
                kind::TABLE_MAP => self.table_map(&plain, &inner)?,
                _ if inner.is_rows() => self.rows(&plain, &inner)?,
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
