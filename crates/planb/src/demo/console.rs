//! What the demo shows while it runs: a live line on a terminal, plain lines
//! otherwise. Everything goes to stderr; stdout is for the result.

use super::watch::Stopwatch;
use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use planb_model::Lang;
use std::io::IsTerminal;
use std::time::Duration;

/// Time between two frames of the live line, in milliseconds.
const FRAME_MS: u64 = 100;

/// Shows progress in one language.
pub struct Console {
    lang: Lang,
    watch: Stopwatch,
    live: Option<ProgressBar>,
}

impl Console {
    /// A live line when stderr is a terminal.
    pub fn new(lang: Lang, watch: Stopwatch) -> Self {
        let live = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            set_template(&bar, LINE);
            bar.enable_steady_tick(Duration::from_millis(FRAME_MS));
            bar
        });
        Self { lang, watch, live }
    }

    /// A line that stays, with the time since the start.
    pub fn line(&self, en: &str, ko: &str) {
        let text = match self.lang {
            Lang::En => en,
            Lang::Ko => ko,
        };
        let line = format!("{:7.2} s  {text}", self.watch.elapsed().as_secs_f64());
        match &self.live {
            Some(bar) => bar.println(line),
            None => output::note(&line),
        }
    }

    /// What is going on now. Only shown on a terminal.
    pub fn live(&self, en: &str, ko: &str) {
        if let Some(bar) = &self.live {
            bar.set_message(match self.lang {
                Lang::En => en.to_owned(),
                Lang::Ko => ko.to_owned(),
            });
        }
    }

    /// How far a piece of work has come: a bar on a terminal.
    pub fn progress(&self, done: u64, total: u64) {
        if let Some(bar) = &self.live {
            bar.set_length(total);
            bar.set_position(done);
            set_template(bar, "{spinner} {msg} [{bar:30}] {pos}/{len}");
        }
    }

    /// That the work is over: the line without a bar.
    pub fn progress_done(&self) {
        if let Some(bar) = &self.live {
            set_template(bar, LINE);
        }
    }

    /// Takes the live line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }
}

/// The live line while nothing is counted.
const LINE: &str = "{spinner} {msg}";

fn set_template(bar: &ProgressBar, template: &str) {
    // The templates are literals of this file; a bad one would show as no change.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}
