//! Runs what fuzzing started from and what it found.

use std::path::Path;

/// Every file in the folder of `target`; there must be some.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let files = std::fs::read_dir(folder.join(target)).expect("a folder of seeds");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read(file.expect("a file").path()).expect("read")
    };
    let seeds: Vec<_> = files.map(read).collect();
    assert!(!seeds.is_empty());
    seeds
}

#[test]
fn segments_that_were_found_are_read_or_refused() {
    seeds("binlog_segment")
        .iter()
        .for_each(|s| super::segment(s));
}

#[test]
fn statements_that_were_found_are_understood() {
    seeds("binlog_statement")
        .iter()
        .for_each(|s| super::statement(s));
}

#[test]
fn streams_that_were_found_are_read_or_refused() {
    seeds("binlog_stream").iter().for_each(|s| super::stream(s));
}
