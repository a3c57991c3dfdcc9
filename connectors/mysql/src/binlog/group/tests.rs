//! Transactions and pieces of long ones, from events made for the purpose.

use super::*;
use crate::binlog::event::testing;

fn grouper() -> Grouper {
    let start = BinlogPosition::parse("b.000001:4").expect("position");
    Grouper::new(vec!["shop".into()], start)
}

/// Takes one event; returns the bytes of the transaction it ends.
fn push(grouper: &mut Grouper, bytes: &[u8]) -> PortResult<Option<Vec<u8>>> {
    let (event, _) = Event::take(bytes, true)?;
    grouper.push(&event)?;
    let Some((whole, bytes)) = grouper.take_whole() else {
        return Ok(None);
    };
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].bytes, bytes.len());
    assert_eq!(whole[0].end, grouper.seen().offset);
    Ok(Some(bytes))
}

fn mariadb_gtid(sequence: u64, flags: u8) -> Vec<u8> {
    let mut body = sequence.to_le_bytes().to_vec();
    body.extend_from_slice(&[0, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0]);
    testing::event(kind::MARIADB_GTID, &body)
}

#[test]
fn a_mariadb_transaction_is_whole_with_its_commit_and_not_before() {
    let mut grouper = grouper();
    let parts = [
        mariadb_gtid(7, 0),
        testing::table_map(1, "shop", "t"),
        testing::rows(1, true, b"row"),
    ];
    for part in &parts {
        assert_eq!(push(&mut grouper, part).expect("taken"), None);
    }
    let xid = testing::at(kind::XID, &[0; 8], 900);
    let whole = push(&mut grouper, &xid).expect("taken").expect("whole");
    assert_eq!(whole, [parts.concat(), xid].concat());
    assert_eq!(grouper.seen().to_string(), "b.000001:900");
}

#[test]
fn whole_transactions_are_taken_out_from_before_the_open_one() {
    let mut grouper = grouper();
    let mut take = |bytes: &[u8]| {
        let (event, _) = Event::take(bytes, true).expect("event");
        grouper.push(&event).expect("taken");
        grouper.whole_bytes()
    };
    let (first, second) = (mariadb_gtid(7, 0), mariadb_gtid(8, 0));
    let (xid, end) = (
        testing::at(kind::XID, &[0; 8], 90),
        testing::at(kind::XID, &[0; 8], 95),
    );
    assert_eq!(take(&first), 0);
    assert_eq!(take(&xid), first.len() + xid.len());
    assert_eq!(take(&second), first.len() + xid.len());
    let (whole, bytes) = grouper.take_whole().expect("one");
    assert_eq!(bytes, [first, xid].concat());
    assert_eq!(
        (whole.len(), &whole[0].identifier),
        (1, &Gtid::Mariadb(0, 1, 7))
    );
    assert_eq!(grouper.take_whole(), None);
    assert_eq!(
        push(&mut grouper, &end).expect("taken"),
        Some([second, end].concat())
    );
}

#[test]
fn a_place_beyond_32_bits_is_noticed() {
    let mut grouper = grouper();
    push(&mut grouper, &mariadb_gtid(7, 0)).expect("taken");
    let rows = testing::rows(1, true, b"row");
    push(&mut grouper, &testing::at_of(&rows, u32::MAX)).expect("taken");
    let error = push(&mut grouper, &testing::at(kind::XID, &[0; 8], 90)).expect_err("wrapped");
    assert_eq!(error.code(), "PB-MYSQL-LOG-LOST");
}

#[test]
fn definitions_are_transactions_of_their_own() {
    let mut grouper = grouper();
    let create = testing::query("shop", "CREATE TABLE t (a INT)");
    push(&mut grouper, &mariadb_gtid(1, 1)).expect("taken");
    assert!(push(&mut grouper, &create).expect("taken").is_some());
    let gtid = testing::event(kind::ANONYMOUS_GTID, &[0; 20]);
    push(&mut grouper, &gtid).expect("taken");
    assert!(push(&mut grouper, &create).expect("taken").is_some());
    push(&mut grouper, &gtid).expect("taken");
    push(&mut grouper, &testing::query("shop", "BEGIN")).expect("taken");
    assert!(push(&mut grouper, &create).expect("taken").is_none());
    assert!(
        push(&mut grouper, &testing::query("", "COMMIT"))
            .expect("taken")
            .is_some()
    );
}

#[test]
fn what_cannot_be_replayed_is_refused_at_the_source() {
    let refused = |events: &[Vec<u8>]| {
        let mut grouper = grouper();
        events
            .iter()
            .find_map(|event| push(&mut grouper, event).err())
            .map(|error| error.code())
    };
    let insert = |database: &str| testing::query(database, "INSERT INTO t VALUES (UUID())");
    assert_eq!(
        refused(&[mariadb_gtid(1, 0), insert("shop")]),
        Some("PB-MYSQL-LOG-LOST")
    );
    assert_eq!(refused(&[mariadb_gtid(1, 0), insert("other")]), None);
    assert_eq!(refused(&[mariadb_gtid(1, 64)]), Some("PB-MYSQL-XA"));
    assert_eq!(
        refused(&[testing::event(kind::INCIDENT, &[1, 0])]),
        Some("PB-MYSQL-LOG-LOST")
    );
    assert_eq!(
        refused(&[testing::rows(1, true, b"")]),
        Some("PB-MYSQL-CORRUPT")
    );
}

#[test]
fn rotation_moves_the_position_and_ends_nothing() {
    let mut grouper = grouper();
    let mut body = 4u64.to_le_bytes().to_vec();
    body.extend_from_slice(b"b.000002");
    push(&mut grouper, &testing::at(kind::ROTATE, &body, 500)).expect("taken");
    assert_eq!(grouper.seen().to_string(), "b.000002:4");
}

#[test]
fn a_transaction_cut_off_by_a_crash_is_dropped_and_the_next_file_read() {
    let mut grouper = grouper();
    push(&mut grouper, &mariadb_gtid(7, 0)).expect("taken");
    push(&mut grouper, &testing::rows(1, true, b"cut off")).expect("taken");
    let mut body = 4u64.to_le_bytes().to_vec();
    body.extend_from_slice(b"b.000002");
    push(&mut grouper, &testing::event(kind::ROTATE, &body)).expect("taken");
    push(&mut grouper, &mariadb_gtid(7, 0)).expect("taken");
    let xid = testing::at(kind::XID, &[0; 8], 90);
    let whole = push(&mut grouper, &xid).expect("taken").expect("whole");
    assert_eq!(whole, [mariadb_gtid(7, 0), xid].concat());
    assert_eq!(grouper.seen().to_string(), "b.000002:90");
}

/// Pieces and whole transactions with their bytes, as `events` give them.
fn given(grouper: &mut Grouper, events: &[Vec<u8>]) -> PortResult<Vec<(Whole, Vec<u8>)>> {
    let mut all = Vec::new();
    for event in events {
        let (event, _) = Event::take(event, true)?;
        grouper.push(&event)?;
    }
    if let Some((whole, mut bytes)) = grouper.take_whole() {
        for whole in whole {
            let rest = bytes.split_off(whole.bytes);
            all.push((whole, std::mem::replace(&mut bytes, rest)));
        }
    }
    Ok(all)
}

/// A transaction of statements over many events, from offset 100 of a file. Only
/// its first event and its last one tell where they are, as MariaDB 11.7 has it.
fn long() -> Vec<Vec<u8>> {
    let gtid = mariadb_gtid(7, 0);
    let mut events = vec![testing::at_of(&gtid, 100 + gtid.len() as u32)];
    events.push(testing::table_map(1, "shop", "t"));
    events.extend((0..9u8).map(|n| testing::rows(1, n == 8, &[n; 30])));
    events.push(testing::table_map(2, "shop", "u"));
    events.push(testing::table_map(3, "shop", "v"));
    events.extend((0..9u8).map(|n| testing::rows(2 + n % 2, n == 8, &[n; 30])));
    events.push(testing::at(kind::XID, &[0; 8], 5000));
    events
}

fn in_pieces(start: &str) -> Grouper {
    let start = BinlogPosition::parse(start).expect("position");
    Grouper::new(vec!["shop".into()], start).in_pieces_of(150)
}

/// Where a piece ends.
fn end(whole: &Whole) -> BinlogPosition {
    BinlogPosition {
        inside: whole.piece.clone().and_then(|piece| piece.inside),
        ..BinlogPosition::new("b.000001", whole.end)
    }
}

#[test]
fn a_long_transaction_is_given_out_in_pieces_that_can_be_read_alone() {
    let events = long();
    let all = given(&mut in_pieces("b.000001:90"), &events).expect("taken");
    assert!(all.len() > 5, "{}", all.len());
    let bytes: Vec<u8> = all.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(bytes, events.concat());
    let (last, pieces) = all.split_last().expect("some");
    assert!(last.0.ends() && end(&last.0).to_string() == "b.000001:5000");
    let mut before = BinlogPosition::new("b.000001", 100);
    for (whole, bytes) in pieces {
        assert!(bytes.len() < 250, "{}", bytes.len());
        let here = end(whole);
        assert!(!whole.ends() && before < here, "{before} {here}");
        assert_eq!(here.offset, 100);
        before = here;
    }
    for (whole, bytes) in &all {
        let piece = whole.piece.as_ref().expect("a piece");
        let mut maps = Vec::new();
        let with_maps = [&piece.maps[..], bytes].concat();
        let mut rest = &with_maps[..];
        while !rest.is_empty() {
            let (event, after) = Event::take(rest, true).expect("whole");
            if event.kind() == kind::TABLE_MAP {
                maps.push(event.table_id());
            }
            assert!(!event.is_rows() || maps.contains(&event.table_id()));
            rest = after;
        }
        // None of a statement that has ended.
        assert!(piece.maps.len() < 100);
    }
}

#[test]
fn a_transaction_that_is_not_long_is_whole_however_large_its_row_is() {
    let mut events = long();
    events.truncate(2);
    events.push(testing::rows(1, true, &[7; 9000]));
    events.push(testing::at(kind::XID, &[0; 8], 5000));
    let all = given(&mut in_pieces("b.000001:100"), &events).expect("taken");
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0.piece, None);
}

#[test]
fn reading_goes_on_inside_of_a_transaction_where_it_ended() {
    let events = long();
    let all = given(&mut in_pieces("b.000001:100"), &events).expect("taken");
    for (index, (whole, _)) in all.iter().enumerate().take(all.len() - 1) {
        let at = end(whole).to_string();
        let again = given(&mut in_pieces(&at), &events).expect("taken");
        assert_eq!(again[..], all[index + 1..], "{at}");
    }
    // What was shipped must be what is there: other rows, another end, another place.
    let at = end(&all[1].0).to_string();
    let refused = |events: &[Vec<u8>]| {
        let error = given(&mut in_pieces(&at), events).expect_err("another");
        assert_eq!(error.code(), "PB-MYSQL-LOG-LOST");
    };
    let mut other = events.clone();
    other[4] = testing::rows(1, false, &[99; 30]);
    refused(&other);
    let mut short = events.clone();
    short.drain(3..events.len() - 1);
    refused(&short);
    let mut moved = events.clone();
    moved[0] = testing::at_of(&events[0], 177);
    refused(&moved);
    let mut grown = events;
    grown[4] = testing::rows(1, false, &[3; 3000]);
    refused(&grown);
}

#[test]
fn a_part_that_a_crash_took_back_is_not_continued() {
    let events = long();
    let rotate = |file: &str| {
        let mut body = 4u64.to_le_bytes().to_vec();
        body.extend_from_slice(file.as_bytes());
        testing::event(kind::ROTATE, &body)
    };
    let mut grouper = in_pieces("b.000001:100");
    let pieces = given(&mut grouper, &events[..8]).expect("taken");
    let at = end(&pieces.last().expect("a piece").0).to_string();
    let next = [mariadb_gtid(7, 0), testing::at(kind::XID, &[0; 8], 90)];
    // The reader saw it, or begins behind it; the file may end at its beginning.
    for (mut grouper, there) in [
        (grouper, &[][..]),
        (in_pieces(&at), &events[..6]),
        (in_pieces(&at), &[]),
    ] {
        let begin = [rotate("b.000001")];
        let cut = [there, &[rotate("b.000002")]].concat();
        if grouper.open.is_none() {
            given(&mut grouper, &begin).expect("taken");
        }
        assert_eq!(given(&mut grouper, &cut).expect("taken"), []);
        let whole = given(&mut grouper, &next).expect("taken");
        assert_eq!(whole.len(), 1);
        assert_eq!(
            (whole[0].0.piece.is_some(), &whole[0].1),
            (false, &next.concat())
        );
        assert_eq!(grouper.seen().to_string(), "b.000002:90");
    }
}
