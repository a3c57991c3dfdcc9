//! The log of a drill by stretches, each with what was measured of it, so that
//! a clean point may lie inside the log.

use super::measure::{looks, measured, rates};
use planb_decide::clean_point::{Measured, Signal, Window};
use planb_model::Canary;
use planb_model::recovery::{LogPosition, SegmentBody, SegmentHeader, SegmentSeq};
use planb_ports::ContentSample;
use planb_ports::database::LogSignals;
use std::collections::{BTreeMap, BTreeSet};

/// Stretches of one drill: what is stored of them must stay small.
const WINDOWS_MAX: u64 = 256;
/// How often rows are counted on the way: each time reads every table.
const COUNTS_MAX: u64 = 16;
/// A stretch has at least so many bytes, or its measures are chance.
const WINDOW_BYTES_MIN: u64 = 8 * 1024;
/// A segment up to this is looked at as a whole.
const WHOLE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a stretch that are compressed to see how far they shrink.
const COMPRESSED_BYTES_MAX: usize = 64 * 1024;
/// The level everything in the vault is compressed at.
const ZSTD_LEVEL: i32 = 1;
/// Tables of a stretch that are measured, the most changed ones first.
const TABLES_MAX: usize = 32;

/// The stretches so far.
#[derive(Default)]
pub(super) struct Windows {
    per_window: u64,
    per_count: u64,
    since_count: u64,
    began_at: Option<jiff::Timestamp>,
    last: Option<SegmentSeq>,
    open: Option<Open>,
    done: Vec<Window>,
    had_canary: bool,
    lost_canary: bool,
}

/// The stretch that grows.
struct Open {
    segments: u64,
    raw_bytes: u64,
    content: ContentSample,
    sample: Vec<u8>,
    signals: LogSignals,
    at: jiff::Timestamp,
    end: LogPosition,
    rows: BTreeMap<String, u64>,
}

impl Windows {
    pub fn new(segments: u64, began_at: jiff::Timestamp) -> Self {
        Self {
            per_window: segments.div_ceil(WINDOWS_MAX).max(1),
            per_count: segments.div_ceil(COUNTS_MAX).max(1),
            began_at: Some(began_at),
            ..Self::default()
        }
    }

    /// Takes a segment; whether the rows should be counted behind it.
    pub fn add(
        &mut self,
        header: &SegmentHeader,
        bytes: &[u8],
        signals: Option<&LogSignals>,
    ) -> bool {
        let SegmentBody::Log { end, .. } = &header.body else {
            return false;
        };
        // No log is measured now; or it stopped inside a segment before, which
        // comes again.
        if self.per_window == 0 || self.last.is_some_and(|last| header.seq <= last) {
            return false;
        }
        self.last = Some(header.seq);
        let full = |open: &Open| {
            open.segments >= self.per_window && open.content.bytes() >= WINDOW_BYTES_MIN
        };
        if self.open.as_ref().is_some_and(full) {
            self.close();
        }
        let open = self
            .open
            .get_or_insert_with(|| Open::new(header.written_at, end.clone()));
        open.add(header.written_at, end, bytes, signals);
        self.since_count += 1;
        // Counting ends a stretch, and must not make short ones.
        self.since_count >= self.per_count && !open.is_short()
    }

    /// The rows and the canary behind the last segment.
    pub fn counted(&mut self, rows: BTreeMap<String, u64>, canary: Option<Canary>) {
        self.since_count = 0;
        self.lost_canary |= self.had_canary && canary.is_none();
        self.had_canary |= canary.is_some();
        if let Some(open) = &mut self.open {
            open.rows = rows;
        }
        // What is counted is the end of a stretch.
        self.close();
    }

    pub fn finish(mut self) -> Vec<Window> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let began = self.began_at.unwrap_or(open.at);
        self.began_at = Some(open.at);
        let mut window = open.close(began);
        if self.lost_canary {
            window
                .failed_checks
                .push("the canary row is gone".to_owned());
        }
        self.done.push(window);
    }
}

impl Open {
    /// Whether it is the end of the log, cut off. Little content shrinks less and
    /// has other letters, which would make it look unlike whole stretches.
    fn is_short(&self) -> bool {
        self.raw_bytes < WINDOW_BYTES_MIN
    }

    fn new(at: jiff::Timestamp, end: LogPosition) -> Self {
        Self {
            segments: 0,
            raw_bytes: 0,
            content: ContentSample::default(),
            sample: Vec::new(),
            signals: LogSignals::default(),
            at,
            end,
            rows: BTreeMap::new(),
        }
    }

    fn add(
        &mut self,
        at: jiff::Timestamp,
        end: &LogPosition,
        bytes: &[u8],
        signals: Option<&LogSignals>,
    ) {
        self.segments += 1;
        self.raw_bytes += bytes.len() as u64;
        if bytes.len() <= WHOLE_BYTES_MAX {
            self.content.add(bytes);
        } else {
            self.content.add_some(bytes);
        }
        let room = COMPRESSED_BYTES_MAX - self.sample.len();
        self.sample
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        if let Some(signals) = signals {
            self.signals.merge(signals);
        }
        (self.at, self.end) = (at, end.clone());
    }

    fn close(self, began: jiff::Timestamp) -> Window {
        let is_short = self.is_short();
        let seconds = self.at.duration_since(began).as_secs_f64().max(1.0);
        let mut measures = Vec::new();
        if self.content.is_enough() && !is_short {
            measures.extend(looks(None, &self.content));
            measures.extend(compressed(&self.sample));
        }
        let mut tables: Vec<_> = self.signals.content.iter().collect();
        tables.sort_by_key(|(_, sample)| std::cmp::Reverse(sample.bytes()));
        tables.truncate(TABLES_MAX);
        let kept: BTreeSet<&String> = tables.iter().map(|(table, _)| *table).collect();
        for (table, sample) in &tables {
            if sample.is_enough() && !is_short {
                measures.extend(looks(Some((*table).clone()), sample));
            }
        }
        let rates = rates(&self.signals, seconds);
        measures.extend(
            rates
                .into_iter()
                .filter(|m| m.table.as_ref().is_some_and(|table| kept.contains(table))),
        );
        Window {
            at: self.at,
            end: self.end,
            bytes: self.raw_bytes,
            rows: self.rows,
            dropped: self.signals.dropped.into_iter().collect(),
            measures,
            failed_checks: Vec::new(),
        }
    }
}

/// How far a sample shrinks; nothing when it cannot be said.
fn compressed(sample: &[u8]) -> Option<Measured> {
    let stored = zstd::bulk::compress(sample, ZSTD_LEVEL).ok()?.len();
    let share = stored as f64 / sample.len().max(1) as f64;
    Some(measured(Signal::Compressed, None, share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::recovery::{ObjectHash, VAULT_FORMAT};
    use planb_model::{Epoch, ServiceName};

    fn header(seq: u64) -> SegmentHeader {
        let place = |at: u64| LogPosition {
            stream: "s".to_owned(),
            at: at.to_string(),
            gtid: None,
        };
        let after = jiff::SignedDuration::from_secs(i64::try_from(seq).expect("small"));
        SegmentHeader {
            format: VAULT_FORMAT,
            service: ServiceName::new("orders").expect("name"),
            epoch: Epoch::FIRST,
            seq: SegmentSeq(seq),
            previous: ObjectHash::genesis(),
            written_at: jiff::Timestamp::UNIX_EPOCH + after,
            body: SegmentBody::Log {
                start: place(seq),
                end: place(seq + 1),
                transactions: 1,
                raw_bytes: 1,
            },
        }
    }

    /// The end of the log came while a stretch had just begun: its few bytes
    /// shrink less than those of whole ones, which is no sign of anything.
    #[test]
    fn the_content_of_a_stretch_that_was_cut_off_is_not_measured() {
        let mut windows = Windows::new(9, jiff::Timestamp::UNIX_EPOCH);
        let whole = "INSERT INTO orders VALUES (17, 'a customer')\n".repeat(250);
        for seq in 1..=8 {
            windows.add(&header(seq), whole.as_bytes(), None);
        }
        let short = &whole.as_bytes()[..2_400];
        let mut sample = ContentSample::default();
        sample.add(short);
        assert!(sample.is_enough(), "it could be measured");
        windows.add(&header(9), short, None);
        let windows = windows.finish();
        assert_eq!(windows.len(), 9);
        let is_measured = |w: &Window| w.measures.iter().any(|m| m.signal.is_content());
        assert!(windows[..8].iter().all(is_measured));
        assert!(!is_measured(&windows[8]), "{:?}", windows[8].measures);
    }
}
