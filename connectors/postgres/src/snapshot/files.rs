//! Digests of files: what proves a physical snapshot.
//!
//! Rows at the very point where a base backup ends cannot be read on a server
//! that goes on writing. So the digests of a physical snapshot are of its files:
//! one for each folder, `files:base/16384`; its rows are the files, and each
//! row's encoding is the path in the archive, a zero byte, and the BLAKE3 hash
//! of the content. A restore reads every file back from its disk.

use planb_model::recovery::{RowHasher, TableDigest};
use std::collections::BTreeMap;

/// Adds up files by folder.
#[derive(Debug, Default)]
pub(crate) struct FileDigests(BTreeMap<String, RowHasher>);

impl FileDigests {
    /// Adds one file, by its path in the archive.
    pub fn add(&mut self, path: &str, content: &blake3::Hash) {
        let row = [path.as_bytes(), b"\0", content.as_bytes()].concat();
        self.0.entry(folder(path)).or_default().add(&row);
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        for (folder, hasher) in other.0 {
            self.0.entry(folder).or_default().merge(hasher);
        }
    }

    /// The digests by name.
    pub fn finish(self) -> Vec<TableDigest> {
        let digest =
            |(folder, hasher): (String, RowHasher)| hasher.finish(format!("files:{folder}"));
        self.0.into_iter().map(digest).collect()
    }
}

/// `base/16384/2619` is in `base/16384`, `pg_wal/archive_status/x` in `pg_wal`.
fn folder(path: &str) -> String {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    match (first, parts.next(), parts.next()) {
        (_, None, _) => ".".to_owned(),
        ("base" | "tablespace", Some(second), Some(_)) => format!("{first}/{second}"),
        _ => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_gathered_by_folder_and_every_difference_shows() {
        let digest = |files: &[(&str, &str)]| {
            let mut digests = FileDigests::default();
            for (path, content) in files {
                digests.add(path, &blake3::hash(content.as_bytes()));
            }
            digests.finish()
        };
        let files = [
            ("base/5/1", "a"),
            ("base/5/2", "b"),
            ("PG_VERSION", "15"),
            ("pg_wal/x/y", ""),
        ];
        let names: Vec<_> = digest(&files).into_iter().map(|d| d.table).collect();
        assert_eq!(names, ["files:.", "files:base/5", "files:pg_wal"]);
        let mut turned = files;
        turned.reverse();
        assert_eq!(digest(&files), digest(&turned));
        let renamed = [("base/5/3", "a"), files[1], files[2], files[3]];
        assert_ne!(digest(&files), digest(&renamed));
    }
}
