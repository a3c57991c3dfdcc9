//! The parser against WALs that SQLite wrote, whole and damaged.

use super::*;
use proptest::prelude::*;
use rusqlite::Connection;
use std::sync::OnceLock;

/// A WAL of several transactions, and the length of the file after each.
fn sample() -> &'static (Vec<u8>, Vec<usize>) {
    static SAMPLE: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("a.db");
        let wal = folder.path().join("a.db-wal");
        let connection = Connection::open(&path).expect("made");
        connection
            .execute_batch("PRAGMA page_size = 512; PRAGMA journal_mode = WAL")
            .expect("wal");
        connection
            .execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)")
            .expect("made");
        let length = || std::fs::metadata(&wal).expect("there").len() as usize;
        let mut ends = vec![length()];
        for rows in [1, 3, 40, 2] {
            connection
                .execute(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                     INSERT INTO t SELECT zeroblob(200) FROM n",
                    [rows],
                )
                .expect("written");
            ends.push(length());
        }
        (std::fs::read(&wal).expect("read"), ends)
    })
}

/// Bytes and number of the whole transactions at the start of `wal`.
fn whole(wal: &[u8]) -> (usize, u64) {
    let Ok(header) = WalHeader::parse(wal) else {
        return (0, 0);
    };
    let raw = wal[..HEADER_BYTES].try_into().expect("long enough");
    let mut gathered = Gathered::whole(raw, &header, 0);
    for chunk in wal[HEADER_BYTES..].chunks(gathered.read_from().frame_bytes()) {
        if gathered.push(chunk).is_err() {
            break;
        }
    }
    let (bytes, transactions) = gathered.size();
    (bytes as usize, transactions)
}

/// What a correct reader finds when only the first `good` bytes are as written.
fn expected(good: usize) -> (usize, u64) {
    let (_, ends) = sample();
    let transactions = ends.iter().filter(|end| **end <= good).count();
    match transactions.checked_sub(1) {
        Some(last) => (ends[last], transactions as u64),
        None if good >= HEADER_BYTES => (HEADER_BYTES, 0),
        None => (0, 0),
    }
}

#[test]
fn all_of_a_whole_wal_is_read() {
    let (wal, ends) = sample();
    assert_eq!(whole(wal), (wal.len(), ends.len() as u64));
}

#[test]
fn a_frame_of_an_older_wal_ends_the_new_one() {
    let (wal, ends) = sample();
    let mut mixed = wal.clone();
    // The second transaction's first frame gets other salts, as left over bytes have.
    mixed[ends[0] + 8] ^= 1;
    let mut chain = Chain::begin(&WalHeader::parse(&mixed).expect("header"));
    while (chain.offset() as usize) < ends[0] {
        chain
            .accept(&mixed[chain.offset() as usize..])
            .expect("good");
    }
    let next = chain.frame + 1;
    let error = chain.accept(&mixed[ends[0]..]);
    assert_eq!(error, Err(WalError::Salts(next)));
}

#[test]
fn known_transactions_are_in_the_bytes_but_not_counted() {
    let (wal, _) = sample();
    let header = WalHeader::parse(wal).expect("header");
    let raw = wal[..HEADER_BYTES].try_into().expect("long enough");
    let frames = (wal.len() - HEADER_BYTES) / Chain::begin(&header).frame_bytes();
    let known = u32::try_from(frames).expect("small");
    let mut gathered = Gathered::whole(raw, &header, known);
    gathered.push(&wal[HEADER_BYTES..]).expect("good");
    assert_eq!(gathered.size(), (wal.len() as u64, 0));
}

proptest! {
    #[test]
    fn a_truncated_wal_gives_its_whole_transactions(cut in 0usize..=sample().0.len()) {
        let (wal, _) = sample();
        prop_assert_eq!(whole(&wal[..cut]), expected(cut));
    }

    #[test]
    fn a_garbled_byte_ends_the_log_before_its_transaction(
        at in 0usize..sample().0.len(),
        flip in 1u8..=255,
    ) {
        let (wal, _) = sample();
        let mut garbled = wal.clone();
        garbled[at] ^= flip;
        prop_assert_eq!(whole(&garbled), expected(at));
    }

    #[test]
    fn taking_in_pieces_gives_the_same_bytes(piece in 1usize..90, bytes_max in 0u64..20_000) {
        let (wal, ends) = sample();
        let header = WalHeader::parse(wal).expect("header");
        let raw = wal[..HEADER_BYTES].try_into().expect("long enough");
        let mut gathered = Gathered::whole(raw, &header, 0);
        let (mut taken, mut transactions) = (Vec::new(), 0);
        let mut frames = 0;
        let size = gathered.read_from().frame_bytes() * piece;
        for chunk in wal[HEADER_BYTES..].chunks(size) {
            gathered.push(chunk).expect("good");
            let before = gathered.size();
            while let Some(some) = gathered.take(bytes_max) {
                let one = some.transactions == 1;
                prop_assert!(one || some.bytes.len() as u64 <= bytes_max);
                frames += (some.bytes.len() - HEADER_BYTES * usize::from(taken.is_empty()))
                    / some.end.frame_bytes();
                prop_assert_eq!(some.end.frame as usize, frames);
                transactions += some.transactions;
                taken.extend(some.bytes);
            }
            prop_assert!(before.1 == 0 || gathered.size() == (0, 0));
        }
        prop_assert_eq!(&taken, wal);
        prop_assert_eq!(transactions, ends.len() as u64);
    }
}
