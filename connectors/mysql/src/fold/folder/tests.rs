//! Folding of events made by hand: a table of a key and a number of one byte.

use super::*;
use crate::binlog::event::{Event, kind, testing};
use crate::rowlog::table::testing::body;

fn logged(bytes: Vec<u8>) -> Logged {
    let bytes = Bytes::from(bytes);
    let (event, _) = Event::take(&bytes, true).expect("whole");
    Logged::part_of(&bytes, &event)
}

fn map(id: u8, table: &str, columns: usize) -> Logged {
    let columns = vec![(1u8, &[][..]); columns];
    logged(testing::event(
        kind::TABLE_MAP,
        &body(id, "shop", table, &columns),
    ))
}

/// A row event of the given type; images are given as (key, number).
fn event(id: u8, number: u8, images: &[(u8, u8)]) -> Logged {
    let mut bytes = vec![id, 0, 0, 0, 0, 0, 1, 0, 2, 3];
    if number == 24 {
        bytes.push(3);
    }
    bytes.extend(images.iter().flat_map(|(key, value)| [0, *key, *value]));
    logged(testing::event(number, &bytes))
}

const WRITE: u8 = 23;
const UPDATE: u8 = 24;
const DELETE: u8 = 25;

fn statement(id: u8, rows: Vec<Logged>) -> Rows {
    Rows {
        maps: vec![map(id, "t", 2)],
        rows,
    }
}

fn fold(statements: &[Rows]) -> Vec<Rows> {
    let keys = |map: &TableMap| {
        (map.table == b"t").then(|| Keys {
            columns: 2,
            primary: vec![0],
            unique: vec![0],
            numbered: Vec::new(),
        })
    };
    let mut folder = Folder::new(&keys);
    for statement in statements {
        folder.push(statement);
    }
    folder.finish()
}

/// Types and images of all row events.
fn read(folded: &[Rows]) -> Vec<(u8, Vec<u8>)> {
    let map = TableMap::read(&map(1, "t", 2).body()).expect("map");
    let events = folded.iter().flat_map(|rows| &rows.rows);
    let read = |event: &Logged| {
        let rows = RowEvent::read(event.kind(), &event.body(), 2).expect("read");
        assert_eq!(rows.flags & FLAG_NO_FOREIGN_KEYS, FLAG_NO_FOREIGN_KEYS);
        let rows = rows.rows(&map).expect("rows");
        let images = rows.into_iter().flat_map(|(b, a)| [b, a]).flatten();
        let values: Vec<u8> = images.flat_map(|image| image[1..].to_vec()).collect();
        (event.kind(), values)
    };
    events.map(read).collect()
}

#[test]
fn rows_that_change_places_go_before_they_come() {
    let swap = [
        statement(1, vec![event(1, UPDATE, &[(1, 10), (9, 10)])]),
        statement(1, vec![event(1, UPDATE, &[(2, 20), (1, 20)])]),
        statement(1, vec![event(1, UPDATE, &[(9, 10), (2, 10)])]),
        statement(1, vec![event(1, UPDATE, &[(3, 30), (3, 31)])]),
        statement(1, vec![event(1, UPDATE, &[(3, 31), (3, 32)])]),
    ];
    assert_eq!(
        read(&fold(&swap)),
        [
            (DELETE, vec![1, 10, 2, 20]),
            (UPDATE, vec![3, 30, 3, 32]),
            (WRITE, vec![2, 10, 1, 20]),
        ]
    );
}

#[test]
fn an_event_that_is_not_understood_stays_in_its_place() {
    let half = logged(testing::event(WRITE, &[5, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0, 7]));
    let folded = fold(&[
        statement(1, vec![event(1, WRITE, &[(1, 1)])]),
        statement(1, vec![event(1, UPDATE, &[(1, 1), (1, 2)])]),
        statement(5, vec![half.clone()]),
        statement(1, vec![event(1, UPDATE, &[(1, 2), (1, 3)])]),
    ]);
    assert_eq!(folded.len(), 3);
    assert_eq!(read(&folded[..1]), [(WRITE, vec![1, 2])]);
    let as_it_is = half.with_table(&[1, 0, 0, 0, 0, 0]);
    assert_eq!(folded[1].rows, [as_it_is.with_flags(FLAG_NO_FOREIGN_KEYS)]);
    assert_eq!(read(&folded[2..]), [(UPDATE, vec![1, 2, 1, 3])]);
}

#[test]
fn other_tables_keep_their_events_and_a_table_that_changes_its_columns_does_too() {
    let other = Rows {
        maps: vec![map(2, "other", 2)],
        rows: vec![event(2, WRITE, &[(1, 1)]), event(2, DELETE, &[(1, 1)])],
    };
    let wider = Rows {
        maps: vec![map(3, "t", 3)],
        rows: vec![event(3, WRITE, &[(2, 2)])],
    };
    let narrow = statement(1, vec![event(1, WRITE, &[(1, 1)])]);
    let again = statement(1, vec![event(1, DELETE, &[(1, 1)])]);
    let folded = fold(&[other.clone(), narrow, wider.clone(), again.clone()]);
    assert_eq!(folded.len(), 4);
    assert_eq!(folded[0], other);
    assert_eq!(read(&folded[1..2]), [(WRITE, vec![1, 1])]);
    assert_eq!(folded[2..], [wider, again]);
}
