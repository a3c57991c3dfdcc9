//! Measures the content that goes by in a drill: entropy and text of what is
//! loaded, by table, and of the log, by stretch. Looks at samples: the cost
//! stays small.

use super::windows::Windows;
use planb_decide::clean_point::{Measured, OrderedValue, Signal, Window};
use planb_model::Canary;
use planb_model::recovery::SegmentHeader;
use planb_ports::ContentSample;
use planb_ports::database::LogSignals;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What went by.
#[derive(Default)]
pub(super) struct Measures {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    loaded: BTreeMap<Option<String>, ContentSample>,
    log: Option<LogSignals>,
    windows: Windows,
}

impl Measures {
    /// Looks at bytes of `table` that are loaded.
    pub fn loaded(&self, table: Option<&str>, bytes: &[u8]) {
        let mut seen = self.seen();
        let table = table.map(str::to_owned);
        seen.loaded.entry(table).or_default().add_some(bytes);
    }

    /// Forgets the log so far; about `segments` will come.
    pub fn log_begins(&self, segments: u64, began_at: jiff::Timestamp) {
        let mut seen = self.seen();
        seen.log = None;
        seen.windows = Windows::new(segments, began_at);
    }

    /// Looks at a segment that is about to be applied, with what the engine
    /// tells of it. Whether the rows should be counted after it.
    pub fn segment(
        &self,
        header: &SegmentHeader,
        bytes: &[u8],
        signals: Option<LogSignals>,
    ) -> bool {
        let mut seen = self.seen();
        let wants_rows = seen.windows.add(header, bytes, signals.as_ref());
        if let Some(signals) = signals {
            seen.log.get_or_insert_default().merge(&signals);
        }
        wants_rows
    }

    /// The rows and the canary after the last segment.
    pub fn counted(&self, rows: BTreeMap<String, u64>, canary: Option<Canary>) {
        self.seen().windows.counted(rows, canary);
    }

    /// The log by stretches, in its order.
    pub fn windows(&self) -> Vec<Window> {
        std::mem::take(&mut self.seen().windows).finish()
    }

    /// Measures of what was loaded, by table.
    pub fn content(&self) -> Vec<Measured> {
        let seen = self.seen();
        let big = seen.loaded.iter().filter(|(_, sample)| sample.is_enough());
        big.flat_map(|(table, sample)| looks(table.clone(), sample))
            .collect()
    }

    /// Rates of the log that took `seconds`, by table.
    pub fn log(&self, seconds: f64) -> Vec<Measured> {
        let seen = self.seen();
        match &seen.log {
            Some(log) if seconds > 0.0 => rates(log, seconds),
            _ => Vec::new(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What content looks like.
pub(super) fn looks(table: Option<String>, sample: &ContentSample) -> [Measured; 2] {
    [
        (Signal::Entropy, sample.entropy()),
        (Signal::NotText, sample.not_text_share()),
    ]
    .map(|(signal, value)| measured(signal, table.clone(), value))
}

/// How much is changed each second.
pub(super) fn rates(log: &LogSignals, seconds: f64) -> Vec<Measured> {
    let tables = log.tables.iter();
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

pub(super) fn measured(signal: Signal, table: Option<String>, value: f64) -> Measured {
    Measured {
        signal,
        table,
        value: OrderedValue::new(value),
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
