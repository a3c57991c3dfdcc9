//! What a running stream has done, and how it is told.

use crate::output;
use crate::progress::Shown;
use crate::verb::method;
use indicatif::HumanBytes;
use jiff::Timestamp;
use planb_model::{Epoch, Lang, Text};
use planb_ports::Clock;
use planb_ports::repository::{ProtectControl, ProtectEvent};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts events of one run and says when to stop.
pub struct Watch {
    clock: Arc<dyn Clock>,
    lang: Lang,
    json: bool,
    shown: Shown,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    segments: u64,
    transactions: u64,
    raw_bytes: u64,
    stored_bytes: u64,
    snapshots: u64,
    /// Bytes of log on the local disk, and the age of the oldest in seconds.
    spooled: Option<(u64, f64)>,
    /// Bytes that waited when there was no room for more.
    full: Option<u64>,
    /// When the newest canary that is in the vault was committed.
    recoverable_to: Option<Timestamp>,
    error: Option<String>,
    stop_asked: Option<Timestamp>,
}

impl Watch {
    pub fn new(clock: Arc<dyn Clock>, lang: Lang, json: bool, shown: Shown) -> Self {
        Self {
            clock,
            lang,
            json,
            shown,
            seen: Mutex::default(),
        }
    }

    pub fn lang(&self) -> Lang {
        self.lang
    }

    pub fn began(&self, source: &str, epoch: Epoch) {
        self.event(json!({ "event": "started", "source": source, "epoch": epoch }));
        self.line(
            format!("protecting {source} under epoch {epoch}; Ctrl-C or SIGTERM stops it"),
            format!("{source} 보호를 시작합니다 (에포크 {epoch}). Ctrl-C 또는 SIGTERM으로 중지"),
        );
    }

    /// Asks the stream to stop once everything committed until now is in the vault.
    pub fn stop(&self) {
        self.seen().stop_asked = Some(self.clock.now());
    }

    /// One status line, or object.
    pub fn status(&self) {
        let status = self.summary("status");
        if self.json {
            output::data(&status.to_string());
        } else if !self.shown.is_live() {
            output::note(&self.text());
        }
    }

    /// Renews the live line of a terminal.
    pub fn live(&self) {
        if self.shown.is_live() && self.seen().recoverable_to.is_some() {
            self.shown.live(self.text());
        }
    }

    /// Tells how it ended.
    pub fn ended(&self) {
        self.shown.end();
        if self.json {
            output::data(&self.summary("stopped").to_string());
            return;
        }
        output::note(&self.text());
        let (asked, to) = {
            let seen = self.seen();
            (seen.stop_asked, seen.recoverable_to)
        };
        if let Some(asked) = asked {
            let whole = to.is_some_and(|to| to >= asked);
            let text = if whole {
                Text::new(
                    "stopped; everything committed before the signal is in the vault",
                    "중지했습니다. 신호 이전에 커밋된 모든 내용이 볼트에 있습니다",
                )
            } else {
                Text::new(
                    "stopped; the newest transactions may not be in the vault, the next run ships them",
                    "중지했습니다. 가장 최근 트랜잭션은 볼트에 없을 수 있으며, 다음 실행 때 전송됩니다",
                )
            };
            output::note(text.get(self.lang));
        }
    }

    fn summary(&self, event: &str) -> serde_json::Value {
        let rpo = self.rpo_secs();
        let seen = self.seen();
        json!({
            "event": event,
            "rpoSeconds": rpo,
            "recoverableTo": seen.recoverable_to,
            "segments": seen.segments,
            "transactions": seen.transactions,
            "rawBytes": seen.raw_bytes,
            "storedBytes": seen.stored_bytes,
            "snapshots": seen.snapshots,
            "spooledBytes": seen.spooled.map_or(0, |(bytes, _)| bytes),
            "spooledSeconds": seen.spooled.map_or(0.0, |(_, secs)| secs),
            "spoolFull": seen.full.is_some(),
            "error": seen.error,
        })
    }

    fn text(&self) -> String {
        let rpo = self
            .rpo_secs()
            .map_or_else(|| "–".to_owned(), |secs| output::seconds(secs, self.lang));
        let seen = self.seen();
        let (segments, transactions) = (seen.segments, seen.transactions);
        let (raw, stored) = (HumanBytes(seen.raw_bytes), HumanBytes(seen.stored_bytes));
        let text = Text::new(
            format!(
                "RPO {rpo}  {segments} segments  {transactions} transactions  {raw} as {stored}"
            ),
            format!(
                "RPO {rpo}  세그먼트 {segments}개  트랜잭션 {transactions}건  {raw} -> {stored}"
            ),
        );
        match &seen.error {
            Some(error) => format!("{}  ! {error}", text.get(self.lang)),
            None => text.get(self.lang).to_owned(),
        }
    }

    /// How much would be lost now: the age of the newest canary in the vault.
    fn rpo_secs(&self) -> Option<f64> {
        let to = self.seen().recoverable_to?;
        let age = self.clock.now().duration_since(to).as_secs_f64();
        Some(age.max(0.0))
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

/// What is told of single events.
impl Watch {
    fn snapshot_done(&self, done: ProtectEvent) {
        let ProtectEvent::SnapshotDone {
            id,
            bytes,
            took,
            files,
            why,
        } = done
        else {
            return;
        };
        let (seconds, method) = (took.as_secs_f64(), method::Taken::new(files, why));
        self.seen().snapshots += 1;
        self.event(json!({
            "event": "snapshot", "id": id, "storedBytes": bytes, "seconds": seconds,
            "method": method.name(), "methodReason": method.why,
        }));
        let (size, time) = (HumanBytes(bytes), output::seconds(seconds, self.lang));
        self.line(
            format!("snapshot {id} is whole: {size}, {time}"),
            format!("스냅샷 {id} 완료: {size}, {time}"),
        );
        if let Some(text) = method.text() {
            self.line(text.en, text.ko);
        }
    }

    fn spooled(&self, bytes: u64, age_secs: f64) {
        // How much waits meanwhile is in each status.
        let before = self.seen().spooled;
        if before.is_none() || bytes == 0 {
            self.event(json!({ "event": "spooled", "bytes": bytes, "ageSeconds": age_secs }));
        }
        if bytes == 0 {
            let mut seen = self.seen();
            (seen.spooled, seen.full) = (None, None);
            drop(seen);
            self.line(
                "no log waits on the local disk any more".into(),
                "로컬 디스크에서 대기 중인 로그가 없습니다".into(),
            );
            return;
        }
        let size = HumanBytes(bytes);
        let age = output::seconds(age_secs, self.lang);
        let text = Text::new(
            format!(
                "the vault is slow: {size} of log wait on the local disk, the oldest for {age}"
            ),
            format!(
                "볼트가 느립니다. 로그 {size}가 로컬 디스크에서 대기 중이며 가장 오래된 것은 {age} 지났습니다"
            ),
        );
        if before.is_none() {
            self.line(text.en.clone(), text.ko.clone());
        }
        let mut seen = self.seen();
        seen.spooled = Some((bytes, age_secs));
        // Something was shipped: there is room again.
        seen.full = seen.full.filter(|full| bytes >= *full);
        if seen.full.is_none() {
            seen.error = Some(text.get(self.lang).to_owned());
        }
    }

    fn spool_discarded(&self, bytes: u64, reason: &str) {
        let size = HumanBytes(bytes);
        self.event(json!({ "event": "spoolDiscarded", "bytes": bytes, "reason": reason }));
        self.line(
            format!("! {size} of log that waited on the local disk were dropped: {reason}"),
            format!("! 로컬 디스크에서 대기하던 로그 {size}를 버렸습니다: {reason}"),
        );
    }

    fn spool_full(&self, bytes: u64) {
        let size = HumanBytes(bytes);
        let text = Text::new(
            format!("the vault takes no log and {size} wait: nothing is read from the source"),
            format!("볼트가 로그를 받지 않고 {size}가 대기 중이어서 소스에서 더 읽지 않습니다"),
        );
        {
            let mut seen = self.seen();
            seen.full = Some(bytes);
            seen.error = Some(text.get(self.lang).to_owned());
        }
        self.event(json!({ "event": "spoolFull", "bytes": bytes }));
        self.line(format!("! {}", text.en), format!("! {}", text.ko));
    }
}

impl ProtectControl for Watch {
    fn should_stop(&self) -> bool {
        let seen = self.seen();
        let Some(asked) = seen.stop_asked else {
            return false;
        };
        seen.recoverable_to.is_some_and(|to| to >= asked)
    }

    fn event(&self, event: ProtectEvent) {
        match event {
            ProtectEvent::SnapshotStarted { reason } => {
                self.event(json!({ "event": "snapshotStarted", "reason": reason }));
                self.line(
                    format!("snapshot: {reason}"),
                    format!("스냅샷 시작: {reason}"),
                );
            }
            done @ ProtectEvent::SnapshotDone { .. } => self.snapshot_done(done),
            ProtectEvent::Shipped {
                transactions,
                raw_bytes,
                stored_bytes,
                ..
            } => {
                let mut seen = self.seen();
                seen.segments += 1;
                seen.transactions += transactions;
                seen.raw_bytes += raw_bytes;
                seen.stored_bytes += stored_bytes;
                seen.error = None;
            }
            ProtectEvent::CanarySeen { canary } => {
                // They come in their order. The latest time would stand still for
                // hours, and stop a stream too early, after a clock went back.
                let mut seen = self.seen();
                seen.recoverable_to = Some(canary.written_at);
                seen.error = None;
            }
            ProtectEvent::Spooled { bytes, age } => self.spooled(bytes, age.as_secs_f64()),
            ProtectEvent::SpoolFull { bytes } => self.spool_full(bytes),
            ProtectEvent::SpoolDiscarded { bytes, reason } => {
                self.spool_discarded(bytes, &reason);
            }
            ProtectEvent::LogLost { reason } => {
                self.event(json!({ "event": "logLost", "reason": reason }));
                self.line(
                    format!("! log was lost before it was shipped: {reason}"),
                    format!("! 전송하기 전에 로그가 유실되었습니다: {reason}"),
                );
            }
            ProtectEvent::Pruned { snapshots, bytes } => {
                self.event(json!({
                    "event": "pruned", "snapshots": snapshots, "storedBytes": bytes,
                }));
                let size = HumanBytes(bytes);
                self.line(
                    format!("pruned {snapshots} snapshots, {size}"),
                    format!("보존 정책에 따라 스냅샷 {snapshots}개 삭제: {size}"),
                );
            }
            ProtectEvent::Retrying { error, code, wait } => {
                let seconds = wait.as_secs_f64();
                let shown = format!("[{code}] {error}");
                let again = self.seen().error.replace(shown.clone()) == Some(shown.clone());
                if !again {
                    self.event(json!({
                        "event": "retrying", "code": code, "error": error, "waitSeconds": seconds,
                    }));
                    self.line(
                        format!("trying again: {shown}"),
                        format!("다시 시도합니다: {shown}"),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_connector_system::SystemClock;
    use planb_model::Canary;

    #[test]
    fn a_clock_that_went_back_does_not_stop_a_stream_before_its_end() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let shown = Shown::new(Lang::En, true);
        let watch = Watch::new(Arc::clone(&clock), Lang::En, false, shown);
        let seen = |sequence, seconds: i64| {
            let canary = Canary {
                epoch: Epoch(1),
                sequence,
                written_at: clock.now() + jiff::SignedDuration::from_secs(seconds),
            };
            ProtectControl::event(&watch, ProtectEvent::CanarySeen { canary });
        };
        // Before the clock went back by three hours, and after it.
        seen(1, 3 * 3_600);
        seen(2, -1);
        watch.stop();
        assert!(!watch.should_stop(), "the newest rows are not shipped yet");
        seen(3, 1);
        assert!(watch.should_stop());
    }
}
