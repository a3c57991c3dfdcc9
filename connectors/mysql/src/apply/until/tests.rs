//! Points in segments made by hand.

use super::*;
use crate::binlog::event::testing;
use crate::binlog::segment;
use planb_model::recovery::{ObjectHash, SegmentSeq, VAULT_FORMAT};
use planb_model::{Epoch, ServiceName};

fn position(at: &str, gtid: &str) -> LogPosition {
    LogPosition {
        stream: "mariadb:1:x".into(),
        at: at.into(),
        gtid: Some(gtid.into()),
    }
}

fn header(start: LogPosition, end: LogPosition) -> SegmentHeader {
    SegmentHeader {
        format: VAULT_FORMAT,
        service: ServiceName::new("orders").expect("name"),
        epoch: Epoch(1),
        seq: SegmentSeq(7),
        previous: ObjectHash::genesis(),
        written_at: Timestamp::UNIX_EPOCH,
        body: SegmentBody::Log {
            start,
            end,
            transactions: 3,
            raw_bytes: 1,
        },
    }
}

/// An event of server 1 at a time.
fn at(kind: u8, body: &[u8], next_offset: u32, seconds: u32) -> Vec<u8> {
    let mut event = testing::at(kind, body, next_offset);
    event[..4].copy_from_slice(&seconds.to_le_bytes());
    testing::sealed(event)
}

/// MariaDB's transactions 0-1-41, 0-1-42 and 1-1-5, ending at 200, 300 and 400,
/// committed 10, 20 and 30 seconds after 1970.
fn mariadb() -> (Vec<u8>, SegmentHeader) {
    let transaction = |number: u64, domain: u32, end: u32, seconds| {
        let mut gtid = number.to_le_bytes().to_vec();
        gtid.extend_from_slice(&domain.to_le_bytes());
        gtid.extend_from_slice(&[0; 7]);
        [
            at(kind::MARIADB_GTID, &gtid, end - 50, seconds),
            at(kind::XID, &[0; 8], end, seconds),
        ]
    };
    let events = [
        transaction(41, 0, 200, 10),
        transaction(42, 0, 300, 20),
        transaction(5, 1, 400, 30),
    ];
    let bytes = segment::write(&testing::format_description(), &events.concat());
    let (start, end) = (
        position("b.000002:100", "0-1-40"),
        position("b.000002:400", "0-1-42,1-1-5"),
    );
    (bytes, header(start, end))
}

/// Events before a cut, its place and its GTIDs.
type Found = Option<(usize, String, Option<String>)>;

fn cut(until: &Until) -> Result<Found, &'static str> {
    let (bytes, header) = mariadb();
    let segment = segment::read(&bytes).expect("segment");
    match find(&segment, &header, until, None) {
        Ok(None) => Ok(None),
        Ok(Some(cut)) => Ok(Some((cut.events, cut.position.at, cut.position.gtid))),
        Err(error) => Err(error.code()),
    }
}

fn place(events: usize, offset: u32, gtid: &str) -> Found {
    Some((events, format!("b.000002:{offset}"), Some(gtid.into())))
}

#[test]
fn a_moment_takes_what_was_committed_at_or_before_it() {
    let until = |millis| Until::Time(Timestamp::from_millisecond(millis).expect("time"));
    let cases = [
        (9_999, place(0, 100, "0-1-40")),
        (10_000, place(2, 200, "0-1-41")),
        (29_999, place(4, 300, "0-1-42")),
        (30_000, None),
    ];
    for (millis, expected) in cases {
        assert_eq!(cut(&until(millis)), Ok(expected), "{millis}");
    }
}

#[test]
fn a_place_takes_the_transactions_that_end_at_or_before_it() {
    let cases = [
        ("b.000002:99", Err("PB-MYSQL-POINT-PASSED")),
        ("b.000001:900", Err("PB-MYSQL-POINT-PASSED")),
        ("b.000002:100", Ok(place(0, 100, "0-1-40"))),
        ("b.000002:250", Ok(place(2, 200, "0-1-41"))),
        ("b.000002:300", Ok(place(4, 300, "0-1-42"))),
        ("b.000002:400", Ok(place(6, 400, "0-1-42,1-1-5"))),
        ("b.000003:4", Ok(None)),
        ("yesterday", Err("PB-MYSQL-POINT")),
        ("", Err("PB-MYSQL-POINT")),
    ];
    for (text, expected) in cases {
        assert_eq!(cut(&Until::Position(text.into())), expected, "{text}");
    }
}

#[test]
fn a_gtid_takes_its_transaction_and_those_before_it() {
    let cases = [
        ("0-1-39", Err("PB-MYSQL-POINT-PASSED")),
        ("0-1-40", Ok(place(0, 100, "0-1-40"))),
        ("0-2-40", Err("PB-MYSQL-POINT-UNKNOWN")),
        ("0-1-41", Ok(place(2, 200, "0-1-41"))),
        ("0-2-41", Err("PB-MYSQL-POINT-UNKNOWN")),
        ("1-1-5", Ok(place(6, 400, "0-1-42,1-1-5"))),
        ("1-1-4", Err("PB-MYSQL-POINT-UNKNOWN")),
        ("0-1-43", Ok(None)),
        ("2-1-1", Ok(None)),
        ("0-1-", Err("PB-MYSQL-POINT")),
    ];
    for (text, expected) in cases {
        assert_eq!(cut(&Until::Position(text.into())), expected, "{text}");
    }
}

#[test]
fn mysql_tells_transactions_by_uuid_and_commits_to_the_microsecond() {
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let transaction = |number: u64, end: u32, micros: u64| {
        let mut gtid = vec![0];
        let hex: String = uuid.chars().filter(|c| *c != '-').collect();
        let byte = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex");
        gtid.extend((0..16).map(byte));
        gtid.extend_from_slice(&number.to_le_bytes());
        gtid.push(2);
        gtid.extend_from_slice(&[0; 16]);
        gtid.extend_from_slice(&micros.to_le_bytes()[..7]);
        [
            at(kind::GTID, &gtid, end - 50, 1),
            at(kind::XID, &[0; 8], end, 1),
        ]
    };
    let events = [
        transaction(6, 200, 1_500_000),
        transaction(7, 300, 1_600_000),
    ];
    let bytes = segment::write(&testing::format_description(), &events.concat());
    let segment = segment::read(&bytes).expect("segment");
    let set = format!("{uuid}:1-5");
    let header = header(position("b.1:100", &set), position("b.1:300", &set));
    let cut = |until| match find(&segment, &header, &until, None) {
        Ok(cut) => Ok(cut.map(|cut| cut.events)),
        Err(error) => Err(error.code()),
    };
    let at = |number| Until::Position(format!("{}:{number}", uuid.to_uppercase()));
    assert_eq!(cut(at(4)), Err("PB-MYSQL-POINT-PASSED"));
    assert_eq!(cut(at(5)), Ok(Some(0)));
    assert_eq!(cut(at(6)), Ok(Some(2)));
    assert_eq!(cut(at(7)), Ok(Some(4)));
    assert_eq!(cut(at(8)), Ok(None));
    let time = |micros| Until::Time(Timestamp::from_microsecond(micros).expect("time"));
    assert_eq!(cut(time(1_499_999)), Ok(Some(0)));
    assert_eq!(cut(time(1_500_000)), Ok(Some(2)));
    assert_eq!(cut(time(1_600_000)), Ok(None));
}
