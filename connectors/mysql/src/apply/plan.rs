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
    /// Plans a segment for the protected `databases` of `service`.
    pub fn make(
        segment: &Segment<'a>,
        databases: &[String],
        service: &ServiceName,
    ) -> PortResult<Self> {
        let mut planner = Planner {
            databases,
            service,
            plan: Plan::default(),
            tables: BTreeMap::new(),
            statement: Rows::default(),
        };
        for event in &segment.events {
            planner.event(event)?;
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
            if !statement.rows.is_empty() {
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
                if databases.iter().any(ours) {
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
mod tests {
    use super::*;
    use crate::binlog::event::testing;
    use crate::binlog::segment;
    use planb_model::Epoch;

    fn service() -> ServiceName {
        ServiceName::new("orders").expect("name")
    }

    fn segment_of(events: &[Vec<u8>]) -> Vec<u8> {
        segment::write(&testing::format_description(), events)
    }

    fn with<T>(events: &[Vec<u8>], look: impl FnOnce(Plan<'_>) -> T) -> T {
        let bytes = segment_of(events);
        let segment = segment::read(&bytes).expect("segment");
        look(Plan::make(&segment, &["shop".into()], &service()).expect("plan"))
    }

    #[test]
    fn only_the_protected_tables_are_applied_and_the_last_event_ends_the_statement() {
        let events = [
            testing::table_map(1, "shop", "t"),
            testing::table_map(2, "other", "t"),
            testing::rows(1, false, b"mine"),
            testing::rows(2, true, b"not mine"),
            testing::table_map(3, "planb", "fence"),
            testing::rows(3, true, b"never"),
        ];
        with(&events, |plan| {
            assert!(plan.is_atomic());
            let [Step::Rows(rows)] = &plan.steps[..] else {
                panic!("{:?}", plan.steps);
            };
            let expected = [events[0].clone(), testing::rows(1, true, b"mine")].concat();
            assert_eq!(rows.chunks(1 << 20).expect("fits"), [expected]);
        });
    }

    #[test]
    fn a_large_statement_is_cut_where_it_can_be_applied() {
        let mut events = vec![testing::table_map(1, "shop", "t")];
        events.extend((0..5).map(|i| testing::rows(1, i == 4, &[i; 100])));
        let bytes = events[0].len() + 2 * events[1].len();
        with(&events, |plan| {
            let [Step::Rows(rows)] = &plan.steps[..] else {
                panic!("{:?}", plan.steps);
            };
            let chunks = rows.chunks(bytes).expect("fits");
            assert_eq!(chunks.len(), 3);
            for chunk in chunks {
                assert!(chunk.len() <= bytes);
                assert!(chunk.starts_with(&events[0]));
                let mut rest = &chunk[..];
                let mut last = false;
                while !rest.is_empty() {
                    let (event, after) = Event::take(rest, true).expect("whole");
                    last = event.is_rows() && event.ends_statement();
                    rest = after;
                }
                assert!(last, "the chunk leaves its statement open");
            }
            assert_eq!(
                rows.chunks(50).map_err(|e| e.code()),
                Err("PB-MYSQL-PACKET")
            );
        });
    }

    #[test]
    fn definitions_elsewhere_and_of_the_site_are_left_out() {
        let events = [
            testing::query("other", "CREATE TABLE t (a INT)"),
            testing::query("shop", "CREATE TABLE other.t (a INT)"),
            testing::query("", "CREATE USER x"),
            testing::query("shop", "CREATE TABLE planb.x (a INT)"),
        ];
        with(&events, |plan| assert!(plan.steps.is_empty()));
        let ours = [testing::query("other", "ALTER TABLE shop.t ADD b INT")];
        with(&ours, |plan| {
            assert_eq!(plan.steps.len(), 1);
            assert!(!plan.is_atomic());
        });
    }

    #[test]
    fn the_newest_canary_of_this_service_is_found() {
        let canary = |sequence| Canary {
            epoch: Epoch(1),
            sequence,
            written_at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("time"),
        };
        let row = |service: &str, sequence| {
            let mark = canary(sequence).encode();
            let mut row = vec![0xfc, service.len() as u8];
            row.extend_from_slice(service.as_bytes());
            row.push(mark.len() as u8);
            row.extend_from_slice(mark.as_bytes());
            row
        };
        let image = [row("orders", 4), row("orders", 5), row("billing", 9)].concat();
        let events = [
            testing::table_map(1, "planb", "canary"),
            testing::rows(1, true, &image),
        ];
        with(&events, |plan| {
            assert_eq!(plan.canary, Some(canary(5)));
            assert!(plan.steps.is_empty());
        });
    }
}
