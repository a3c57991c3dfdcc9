//! What a standby has applied, and how it is told.

use crate::output;
use crate::progress::Shown;
use jiff::Timestamp;
use planb_model::{Epoch, Lang, Text};
use planb_ports::repository::RestoreReport;
use planb_ports::{Clock, PortError, Progress};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts what one follower applied.
pub struct Watch {
    clock: Arc<dyn Clock>,
    lang: Lang,
    json: bool,
    every: Duration,
    shown: Shown,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    segments: u64,
    transactions: u64,
    position: String,
    /// When the newest canary that is applied was committed at the source.
    applied_to: Option<Timestamp>,
    error: Option<String>,
    told_at: Option<Instant>,
}

impl Watch {
    pub fn new(clock: Arc<dyn Clock>, lang: Lang, json: bool, every: Duration) -> Self {
        Self {
            clock,
            lang,
            json,
            every,
            shown: Shown::new(lang, false),
            seen: Mutex::default(),
        }
    }

    pub fn began(&self, target: &str) {
        let pid = std::process::id();
        self.event(json!({ "event": "started", "target": target, "pid": pid }));
        self.line(
            format!("{target} follows; SIGUSR1 to process {pid} promotes it, Ctrl-C stops"),
            format!("{target}이(가) 볼트를 따라갑니다. 프로세스 {pid}에 SIGUSR1을 보내면 승격, Ctrl-C로 중지"),
        );
    }

    pub fn applied(&self, report: &RestoreReport) {
        {
            let mut seen = self.seen();
            seen.segments += report.segments_applied;
            seen.transactions += report.transactions_applied;
            seen.position.clone_from(&report.mark.position.at);
            // The newest one, not the latest time: clocks go back.
            let canary = report.canary.map(|c| c.written_at);
            seen.applied_to = canary.or(seen.applied_to);
            seen.error = None;
        }
        if report.loaded_snapshot {
            let (id, rows) = (&report.mark.snapshot, report.rows_compared);
            self.event(json!({ "event": "loaded", "snapshot": id, "rowsCompared": rows }));
            self.line(
                format!("loaded snapshot {id}, {rows} rows compared"),
                format!("스냅샷 {id} 적재 완료, {rows}행 비교"),
            );
        }
        self.status();
    }

    pub fn failed(&self, error: &PortError) {
        let text = format!("[{}] {}", error.code(), error.chain());
        let again = self.seen().error.replace(text.clone()) == Some(text.clone());
        if !again {
            self.event(
                json!({ "event": "retrying", "code": error.code(), "error": error.chain() }),
            );
            self.line(
                format!("trying again: {text}"),
                format!("다시 시도합니다: {text}"),
            );
        }
    }

    pub fn promoted(&self, epoch: Epoch, report: &RestoreReport, took: Duration) {
        let seconds = took.as_secs_f64();
        self.event(json!({
            "event": "promoted", "epoch": epoch, "position": report.mark.position, "seconds": seconds,
        }));
        let (at, time) = (&report.mark.position, output::seconds(seconds, self.lang));
        self.line(
            format!("promoted under epoch {epoch} at {at}, {time} after it was asked for; it takes writes"),
            format!("에포크 {epoch}로 승격했습니다 (위치 {at}, 요청 후 {time}). 이제 쓰기를 받습니다"),
        );
    }

    pub fn promoted_elsewhere(&self, epoch: Option<Epoch>) {
        self.event(json!({ "event": "promoted", "epoch": epoch }));
        let epoch = epoch.unwrap_or_default();
        self.line(
            format!("promoted under epoch {epoch} by the process that followed"),
            format!("실행 중이던 프로세스가 에포크 {epoch}로 승격했습니다"),
        );
    }

    pub fn ended(&self) {
        self.shown.end();
        let summary = self.summary("stopped");
        self.event(summary);
    }

    fn status(&self) {
        if self.shown.is_live() {
            self.shown.live(self.text());
            return;
        }
        let due = {
            let mut seen = self.seen();
            let due = seen.told_at.is_none_or(|at| at.elapsed() >= self.every);
            if due {
                seen.told_at = Some(Instant::now());
            }
            due
        };
        if due && self.json {
            let summary = self.summary("status");
            self.event(summary);
        } else if due {
            output::note(&self.text());
        }
    }

    fn summary(&self, event: &str) -> serde_json::Value {
        let lag = self.lag_secs();
        let seen = self.seen();
        json!({
            "event": event,
            "lagSeconds": lag,
            "appliedTo": seen.applied_to,
            "position": seen.position,
            "segments": seen.segments,
            "transactions": seen.transactions,
        })
    }

    fn text(&self) -> String {
        let lag = self
            .lag_secs()
            .map_or_else(|| "–".to_owned(), |secs| output::seconds(secs, self.lang));
        let seen = self.seen();
        let (segments, transactions, at) = (seen.segments, seen.transactions, &seen.position);
        let text = Text::new(
            format!("lag {lag}  {segments} segments  {transactions} transactions  at {at}"),
            format!("지연 {lag}  세그먼트 {segments}개  트랜잭션 {transactions}건  위치 {at}"),
        );
        text.get(self.lang).to_owned()
    }

    /// Age of the newest canary that is applied: what would be lost if the
    /// source and everything not yet applied went now.
    fn lag_secs(&self) -> Option<f64> {
        let to = self.seen().applied_to?;
        Some(self.clock.now().duration_since(to).as_secs_f64().max(0.0))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, event: serde_json::Value) {
        if self.json {
            output::data(&event.to_string());
        }
    }

    fn line(&self, en: String, ko: String) {
        if !self.json {
            self.shown.line(Text::new(en, ko).get(self.lang));
        }
    }
}

impl Progress for Watch {
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.shown.bytes(done, total);
    }

    fn stage(&self, text: &str) {
        // Log is applied several times a second; the status line tells of it.
        if !text.starts_with("applying log") {
            self.shown.stage(text);
        }
    }
}
