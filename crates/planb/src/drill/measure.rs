//! Measures the content that goes by in a drill: entropy and text of what is
//! loaded, by table, and of the log. Looks at samples: the cost stays small.

use planb_decide::clean_point::{Measured, OrderedValue, Signal};
use planb_ports::database::LogSignals;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of every such run of bytes …
const STRIDE_BYTES: usize = 2 * 1024;
/// … so many are looked at: spread, so that a few changed rows are seen.
const SAMPLE_BYTES: usize = 256;
/// Fewer bytes than this have an entropy by chance.
const SAMPLE_BYTES_MIN: u64 = 2_048;

/// Bytes that were looked at.
struct Sample {
    counts: [u64; 256],
    bytes: u64,
    not_text: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            counts: [0; 256],
            bytes: 0,
            not_text: 0,
        }
    }
}

/// What went by.
#[derive(Default)]
pub struct Measures {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    loaded: BTreeMap<Option<String>, Sample>,
    log: LogSignals,
    has_log: bool,
}

impl Measures {
    /// Looks at bytes of `table` that are loaded.
    pub fn loaded(&self, table: Option<&str>, bytes: &[u8]) {
        let mut seen = self.seen();
        let table = table.map(str::to_owned);
        let sample = seen.loaded.entry(table).or_default();
        for run in bytes.chunks(STRIDE_BYTES) {
            sample.add(&run[..run.len().min(SAMPLE_BYTES)]);
        }
    }

    /// Forgets the log so far.
    pub fn log_begins(&self) {
        let mut seen = self.seen();
        seen.log = LogSignals::default();
        seen.has_log = false;
    }

    /// Adds what the engine tells of a piece of log.
    pub fn applied(&self, signals: Option<LogSignals>) {
        if let Some(signals) = signals {
            let mut seen = self.seen();
            seen.log.merge(&signals);
            seen.has_log = true;
        }
    }

    /// Measures of what was loaded, by table.
    pub fn content(&self) -> Vec<Measured> {
        let seen = self.seen();
        let big = seen
            .loaded
            .iter()
            .filter(|(_, sample)| sample.bytes >= SAMPLE_BYTES_MIN);
        big.flat_map(|(table, sample)| {
            [
                (Signal::Entropy, sample.entropy()),
                (Signal::NotText, sample.not_text_share()),
            ]
            .map(|(signal, value)| measured(signal, table.clone(), value))
        })
        .collect()
    }

    /// Rates of the log that took `seconds`, by table.
    pub fn log(&self, seconds: f64) -> Vec<Measured> {
        let seen = self.seen();
        if !seen.has_log || seconds <= 0.0 {
            return Vec::new();
        }
        let tables = seen.log.tables.iter();
        tables
            .flat_map(|(table, rows)| {
                [
                    (Signal::Inserts, rows.inserted),
                    (Signal::Updates, rows.updated),
                    (Signal::Deletes, rows.deleted),
                ]
                .map(|(signal, rows)| measured(signal, Some(table.clone()), rows as f64 / seconds))
            })
            .collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn measured(signal: Signal, table: Option<String>, value: f64) -> Measured {
    Measured {
        signal,
        table,
        value: OrderedValue::new(value),
    }
}

impl Sample {
    fn add(&mut self, bytes: &[u8]) {
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

    fn entropy(&self) -> f64 {
        let share = |count: &u64| *count as f64 / self.bytes.max(1) as f64;
        let seen = self.counts.iter().filter(|count| **count > 0);
        seen.map(share).map(|p| -p * p.log2()).sum()
    }

    fn not_text_share(&self) -> f64 {
        self.not_text as f64 / self.bytes.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::recovery::ObjectHash;

    fn value(measures: &Measures, signal: Signal) -> f64 {
        let all = measures.content();
        let found = all.iter().find(|m| m.signal == signal);
        found.expect("measured").value.get()
    }

    #[test]
    fn ciphertext_is_told_from_text() {
        let text = "order 17 of 김민수, paid\n".repeat(4_000);
        let honest = Measures::default();
        honest.loaded(Some("orders"), text.as_bytes());
        let noise: Vec<u8> = (0..4_000u32)
            .flat_map(|n| {
                let hex = ObjectHash::of(&n.to_le_bytes()).0;
                (0..32).map(move |i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16))
            })
            .map(|byte| byte.expect("hex"))
            .collect();
        let attacked = Measures::default();
        attacked.loaded(Some("orders"), &noise);
        assert!(value(&honest, Signal::Entropy) < 5.0);
        assert!(value(&attacked, Signal::Entropy) > 7.9);
        assert!(value(&honest, Signal::NotText) < 0.02);
        assert!(value(&attacked, Signal::NotText) > 0.3);
    }

    #[test]
    fn little_is_not_measured() {
        let measures = Measures::default();
        measures.loaded(None, b"short");
        assert_eq!(measures.content(), []);
        assert_eq!(measures.log(10.0), []);
    }
}
