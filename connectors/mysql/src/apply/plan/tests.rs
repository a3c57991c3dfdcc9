//! Plans of segments made by hand.

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
    let bytes = Bytes::from(segment_of(events));
    let segment = segment::read(&bytes).expect("segment");
    let count = segment.events.len();
    look(Plan::make(&bytes, &segment, count, &["shop".into()], &service(), 0).expect("plan"))
}

#[test]
fn what_the_target_has_is_skipped_but_for_its_canary() {
    let mark = Canary {
        epoch: Epoch(1),
        sequence: 3,
        written_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let text = mark.encode();
    let mut image = vec![6];
    image.extend_from_slice(b"orders");
    image.push(text.len() as u8);
    image.extend_from_slice(text.as_bytes());
    let transaction = |data: &[u8], database, table, ends: u32| {
        [
            testing::at(kind::MARIADB_GTID, &[0; 19], ends - 30),
            testing::at_of(&testing::table_map(1, database, table), ends - 20),
            testing::at_of(&testing::rows(1, true, data), ends - 10),
            testing::at(kind::XID, &[0; 8], ends),
        ]
    };
    let events = [
        transaction(b"one", "shop", "t", 100),
        transaction(&image, "planb", "canary", 200),
        transaction(b"three", "shop", "t", 300),
    ]
    .concat();
    let bytes = Bytes::from(segment_of(&events));
    let segment = segment::read(&bytes).expect("segment");
    let count = segment.events.len();
    let plan = |done_to| {
        Plan::make(
            &bytes,
            &segment,
            count,
            &["shop".into()],
            &service(),
            done_to,
        )
    };
    for (done_to, steps) in [(0, 2), (100, 1), (150, 1), (200, 1)] {
        let plan = plan(done_to).expect("plan");
        assert_eq!(plan.steps.len(), steps, "{done_to}");
        assert_eq!(plan.canary, Some(mark), "{done_to}");
    }
    for inside in [90, 175, 300] {
        let error = plan(inside).expect_err("not between two transactions");
        assert_eq!(error.code(), "PB-MYSQL-CORRUPT", "{inside}");
    }
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
        assert_eq!(rows.chunks(1 << 20, true).expect("fits"), [expected]);
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
        let chunks = rows.chunks(bytes, true).expect("fits");
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
            rows.chunks(50, true).map_err(|e| e.code()),
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

#[test]
fn compressed_rows_are_applied_as_plain_ones() {
    use std::io::Write;
    let image = [0, 7, 0, 0, 0];
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&image).expect("compress");
    let packed = zlib.finish().expect("compress");
    let head = [1, 0, 0, 0, 0, 0, 1, 0, 1, 0xff];
    let body = [&head[..], &[0x81, image.len() as u8], &packed].concat();
    let events = [
        testing::table_map(1, "shop", "t"),
        testing::event(166, &body),
    ];
    with(&events, |plan| {
        let [Step::Rows(rows)] = &plan.steps[..] else {
            panic!("no rows");
        };
        assert_eq!(rows.rows[0].kind(), 23);
        assert_eq!(&rows.rows[0].body()[..], [&head[..], &image].concat());
    });
}
