//! The walk over logs written here as a server lays them out.

use super::*;

const FILE: u64 = 1 << 20;

/// Writes records as a server lays them out.
struct Writer {
    at: u64,
    bytes: Vec<u8>,
    ends: Vec<u64>,
}

impl Writer {
    fn new(at: u64) -> Self {
        Self {
            at,
            bytes: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn put(&mut self, bytes: &[u8], flags: u16) {
        for byte in bytes {
            if self.at.is_multiple_of(PAGE_BYTES) {
                self.page(flags);
            }
            self.bytes.push(*byte);
            self.at += 1;
        }
    }

    fn page(&mut self, flags: u16) {
        let size = if self.at.is_multiple_of(FILE) { 40 } else { 24 };
        let mut header = vec![0u8; size];
        header[2..4].copy_from_slice(&flags.to_le_bytes());
        header[8..16].copy_from_slice(&self.at.to_le_bytes());
        self.bytes.extend_from_slice(&header);
        self.at += size as u64;
    }

    fn record(&mut self, length: usize, manager: u8, info: u8) {
        let mut record = vec![0xEE; length];
        record[..4].copy_from_slice(&u32::try_from(length).expect("short").to_le_bytes());
        record[16] = info;
        record[17] = manager;
        record.resize(length.next_multiple_of(8), 0);
        self.put(&record, 1);
        self.ends.push(self.at);
    }
}

fn walk(writer: &Writer, start: u64, piece: usize) -> Walker {
    let mut walker = Walker::new(Lsn(start), FILE);
    for piece in writer.bytes.chunks(piece) {
        walker.feed(piece).expect("good log");
    }
    walker
}

#[test]
fn boundaries_and_commits_are_found_however_the_bytes_come() {
    for start in [FILE * 3, FILE * 3 + 4096, FILE * 4 - 64] {
        let mut writer = Writer::new(start);
        for length in [24, 30, 100, 8150, 20_000, 34, 8192 - 24, 41] {
            writer.record(length, RMGR_TRANSACTION, COMMIT | 0x80);
            writer.record(50, 10, 0);
        }
        writer.record(40, RMGR_TRANSACTION, 0x20);
        writer.record(40, RMGR_TRANSACTION, COMMIT_PREPARED);
        for piece in [1, 7, 4096, 1 << 20] {
            let walker = walk(&writer, start, piece);
            assert_eq!(walker.boundary(), Lsn(*writer.ends.last().expect("some")));
            assert_eq!((walker.commits(), walker.end()), (9, Lsn(writer.at)));
        }
        // Cut inside the last record: the boundary is the one before.
        let mut walker = Walker::new(Lsn(start), FILE);
        walker
            .feed(&writer.bytes[..writer.bytes.len() - 8])
            .expect("good");
        assert_eq!(walker.boundary(), Lsn(writer.ends[writer.ends.len() - 2]));
        assert_eq!(walker.commits(), 8);
    }
}

#[test]
fn after_a_switch_the_next_record_is_in_the_next_file() {
    let mut writer = Writer::new(FILE * 3 + 40);
    writer.record(24, RMGR_XLOG, XLOG_SWITCH);
    let rest = (FILE * 4 - writer.at) as usize;
    writer.bytes.resize(writer.bytes.len() + rest, 0);
    writer.at = FILE * 4;
    assert_eq!(walk(&writer, FILE * 3 + 40, 999).boundary(), Lsn(FILE * 4));
    writer.record(30, RMGR_TRANSACTION, COMMIT);
    let walker = walk(&writer, FILE * 3 + 40, 999);
    assert_eq!((walker.boundary(), walker.commits()), (Lsn(writer.at), 1));
}

#[test]
fn a_record_that_a_crash_cut_off_is_passed_over() {
    let mut writer = Writer::new(PAGE_BYTES * 5 + 24);
    writer.record(40, 10, 0);
    // The beginning of a record that goes into the next page …
    let mut cut = vec![0xEE; (PAGE_BYTES * 6 - writer.at) as usize];
    cut[..4].copy_from_slice(&60_000u32.to_le_bytes());
    writer.put(&cut, 0);
    // … which the restarted server begins with a record of its own.
    writer.page(OVERWRITES);
    writer.record(48, RMGR_TRANSACTION, COMMIT);
    let walker = walk(&writer, PAGE_BYTES * 5 + 24, 100);
    assert_eq!((walker.boundary(), walker.commits()), (Lsn(writer.at), 1));
}

#[test]
fn what_is_no_log_is_refused() {
    let mut writer = Writer::new(PAGE_BYTES * 5);
    writer.record(40, 10, 0);
    let mut elsewhere = Walker::new(Lsn(PAGE_BYTES * 6), FILE);
    assert!(elsewhere.feed(&writer.bytes).is_err());
    let mut zeros = Walker::new(Lsn(PAGE_BYTES * 5 + 64), FILE);
    assert!(zeros.feed(&[0; 100]).is_err());
    assert!(
        Walker::new(Lsn(PAGE_BYTES * 5 + 4), FILE)
            .feed(&[1; 8])
            .is_err()
    );
}

#[test]
fn what_is_taken_is_never_larger_than_asked_but_for_one_record() {
    let start = FILE * 3 + 4096;
    let mut writer = Writer::new(start);
    for length in [
        24, 30_000, 100, 150, 8000, 8150, 70_000, 34, 41, 9000, 64, 50,
    ] {
        writer.record(length, RMGR_TRANSACTION, COMMIT);
    }
    for (piece, bytes_max) in [(7, 40_000), (1 << 20, 40_000), (4096, 9000), (999, 0)] {
        let mut walker = Walker::new(Lsn(start), FILE);
        let (mut at, mut commits) = (start, 0);
        let mut take = |walker: &mut Walker| {
            let mark = walker.take(bytes_max);
            let records = writer
                .ends
                .iter()
                .filter(|end| at < **end && **end <= mark.at.0);
            let records = records.count() as u64;
            assert_eq!(mark.commits, records);
            let near = mark.at.0 - at <= bytes_max.max(MARK_BYTES);
            assert!(records == 1 || near, "{mark:?} after {at}");
            (at, commits) = (mark.at.0, commits + records);
        };
        for bytes in writer.bytes.chunks(piece) {
            walker.feed(bytes).expect("good log");
            while walker.boundary().0 - walker.taken.at.0 > bytes_max {
                take(&mut walker);
            }
        }
        if walker.boundary() > walker.taken.at {
            take(&mut walker);
        }
        assert_eq!((at, commits), (writer.at, 12));
    }
}
