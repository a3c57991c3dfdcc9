//! Progress of long work: a bar with bytes, rows and the time left on a
//! terminal, a plain line now and then otherwise. Always on stderr.

use crate::output;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use planb_model::Lang;
use planb_ports::Progress;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two frames of the bar, in milliseconds.
const FRAME_MS: u64 = 100;
/// Time between two plain lines, in seconds: a log file is no terminal.
const LINE_SECS_MIN: u64 = 5;

const LINE: &str = "{spinner} {msg} {bytes} ({bytes_per_sec})";
const BAR: &str =
    "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} {percent}% ({bytes_per_sec}, {eta})";

/// Shows the progress of one verb.
pub struct Shown {
    lang: Lang,
    quiet: bool,
    live: Option<ProgressBar>,
    seen: Mutex<Seen>,
}

struct Seen {
    stage: String,
    bytes: (u64, Option<u64>),
    rows: Option<(u64, Option<u64>)>,
    said_at: Instant,
}

impl Shown {
    /// Progress in `lang`; nothing at all when `quiet`.
    pub fn new(lang: Lang, quiet: bool) -> Self {
        let live = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            set_template(&bar, LINE);
            bar.enable_steady_tick(Duration::from_millis(FRAME_MS));
            bar
        });
        Self {
            lang,
            quiet,
            live,
            seen: Mutex::new(Seen {
                stage: String::new(),
                bytes: (0, None),
                rows: None,
                said_at: Instant::now(),
            }),
        }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        match &self.live {
            Some(bar) => bar.println(text),
            None => output::note(text),
        }
    }

    /// What is going on, on a terminal only.
    pub fn live(&self, text: String) {
        if let Some(bar) = &self.live {
            set_template(bar, "{spinner} {msg}");
            bar.set_message(text);
        }
    }

    /// Whether there is a live line.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut seen);
        if let Some(bar) = &self.live {
            bar.set_message(seen.message());
            match seen.bytes.1.filter(|total| *total > 0) {
                Some(total) if bar.length() != Some(total) => {
                    bar.set_length(total);
                    set_template(bar, BAR);
                }
                _ => {}
            }
            bar.set_position(seen.bytes.0);
        } else if !self.quiet && seen.said_at.elapsed() >= Duration::from_secs(LINE_SECS_MIN) {
            seen.said_at = Instant::now();
            output::note(&seen.plain());
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end();
    }
}

impl Seen {
    fn message(&self) -> String {
        match self.rows {
            None => self.stage.clone(),
            Some((done, None)) => format!("{} {done} rows", self.stage),
            Some((done, Some(total))) => format!("{} {done}/{total} rows", self.stage),
        }
    }

    fn plain(&self) -> String {
        let message = self.message();
        match self.bytes {
            (0, None) => message,
            (done, None) => format!("{message}  {}", HumanBytes(done)),
            (done, Some(total)) => {
                let percent = done.saturating_mul(100) / total.max(1);
                format!(
                    "{message}  {}/{} {percent}%",
                    HumanBytes(done),
                    HumanBytes(total)
                )
            }
        }
    }
}

impl Progress for Shown {
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.change(|seen| seen.bytes = (done, total));
    }

    fn rows(&self, done: u64, total: Option<u64>) {
        self.change(|seen| seen.rows = Some((done, total)));
    }

    fn stage(&self, text: &str) {
        let text = stage_in(self.lang, text);
        self.change(|seen| seen.stage = text);
    }
}

fn set_template(bar: &ProgressBar, template: &str) {
    // A template that is wrong shows the plain bar; a test reads them all.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
}

/// Stages of the libraries in Korean, by how they begin; names behind it stay.
const STAGES: &[(&str, &str)] = &[
    ("loading snapshot", "스냅샷 적재:"),
    ("loading", "적재:"),
    ("applying log", "로그 적용:"),
    ("comparing tables", "테이블 비교"),
    ("counting rows", "행 수 확인"),
    ("copying pages", "페이지 복사"),
    ("writing pages", "페이지 기록"),
    ("looking where the log goes on", "로그가 이어지는 위치 확인"),
    ("schema", "스키마"),
    (
        "views, routines, triggers, events",
        "뷰, 루틴, 트리거, 이벤트",
    ),
];

fn stage_in(lang: Lang, text: &str) -> String {
    let korean = STAGES.iter().find(|(en, _)| text.starts_with(en));
    match (lang, korean) {
        (Lang::Ko, Some((en, ko))) => format!("{ko}{}", &text[en.len()..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        for template in [LINE, BAR, "{spinner} {msg}"] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn stages_are_korean_for_korean_readers() {
        assert_eq!(stage_in(Lang::Ko, "applying log 17"), "로그 적용: 17");
        assert_eq!(stage_in(Lang::En, "applying log 17"), "applying log 17");
    }
}
