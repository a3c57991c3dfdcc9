//! What content looks like, without what it says: for signs of tampering.

/// Of every such run of bytes …
const STRIDE_BYTES: usize = 2 * 1024;
/// … so many are looked at: spread, so that a few changed rows are seen.
const SAMPLE_BYTES: usize = 256;
/// Fewer bytes than this have an entropy by chance.
pub const SAMPLE_BYTES_MIN: u64 = 2_048;

/// Bytes that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentSample {
    counts: [u64; 256],
    bytes: u64,
    not_text: u64,
}

impl Default for ContentSample {
    fn default() -> Self {
        Self {
            counts: [0; 256],
            bytes: 0,
            not_text: 0,
        }
    }
}

impl ContentSample {
    /// Looks at all of `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.counts[usize::from(*byte)] += 1;
        }
        self.bytes += bytes.len() as u64;
        // A sample may cut a character at its end; the share is the same every time.
        self.not_text += bytes
            .utf8_chunks()
            .map(|chunk| chunk.invalid().len() as u64)
            .sum::<u64>();
    }

    /// Looks at parts of `bytes`, spread over all of them.
    pub fn add_some(&mut self, bytes: &[u8]) {
        for run in bytes.chunks(STRIDE_BYTES) {
            self.add(&run[..run.len().min(SAMPLE_BYTES)]);
        }
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.bytes += other.bytes;
        self.not_text += other.not_text;
    }

    /// How many bytes were looked at.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it has seen enough to say something.
    pub fn is_enough(&self) -> bool {
        self.bytes >= SAMPLE_BYTES_MIN
    }

    /// Bits per byte, 0 to 8.
    pub fn entropy(&self) -> f64 {
        let share = |count: &u64| *count as f64 / self.bytes.max(1) as f64;
        let seen = self.counts.iter().filter(|count| **count > 0);
        seen.map(share).map(|p| -p * p.log2()).sum()
    }

    /// Share of the bytes that are no UTF-8 text.
    pub fn not_text_share(&self) -> f64 {
        self.not_text as f64 / self.bytes.max(1) as f64
    }
}

/// What rows of a table are checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentRule {
    /// What a foreign key refers to is there.
    ForeignKey,
    /// Text is UTF-8.
    Utf8,
    /// What is declared as JSON is JSON.
    Json,
}

/// A rule that was checked over all rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentCheck {
    /// Which rule.
    pub rule: ContentRule,
    /// Of which table, by the name its digest has.
    pub table: String,
    /// Rows that break it.
    pub broken: u64,
}

/// A foreign key with rows that lead nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct BrokenKey {
    /// Its table, by the name its digest has.
    pub table: String,
    /// Name of the key.
    pub key: String,
    /// Rows of the table whose key is set and leads to no row.
    pub rows: u64,
}
