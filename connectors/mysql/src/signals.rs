//! How many rows log changes, by table: for the signs of tampering a drill
//! looks for. Values are never read.

use crate::binlog::event::kind;
use crate::binlog::segment;
use crate::catalog;
use crate::own;
use crate::rowlog::event::{Action, RowEvent};
use crate::rowlog::table::TableMap;
use bytes::Bytes;
use planb_ports::database::{LogSignals, RowChanges};
use std::collections::BTreeMap;

/// Counts the rows of a segment. Events that cannot be taken apart, such as
/// compressed ones, are not counted.
pub(crate) fn of(bytes: &[u8]) -> Option<LogSignals> {
    let segment = segment::read(bytes).ok()?;
    let mut maps = BTreeMap::new();
    let mut signals = LogSignals::default();
    for event in &segment.events {
        let Some(id) = event.table_id() else {
            continue;
        };
        if event.kind() == kind::TABLE_MAP {
            if let Some(map) = TableMap::read(event.body()) {
                maps.insert(id, map);
            }
        } else if event.is_rows()
            && let Some(map) = maps.get(&id)
            && let Some((action, rows)) = count(event.kind(), event.body(), map)
            && let Some(table) = label(map)
        {
            add(signals.tables.entry(table).or_default(), action, rows);
        }
    }
    Some(signals)
}

fn count(number: u8, body: &[u8], map: &TableMap) -> Option<(Action, u64)> {
    let body = Bytes::copy_from_slice(body);
    let event = RowEvent::read(number, &body, map.columns())?;
    Some((event.action, event.rows(map)?.len() as u64))
}

/// The name a digest has; `None` for PlanB's own tables.
fn label(map: &TableMap) -> Option<String> {
    let database = String::from_utf8_lossy(&map.database);
    let table = String::from_utf8_lossy(&map.table);
    (database != own::SCHEMA).then(|| catalog::label(&database, &table))
}

fn add(changes: &mut RowChanges, action: Action, rows: u64) {
    match action {
        Action::Write => changes.inserted += rows,
        Action::Update => changes.updated += rows,
        Action::Delete => changes.deleted += rows,
    }
}
