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
            only_primary: true,
        })
    };
    let mut folder = Folder::new(&keys);
    for statement in statements {
        folder.push(statement);
    }
    folder.finish().in_order()
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

#[test]
fn rows_are_divided_by_their_key_and_all_of_a_key_is_in_one_share() {
    let keys = |unique: bool| Keys {
        columns: 2,
        primary: vec![0],
        unique: vec![0],
        numbered: Vec::new(),
        only_primary: unique,
    };
    let fold = |only_primary: bool, ordered: bool| {
        let keys = |_: &TableMap| Some(keys(only_primary));
        let mut folder = Folder::new(&keys).divided(4);
        let coming: Vec<(u8, u8)> = (0..=254).map(|key| (key, 1)).collect();
        folder.push(&statement(7, vec![event(7, DELETE, &[(255, 9)])]));
        folder.push(&statement(7, vec![event(7, WRITE, &coming)]));
        // 255 goes from where 0 was to where 255 was.
        folder.push(&statement(7, vec![event(7, UPDATE, &[(0, 1), (255, 1)])]));
        if ordered {
            folder.push(&statement(
                7,
                vec![logged(testing::event(
                    WRITE,
                    &[7, 0, 0, 0, 0, 0, 1, 0, 9, 3],
                ))],
            ));
        }
        let folded = folder.finish();
        assert!(folded.kept.is_empty() && folded.tables.len() == 1);
        let shares = &folded.tables[0].shares;
        shares.iter().map(|share| share.len()).collect::<Vec<_>>()
    };
    let divided = fold(true, false);
    assert_eq!(divided.len(), 4);
    assert!(
        divided.iter().filter(|rows| **rows > 0).count() >= 2,
        "{divided:?}"
    );
    assert_eq!(fold(false, false), [1], "a second unique key");
    assert_eq!(fold(true, true).len(), 1, "an event as it was");
}
