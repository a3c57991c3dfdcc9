//! What is wrong with a plan file, told in both languages.

use super::excerpt::Excerpt;
use crate::{Lang, Text};
use serde::Serialize;
use std::fmt;

/// One problem of a plan file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanError {
    /// Stable code with a page in docs/errors, such as `PB-PLAN-TYPE`.
    pub code: &'static str,
    /// The file, as it was named to [`super::parse`].
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// Path of the field: `spec.sites[1].health`; empty for the whole file.
    pub field: String,
    /// What is wrong. Never holds a secret.
    pub message: Text,
    /// What to do.
    pub hint: Text,
    /// The line it stands on, with secrets taken out.
    #[serde(skip)]
    pub(super) excerpt: Option<Excerpt>,
}

impl PlanError {
    /// The problem as people read it: message, place, source line with a caret, hint.
    pub fn render(&self, lang: Lang) -> String {
        let (error, hint) = match lang {
            Lang::En => ("error", "hint"),
            Lang::Ko => ("오류", "도움말"),
        };
        let mut out = format!("{error}[{}]: {}\n", self.code, self.message.get(lang));
        let gutter = self.line.to_string().len();
        let place = format!("{}:{}:{}", self.file, self.line, self.column);
        out.push_str(&format!("{:gutter$}--> {place}", ""));
        if !self.field.is_empty() {
            out.push_str(&format!(" ({})", self.field));
        }
        out.push('\n');
        if let Some(excerpt) = &self.excerpt {
            let line = self.line;
            out.push_str(&format!("{:gutter$} |\n{line} | {}\n", "", excerpt.text));
            out.push_str(&format!(
                "{:gutter$} | {:pad$}{}\n",
                "",
                "",
                "^".repeat(excerpt.caret_width),
                pad = excerpt.caret_at
            ));
        }
        out.push_str(&format!(
            "{:gutter$} = {hint}: {}\n",
            "",
            self.hint.get(lang)
        ));
        out
    }
}

/// Everything that is wrong with a plan file; at least one problem, in the
/// order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanErrors {
    /// The problems.
    pub errors: Vec<PlanError>,
    /// Problems that were found and are not in `errors`, because a file with
    /// that many is better read from the top again.
    pub not_shown: usize,
}

impl PlanErrors {
    /// All problems as people read them, and how many there are.
    pub fn render(&self, lang: Lang) -> String {
        let mut out = String::new();
        for error in &self.errors {
            out.push_str(&error.render(lang));
            out.push('\n');
        }
        let count = self.errors.len() + self.not_shown;
        let rest = self.not_shown;
        out.push_str(&match (lang, count) {
            (Lang::En, 1) => "1 problem\n".to_owned(),
            (Lang::En, _) if rest > 0 => format!("{count} problems, {rest} of them not shown\n"),
            (Lang::En, _) => format!("{count} problems\n"),
            (Lang::Ko, _) if rest > 0 => format!("문제 {count}건 (이 중 {rest}건은 생략)\n"),
            (Lang::Ko, _) => format!("문제 {count}건\n"),
        });
        out
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len() + self.not_shown;
        match self.errors.first() {
            Some(first) => write!(
                f,
                "the plan has {count} problem(s), first at {}:{}:{}: {}",
                first.file, first.line, first.column, first.message.en
            ),
            None => f.write_str("the plan has problems"),
        }
    }
}

impl std::error::Error for PlanErrors {}
