//! Transactions longer than a segment, which go in pieces.

use crate::stream_support::identical;
use crate::support::{
    Parts, Site, apply, binlog_tool, client_tool, drain, header, mark, numbers, restore, service,
    snapshot,
};
use planb_model::Epoch;
use planb_model::recovery::{LogPosition, TableDigest};
use planb_ports::{
    Database, ErrorKind, LogBatch, LogSegment, LogSource, SegmentEnd, SnapshotFacts, Until,
};
use std::time::Duration;

/// What a segment of a long transaction may have: a piece of it, the event that
/// made it long enough, and a head.
const SEGMENT_BYTES_MAX: usize = (4 << 20) + (32 << 10);

const SETUP: &[&str] = &[
    "CREATE DATABASE shop",
    "USE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, n INT, v TEXT)",
    "CREATE TABLE shop.u (id INT PRIMARY KEY, v TEXT)",
    concat!(
        "INSERT INTO shop.t SELECT seq, 0, REPEAT(SHA2(seq, 256), 8) FROM ",
        numbers!(12000)
    ),
];

/// 15 MB of log: one statement over several segments, and others behind it.
const LONG: &[&str] = &[
    "USE shop",
    "BEGIN",
    "UPDATE shop.t SET n = n + 1",
    concat!(
        "INSERT INTO shop.u SELECT seq, REPEAT(SHA2(seq, 256), 8) FROM ",
        numbers!(3000)
    ),
    "UPDATE shop.t JOIN shop.u USING (id) SET shop.t.n = 7, shop.u.v = 'both'",
    "DELETE FROM shop.t WHERE id % 3 = 0",
    "COMMIT",
];

/// A source whose log has a short, a long and a short transaction behind a snapshot.
struct Shipped {
    source: Site,
    snapshot: (Parts, SnapshotFacts),
    batches: Vec<LogBatch>,
}

impl Shipped {
    async fn new(more: &[&str]) -> Self {
        let source = Site::start_with(1, |options| {
            options
                .extra_args
                .extend(more.iter().map(|s| s.to_string()));
        })
        .await;
        source.run(SETUP).await;
        let snapshot = snapshot(&source.database()).await;
        let mut log = open(&source, &snapshot.1).await;
        source
            .run(&["INSERT INTO shop.u VALUES (-1, 'before')"])
            .await;
        let mut batches = drain(log.as_mut()).await;
        source.run(LONG).await;
        source
            .run(&["INSERT INTO shop.u VALUES (-2, 'after')"])
            .await;
        batches.extend(drain(log.as_mut()).await);
        Self {
            source,
            snapshot,
            batches,
        }
    }

    /// Numbers of the first segment of the long transaction, and of the one with
    /// its commit.
    fn long(&self) -> (usize, usize) {
        let piece = |batch: &LogBatch| batch.transactions == 0;
        let first = self.batches.iter().position(piece).expect("in pieces");
        let last = self.batches.iter().rposition(piece).expect("in pieces") + 1;
        assert!(last - first >= 2, "{first} to {last}");
        (first, last)
    }

    async fn target(&self, id: u32) -> Site {
        let target = Site::start(id).await;
        self.load(&target).await;
        target
    }

    async fn load(&self, target: &Site) {
        restore(&target.database(), &self.snapshot.0, &self.snapshot.1).await;
    }

    async fn apply(&self, target: &Site, indexes: std::ops::Range<usize>) {
        for index in indexes {
            let done = apply(&target.database(), &self.batches[index], index as u64 + 1).await;
            let end = done.unwrap_or_else(|error| panic!("{index}: {}", error.chain()));
            assert_eq!(end, SegmentEnd::All);
        }
    }

    fn segment(&self, index: usize) -> LogSegment {
        let (batch, seq) = (&self.batches[index], index as u64 + 1);
        LogSegment {
            header: header(batch, seq),
            bytes: batch.bytes.clone(),
            mark: mark(&batch.end, seq + 1),
        }
    }

    fn segments(&self) -> Vec<LogSegment> {
        (0..self.batches.len()).map(|i| self.segment(i)).collect()
    }
}

async fn open(source: &Site, facts: &SnapshotFacts) -> Box<dyn LogSource> {
    let opened = source.database().open_log(&facts.position).await;
    opened.unwrap_or_else(|error| panic!("{}", error.chain()))
}

async fn digests(site: &Site) -> Vec<TableDigest> {
    site.database().digests().await.expect("digests")
}

/// How many tables there are in which pieces are put aside.
async fn aside(site: &Site) -> String {
    let sql = "SELECT COUNT(*) FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = 'planb' AND TABLE_NAME LIKE 'pending%'";
    site.one(sql).await.expect("a number")
}

#[tokio::test]
async fn a_long_transaction_goes_in_pieces_and_is_there_with_its_commit() {
    let shipped = Shipped::new(&[]).await;
    for batch in &shipped.batches {
        assert!(
            batch.bytes.len() <= SEGMENT_BYTES_MAX,
            "{}",
            batch.bytes.len()
        );
    }
    identical(
        &shipped.source,
        &shipped.snapshot.1.position,
        &shipped.batches,
    );
    let (first, last) = shipped.long();
    let gtid = &shipped.batches[first].start.gtid;
    let pieces = &shipped.batches[first..last];
    assert!(pieces.iter().all(|batch| batch.end.gtid == *gtid));
    let target = shipped.target(2).await;
    shipped.apply(&target, 0..first).await;
    let before = digests(&target).await;
    for index in first..last {
        shipped.apply(&target, index..index + 1).await;
        assert_eq!(digests(&target).await, before, "segment {index}");
        let stands = target.database().applied().await.expect("known");
        assert_eq!(stands, Some(shipped.segment(index).mark));
        assert_eq!(aside(&target).await, "1");
    }
    shipped.apply(&target, last..shipped.batches.len()).await;
    assert_eq!(digests(&target).await, digests(&shipped.source).await);
    assert_eq!(aside(&target).await, "0");

    // All at once, over what another restore left.
    shipped.load(&target).await;
    let all = shipped.segments();
    let done = target.database().apply_segments(&all[..last], None).await;
    assert_eq!(done.expect("applied"), (last, SegmentEnd::All));
    assert_eq!(aside(&target).await, "1");
    shipped.load(&target).await;
    assert_eq!(aside(&target).await, "0");
    let done = target.database().apply_segments(&all, None).await;
    assert_eq!(done.expect("applied"), (all.len(), SegmentEnd::All));
    assert_eq!(digests(&target).await, digests(&shipped.source).await);

    // Nothing is folded with a piece, and every piece says what it does.
    for index in [first, last - 1, last] {
        let one = [(all[index].header.clone(), all[index].bytes.clone())];
        assert_eq!(target.database().fold(&one).await.expect("looked"), None);
    }
    let signals = all
        .iter()
        .filter_map(|s| target.database().log_signals(&s.bytes));
    let updated = signals.filter_map(|s| Some(s.tables.get("shop.t")?.updated));
    assert_eq!(updated.sum::<u64>(), 12000 + 3000);
}

/// A copy that is promoted inside of the transaction.
async fn has_nothing_of_it(shipped: &Shipped, target: &Site, before: &[TableDigest]) {
    let (_, last) = shipped.long();
    shipped.load(target).await;
    shipped.apply(target, 0..last).await;
    let promoted = target.database().promote(&service(), Epoch(2)).await;
    promoted.expect("promoted");
    assert_eq!(digests(target).await, before);
    assert_eq!(aside(target).await, "0");
    assert_eq!(target.database().integrity().await.expect("looked"), []);
}

#[tokio::test]
async fn what_was_put_aside_survives_a_crash_and_is_missed_when_it_is_gone() {
    let shipped = Shipped::new(&[]).await;
    let (first, last) = shipped.long();
    let mut target = shipped.target(2).await;
    shipped.apply(&target, 0..first).await;
    let before = digests(&target).await;
    // A crash between the table and its first row, and one after the last piece.
    let name = format!(
        "planb.pending_{}",
        target
            .one("SELECT scope FROM planb.applied")
            .await
            .expect("a scope")
    );
    target
        .run(&[&format!("CREATE TABLE {name} (leftover INT)")])
        .await;
    shipped.apply(&target, first..last).await;
    target.server.kill();
    target.server.restart().await.expect("starts");
    assert_eq!(digests(&target).await, before);

    let refused = async |target: &Site| {
        let done = apply(&target.database(), &shipped.batches[last], last as u64 + 1).await;
        let error = done.expect_err("a part is gone");
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Conflict, "PB-MYSQL-NOT-CONTINUOUS")
        );
        assert_eq!(digests(target).await, before);
    };
    let rows = format!("FROM {name} ORDER BY seq DESC, part DESC LIMIT 1");
    target
        .run(&[
            &format!("CREATE TABLE planb.kept AS SELECT * {rows}"),
            &format!("DELETE {rows}"),
        ])
        .await;
    refused(&target).await;
    target
        .run(&[&format!("INSERT INTO {name} SELECT * FROM planb.kept")])
        .await;
    target.run(&["DROP TABLE planb.kept"]).await;
    target
        .run(&[&format!("RENAME TABLE {name} TO planb.moved")])
        .await;
    refused(&target).await;
    target
        .run(&[&format!("RENAME TABLE planb.moved TO {name}")])
        .await;

    // A crash while it is applied takes all of it back.
    target
        .run(&["CREATE TABLE planb.held AS SELECT * FROM shop.u"])
        .await;
    target
        .run(&["INSERT INTO shop.u VALUES (3000, 'in the way')"])
        .await;
    let done = apply(&target.database(), &shipped.batches[last], last as u64 + 1).await;
    done.expect_err("a row is in the way");
    target
        .run(&[
            "DELETE FROM shop.u WHERE id = 3000",
            "DROP TABLE planb.held",
        ])
        .await;
    assert_eq!(digests(&target).await, before);
    let stands = target.database().applied().await.expect("known");
    assert_eq!(stands, Some(shipped.segment(last - 1).mark));

    shipped.apply(&target, last..shipped.batches.len()).await;
    assert_eq!(digests(&target).await, digests(&shipped.source).await);
}

#[tokio::test]
async fn a_reader_that_starts_inside_a_transaction_goes_on_there() {
    // Without checksums, and without GTIDs: bytes and places alone.
    let source = Site::start_with(1, |options| {
        options.gtid = false;
        options.extra_args.push("--binlog-checksum=NONE".into());
    })
    .await;
    source.run(SETUP).await;
    let taken = snapshot(&source.database()).await;
    let mut log = open(&source, &taken.1).await;
    source.run(LONG).await;
    source
        .run(&["INSERT INTO shop.u VALUES (-2, 'after')"])
        .await;
    let mut batches = Vec::new();
    for _ in 0..2 {
        batches.push(piece(log.as_mut()).await);
    }
    drop(log);
    let opened = source.database().open_log(&batches[1].end).await;
    batches.extend(drain(opened.expect("opens").as_mut()).await);
    let shipped = Shipped {
        source,
        snapshot: taken,
        batches,
    };
    identical(
        &shipped.source,
        &shipped.snapshot.1.position,
        &shipped.batches,
    );
    // One that takes little in a statement.
    let target = shipped.target(2).await;
    target.run(&["SET GLOBAL max_allowed_packet = 65536"]).await;
    shipped.apply(&target, 0..shipped.batches.len()).await;
    assert_eq!(digests(&target).await, digests(&shipped.source).await);
}

/// The next batch, which is a piece.
async fn piece(log: &mut dyn LogSource) -> LogBatch {
    loop {
        let next = log.next(1, Duration::ZERO, Duration::from_secs(10)).await;
        let batch = next.unwrap_or_else(|error| panic!("{}", error.chain()));
        let batch = batch.expect("a batch");
        if batch.transactions == 0 {
            return batch;
        }
    }
}

/// The last transaction before a position, in the engine's words.
fn last_gtid(position: &LogPosition) -> String {
    let state = position.gtid.clone().expect("GTIDs");
    match state.split_once(':') {
        None => state,
        Some((uuid, interval)) => {
            let last = interval.rsplit('-').next().expect("a number");
            format!("{uuid}:{last}")
        }
    }
}

#[tokio::test]
async fn a_restore_to_a_point_and_a_promotion_have_all_of_a_transaction_or_nothing() {
    let shipped = Shipped::new(&[]).await;
    let (first, last) = shipped.long();
    let target = shipped.target(2).await;
    shipped.apply(&target, 0..first).await;
    let before = digests(&target).await;
    let all = shipped.segments();
    let begin = &shipped.batches[first].start;
    let end = &shipped.batches[last].end;
    let offset = |at: &str| -> u64 {
        let place = at.rsplit_once(':').expect("a place").1;
        place.parse().expect("an offset")
    };
    let file = begin.at.rsplit_once(':').expect("a place").0;
    let middle = format!("{file}:{}", (offset(&begin.at) + offset(&end.at)) / 2);
    let stop = async |from: usize, until: &Until| {
        let done = target
            .database()
            .apply_segments(&all[from..], Some(until))
            .await;
        done.unwrap_or_else(|error| panic!("{until:?}: {}", error.chain()))
    };
    let at = |text: &str| Until::Position(text.to_owned());
    let past = Until::Time(jiff::Timestamp::from_second(1_000_000_000).expect("a time"));

    // Before: at its beginning, inside of it, by time; also where it stands inside.
    for until in [
        at(&begin.at),
        at(&last_gtid(begin)),
        at(&middle),
        past.clone(),
    ] {
        shipped.load(&target).await;
        shipped.apply(&target, 0..first).await;
        let (_, stopped) = stop(first, &until).await;
        let SegmentEnd::Stopped(position) = &stopped else {
            panic!("{until:?}: {stopped:?}");
        };
        assert_eq!(position.gtid, begin.gtid, "{until:?}");
        assert_eq!(digests(&target).await, before);
    }
    shipped.load(&target).await;
    shipped.apply(&target, 0..last).await;
    let stands = Some(shipped.segment(last - 1).mark);
    for until in [at(&middle), past] {
        let (whole, stopped) = stop(last, &until).await;
        assert_eq!(whole, 0);
        assert!(matches!(stopped, SegmentEnd::Stopped(_)), "{until:?}");
        assert_eq!(target.database().applied().await.expect("known"), stands);
        assert_eq!(digests(&target).await, before);
    }
    // With it: what was put aside goes on from there.
    let (_, stopped) = stop(last, &at(&last_gtid(end))).await;
    assert_eq!(stopped, SegmentEnd::Stopped(end.clone()));
    let with = "SELECT COUNT(*) FROM shop.t";
    assert_eq!(target.one(with).await.as_deref(), Some("8000"));
    for until in [at(&end.at), at(&last_gtid(end))] {
        shipped.load(&target).await;
        let (_, stopped) = stop(0, &until).await;
        assert_eq!(stopped, SegmentEnd::Stopped(end.clone()), "{until:?}");
        assert_eq!(target.one(with).await.as_deref(), Some("8000"));
        let after = "SELECT COUNT(*) FROM shop.u WHERE id = -2";
        assert_eq!(target.one(after).await.as_deref(), Some("0"));
        assert_eq!(aside(&target).await, "0");
    }
    has_nothing_of_it(&shipped, &target, &before).await;
}

#[tokio::test]
async fn a_long_transaction_with_a_definition_is_whole_or_the_copy_says_so() {
    let source = Site::start(1).await;
    source.run(SETUP).await;
    let taken = snapshot(&source.database()).await;
    let mut log = open(&source, &taken.1).await;
    source
        .run(&["CREATE TABLE shop.copied AS SELECT a.*, b.v AS w FROM shop.t a JOIN shop.t b USING (id)"])
        .await;
    let batches = drain(log.as_mut()).await;
    let shipped = Shipped {
        source,
        snapshot: taken,
        batches,
    };
    let (first, last) = shipped.long();
    let target = shipped.target(2).await;
    shipped.apply(&target, 0..last).await;
    let copied = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'copied'";
    assert_eq!(target.one(copied).await.as_deref(), Some("0"));
    shipped.apply(&target, last..shipped.batches.len()).await;
    assert_eq!(digests(&target).await, digests(&shipped.source).await);

    shipped.load(&target).await;
    shipped.apply(&target, first..last).await;
    target.run(&["CREATE TABLE shop.copied (id INT)"]).await;
    let done = apply(&target.database(), &shipped.batches[last], last as u64 + 1).await;
    done.expect_err("the table is there");
    assert_eq!(target.database().applied().await.expect("read"), None);
}

#[tokio::test]
async fn by_hand_the_pieces_are_put_together_again() {
    let shipped = Shipped::new(&[]).await;
    let target = shipped.target(2).await;
    for (index, batch) in shipped.batches.iter().enumerate() {
        let name = target.dir.path().join(format!("{index:04}"));
        std::fs::write(&name, &batch.bytes).expect("written");
        std::fs::write(name.with_extension("end"), &batch.end.at).expect("written");
    }
    // As docs/how-to/restore-by-hand.md has it; the header tells the end there.
    let script = format!(
        r#"cd {dir}
        for f in 0*[0-9]; do
            begin=$((4 + $(od -An -tu4 -j13 -N4 "$f")))
            case "$(od -An -tu1 -j$((begin + 4)) -N1 "$f" | tr -d ' ')" in
                33|34|42|162) cp "$f" whole ;;
                *) tail -c +$((begin + 1)) "$f" >> whole ;;
            esac
            case "$(cat "$f.end")" in *+*) continue ;; esac
            {tool} --no-defaults whole
        done | {client} --no-defaults --binary-mode -u root -h 127.0.0.1 -P {port}"#,
        dir = target.dir.path().display(),
        tool = binlog_tool().display(),
        client = client_tool().display(),
        port = target.server.port(),
    );
    let output = std::process::Command::new("sh")
        .args(["-e", "-c", &script])
        .output();
    let output = output.expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    assert_eq!(digests(&target).await, digests(&shipped.source).await);
}
