//! Gathers the problems of one file.

use super::error::{PlanError, PlanErrors};
use super::excerpt::excerpt;
use super::scalar::Bad;
use super::tree::Spot;
use crate::Text;
use std::ops::Range;

/// Problems of one file that are shown; more help nobody.
const ERRORS_SHOWN_MAX: usize = 50;

/// The problems found so far. Source lines are added at the end, when all
/// secrets are known.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
    secrets: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Problem {
    code: &'static str,
    spot: Spot,
    field: String,
    message: Text,
    hint: Text,
}

impl Problems {
    /// Adds a problem.
    pub fn add(&mut self, code: &'static str, spot: Spot, field: &str, message: Text, hint: Text) {
        self.found.push(Problem {
            code,
            spot,
            field: field.to_owned(),
            message,
            hint,
        });
    }

    /// Adds a text that is not what its field wants; `value` is the text's place.
    pub(super) fn add_bad(&mut self, spot: Spot, field: &str, bad: Bad) {
        let code = if bad.secret {
            "PB-PLAN-INLINE-SECRET"
        } else {
            "PB-PLAN-VALUE"
        };
        self.add(code, spot, field, bad.message, bad.hint);
    }

    /// Never shows the text at `spot`.
    pub fn hide(&mut self, spot: Spot) {
        self.secrets
            .push(spot.offset..spot.offset.saturating_add(spot.len));
    }

    /// How many there are, to see later whether there are more.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Ends the gathering: the errors in the order of the file, with the lines
    /// of `text` they stand on.
    pub fn finish(mut self, text: &str, file: &str) -> Option<PlanErrors> {
        if self.found.is_empty() {
            return None;
        }
        self.found.sort_by_key(|p| (p.spot.line, p.spot.column));
        let not_shown = self.found.len().saturating_sub(ERRORS_SHOWN_MAX);
        let secrets = self.secrets;
        let errors = self
            .found
            .into_iter()
            .take(ERRORS_SHOWN_MAX)
            .map(|p| PlanError {
                excerpt: excerpt(text, p.spot, &secrets),
                code: p.code,
                file: file.to_owned(),
                line: p.spot.line,
                column: p.spot.column,
                field: p.field,
                message: p.message,
                hint: p.hint,
            })
            .collect();
        Some(PlanErrors { errors, not_shown })
    }
}
