//! Order-independent hashes of rows.
//!
//! A table's digest is the sum modulo 2^128 of a 128-bit hash of every row's
//! line. Lines are short, and XXH3 is made for short input; the
//! digest finds accidents, while damage done on purpose is found by the BLAKE3
//! hash of every object. Older manifests have BLAKE3 here too: their digests
//! have no prefix, and a restore of them is compared by it.

use planb_model::recovery::TableDigest;
use twox_hash::XxHash3_128;

/// Stands before the digits of a digest made of XXH3 hashes.
const XXH3_PREFIX: &str = "xxh3:";
/// Bytes of BLAKE3's output that count.
const HASH_BYTES: usize = 16;

/// How a row is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Method {
    /// `XXH3_128bits`, seed 0.
    #[default]
    Xxh3,
    /// The first 16 bytes of BLAKE3, little-endian.
    Blake3,
}

impl Method {
    /// The method of a snapshot's digests.
    pub fn of(tables: &[TableDigest]) -> Self {
        let old = tables.iter().any(|t| !t.hash.starts_with(XXH3_PREFIX));
        if old { Method::Blake3 } else { Method::Xxh3 }
    }
}

/// Adds up the rows of a table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowSum {
    method: Method,
    rows: u64,
    sum: u128,
}

impl RowSum {
    /// No rows yet.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            ..Self::default()
        }
    }

    /// Adds a row, given as its line without the line end.
    pub fn add(&mut self, line: &[u8]) {
        let hash = match self.method {
            Method::Xxh3 => XxHash3_128::oneshot(line),
            Method::Blake3 => low(&blake3::hash(line)),
        };
        self.add_hash(hash);
    }

    /// Begins a row that comes in pieces.
    pub fn begin(&self) -> LineHasher {
        match self.method {
            Method::Xxh3 => LineHasher::Xxh3(Box::new(XxHash3_128::new())),
            Method::Blake3 => LineHasher::Blake3(Box::new(blake3::Hasher::new())),
        }
    }

    /// Adds a row that came in pieces.
    pub fn end(&mut self, hasher: LineHasher) {
        let hash = match hasher {
            LineHasher::Xxh3(hasher) => hasher.finish_128(),
            LineHasher::Blake3(hasher) => low(&hasher.finalize()),
        };
        self.add_hash(hash);
    }

    fn add_hash(&mut self, hash: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    /// Adds the rows of another part of the table.
    pub fn merge(&mut self, other: RowSum) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The digest of everything added.
    pub fn finish(self, table: impl Into<String>) -> TableDigest {
        let prefix = match self.method {
            Method::Xxh3 => XXH3_PREFIX,
            Method::Blake3 => "",
        };
        TableDigest {
            table: table.into(),
            rows: self.rows,
            hash: format!("{prefix}{:032x}", self.sum),
        }
    }
}

/// The hash of one row that comes in pieces.
pub(crate) enum LineHasher {
    Xxh3(Box<XxHash3_128>),
    Blake3(Box<blake3::Hasher>),
}

impl LineHasher {
    /// Adds a piece.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            LineHasher::Xxh3(hasher) => hasher.write(bytes),
            LineHasher::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }
}

fn low(hash: &blake3::Hash) -> u128 {
    let mut low = [0u8; HASH_BYTES];
    low.copy_from_slice(&hash.as_bytes()[..HASH_BYTES]);
    u128::from_le_bytes(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::recovery::RowHasher;

    fn digest(method: Method, rows: &[&str]) -> TableDigest {
        let mut sum = RowSum::new(method);
        for row in rows {
            sum.add(row.as_bytes());
        }
        sum.finish("t")
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        for method in [Method::Xxh3, Method::Blake3] {
            assert_eq!(
                digest(method, &["a", "b", "c"]),
                digest(method, &["c", "b", "a"])
            );
            assert_ne!(
                digest(method, &["a", "b"]),
                digest(method, &["a", "b", "b"])
            );
            assert_ne!(digest(method, &["a", "a"]), digest(method, &["b", "b"]));
        }
    }

    #[test]
    fn digests_of_older_manifests_are_made_as_they_were() {
        let mut hasher = RowHasher::default();
        hasher.add(b"1\tone");
        let old = hasher.finish("t");
        assert_eq!(digest(Method::Blake3, &["1\tone"]), old);
        assert_eq!(Method::of(&[old]), Method::Blake3);
        assert_eq!(Method::of(&[digest(Method::Xxh3, &["x"])]), Method::Xxh3);
        assert_eq!(Method::of(&[]), Method::Xxh3);
    }

    #[test]
    fn a_row_in_pieces_is_the_same_row() {
        let line = vec![7u8; 100_000];
        for method in [Method::Xxh3, Method::Blake3] {
            let mut whole = RowSum::new(method);
            whole.add(&line);
            let mut pieces = RowSum::new(method);
            let mut hasher = pieces.begin();
            for piece in line.chunks(777) {
                hasher.update(piece);
            }
            pieces.end(hasher);
            assert_eq!(whole.finish("t"), pieces.finish("t"));
        }
    }
}
