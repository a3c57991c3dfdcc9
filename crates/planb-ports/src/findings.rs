//! Findings about one thing, gathered while a connector looks at it.

use crate::PortError;
use planb_model::Text;
use planb_model::finding::{Finding, Severity};

/// Clocks this far apart make times in reports differ visibly.
const CLOCK_OFFSET_MS_WARNING: i64 = 1_000;
/// Clocks this far apart make the measured recovery point worthless.
const CLOCK_OFFSET_MS_ERROR: i64 = 30_000;

/// What was found about one thing.
#[derive(Debug)]
pub struct Findings {
    subject: String,
    all: Vec<Finding>,
}

impl Findings {
    /// Nothing yet, about `subject`.
    pub fn about(subject: String) -> Self {
        Self {
            subject,
            all: Vec::new(),
        }
    }

    /// All of them, in their order.
    pub fn into_vec(self) -> Vec<Finding> {
        self.all
    }

    /// Adds something that is as it should be.
    pub fn ok(&mut self, code: &str, reason: Text) {
        self.all.push(Finding::ok(code, &self.subject, reason));
    }

    /// Adds something that was looked at; `fix` is left out when it is ok.
    pub fn add(&mut self, code: &str, severity: Severity, reason: Text, fix: Text) {
        self.all.push(if severity == Severity::Ok {
            Finding::ok(code, &self.subject, reason)
        } else {
            Finding::failed(code, severity, &self.subject, reason, fix)
        });
    }

    /// Adds something that could not be looked at.
    pub fn unlooked(&mut self, error: &PortError, severity: Severity) {
        let chain = error.chain();
        let reason = Text::new(
            format!("could not be checked: {chain}"),
            format!("확인하지 못했습니다: {chain}"),
        );
        let fix = error.hint_text().cloned().unwrap_or_else(|| {
            Text::new(
                "see the error, mend it and check again",
                "오류 내용을 확인하고 조치한 뒤 다시 점검하세요",
            )
        });
        let code = error.code();
        self.all
            .push(Finding::failed(code, severity, &self.subject, reason, fix));
    }

    /// Adds how far a server's clock is from PlanB's. It answered `server_ms` at
    /// some time between `before_ms` and `after_ms` of PlanB's.
    pub fn clock(&mut self, code: &str, before_ms: i64, server_ms: i64, after_ms: i64) {
        let offset = if server_ms < before_ms {
            server_ms - before_ms
        } else {
            (server_ms - after_ms).max(0)
        };
        let severity = match offset.abs() {
            ms if ms >= CLOCK_OFFSET_MS_ERROR => Severity::Error,
            ms if ms >= CLOCK_OFFSET_MS_WARNING => Severity::Warning,
            _ => Severity::Ok,
        };
        let seconds = offset as f64 / 1000.0;
        self.add(
            code,
            severity,
            Text::new(
                format!("the server's clock is {seconds:.1} s from PlanB's"),
                format!("서버 시계가 PlanB의 시계와 {seconds:.1}초 차이 납니다"),
            ),
            Text::new(
                "synchronise both machines by NTP (chrony)",
                "두 시스템의 시간을 NTP(chrony)로 동기화하세요",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_clock_is_judged_by_what_is_certain() {
        let judged = |before, server, after| {
            let mut findings = Findings::about("db".into());
            findings.clock("PB-TEST", before, server, after);
            findings.into_vec().remove(0).severity
        };
        // Anywhere between the two looks is right.
        assert_eq!(judged(1_000, 1_000, 90_000), Severity::Ok);
        assert_eq!(judged(1_000, 90_000, 90_000), Severity::Ok);
        assert_eq!(judged(10_000, 9_000, 10_000), Severity::Warning);
        assert_eq!(judged(10_000, 11_500, 10_400), Severity::Warning);
        assert_eq!(judged(40_000, 10_000, 40_000), Severity::Error);
        assert_eq!(judged(0, 30_000, 0), Severity::Error);
    }

    #[test]
    fn what_could_not_be_looked_at_says_why_and_is_never_ok() {
        let mut findings = Findings::about("db".into());
        let error = PortError::new(ErrorKind::Timeout, "PB-TEST", "no answer");
        findings.unlooked(&error, Severity::Unknown);
        let fix = || Text::same("mend it");
        findings.add("PB-FINE", Severity::Ok, Text::same("fine"), fix());
        let found = findings.into_vec();
        assert_eq!(found[0].code, "PB-TEST");
        assert!(found[0].reason.en.contains("no answer") && found[0].fix.is_some());
        assert_eq!(found[1].fix, None);
    }
}
