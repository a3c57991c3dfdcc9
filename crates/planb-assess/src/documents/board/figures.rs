//! The two numbers that come from answers, and the four qualities (DR 10).

use super::Facts;
use crate::documents::quarters::{Kept, Quarter};
use crate::number;
use crate::report::{Finding, Tile, Tone};
use planb_model::Text;
use planb_model::plan::FailoverMode;

/// What the white paper expects of 100 (DR 10).
const RESOURCES_MAX: f64 = 70.0;
/// Licence layers afterwards (DR 10).
const LAYERS_MAX: f64 = 2.0;

fn not_given(title: Text) -> Tile {
    Tile {
        title,
        value: Text::new("not given", "입력 없음"),
        note: Text::new(
            "give the answers of `cost` with --answers",
            "--answers로 `cost` 답변을 지정하세요",
        ),
        tone: Tone::Unknown,
    }
}

fn figure(facts: &Facts<'_>, path: &str) -> Option<f64> {
    let outcome = &facts.assessed("cost")?.outcome;
    outcome.pointer(path)?.as_f64().filter(|v| v.is_finite())
}

/// Resources afterwards, of 100 today.
pub fn resources(facts: &Facts<'_>) -> Tile {
    let title = Text::new("Resources", "자원");
    let now = figure(facts, "/sizing/serversNow").filter(|n| *n > 0.0);
    let Some((now, then)) = now.zip(figure(facts, "/sizing/serversThen")) else {
        return not_given(title);
    };
    let share = then / now * 100.0;
    Tile {
        title,
        value: Text::new(
            format!("{} of 100", number::plain(share.round())),
            format!("100 중 {}", number::plain(share.round())),
        ),
        note: Text::new(
            "calculated; 40–70 expected (DR 10)",
            "계산값, 기대치 40~70(DR 10)",
        ),
        tone: if share <= RESOURCES_MAX {
            Tone::Good
        } else {
            Tone::Warn
        },
    }
}

/// Licence layers that are paid for today.
pub fn licence_layers(facts: &Facts<'_>) -> Tile {
    let title = Text::new("Licence layers", "라이선스 계층");
    let Some(layers) = figure(facts, "/tco/licenceLayers") else {
        return not_given(title);
    };
    Tile {
        title,
        value: Text::new(
            format!("{} today", number::plain(layers)),
            format!("현재 {}단", number::plain(layers)),
        ),
        note: Text::new("3 → 1–2 expected (DR 10)", "기대치 3단 → 1~2단(DR 10)"),
        tone: if layers <= LAYERS_MAX {
            Tone::Good
        } else {
            Tone::Warn
        },
    }
}

/// Automation, trusted boot, policy fit, people.
pub fn qualities(facts: &Facts<'_>, cadence: &[Quarter]) -> Vec<Finding> {
    vec![
        automation(facts, cadence),
        from_assessment(
            facts,
            Text::new("Trusted boot", "신뢰 부트"),
            &["images", "authenticity"],
            "DR 6.2.2",
        ),
        from_assessment(
            facts,
            Text::new("Policy fit", "정책 적합성"),
            &["compliance"],
            "DR 9",
        ),
        from_assessment(
            facts,
            Text::new("People", "인력"),
            &["operating-model", "recovery-path"],
            "DR 10",
        ),
    ]
}

fn automation(facts: &Facts<'_>, cadence: &[Quarter]) -> Finding {
    let (tone, mode) = match facts.plan.failover.mode {
        FailoverMode::Automatic => (
            Tone::Good,
            Text::new("failover runs by itself", "페일오버를 자동으로 실행"),
        ),
        FailoverMode::Approve => (
            Tone::Good,
            Text::new(
                "failover is prepared and waits for one approval",
                "페일오버를 준비하고 승인 한 번을 기다림",
            ),
        ),
        FailoverMode::Manual => (
            Tone::Warn,
            Text::new(
                "an operator starts the failover",
                "운영자가 페일오버를 시작",
            ),
        ),
    };
    let tried = cadence.iter().map(|q| q.failovers).sum::<usize>();
    // What was never tried is not known to work.
    let tone = if tried == 0 { Tone::Unknown } else { tone };
    let missed = cadence.iter().filter(|q| q.state == Kept::Missed).count();
    Finding {
        tone,
        subject: Text::new("Automation", "자동화"),
        reason: Text::new(
            format!(
                "{}; failovers in the last five quarters: {tried}; quarters without any drill: {missed}",
                mode.en
            ),
            format!(
                "{}. 최근 5개 분기의 페일오버 {tried}회, 훈련이 없던 분기 {missed}개",
                mode.ko
            ),
        ),
        action: None,
        source: Some("DR 10".to_owned()),
    }
}

/// A quality that only an assessment can tell.
fn from_assessment(facts: &Facts<'_>, subject: Text, methods: &[&str], source: &str) -> Finding {
    let found = methods.iter().find_map(|method| facts.assessed(method));
    let source = Some(source.to_owned());
    let Some(assessed) = found else {
        let names = methods.join(", ");
        return Finding {
            tone: Tone::Unknown,
            subject,
            reason: Text::new("not given", "입력 없음"),
            action: Some(Text::new(
                format!("give the answers of one of these assessments with --answers: {names}"),
                format!("다음 진단 중 하나의 답변을 --answers로 지정하세요: {names}"),
            )),
            source,
        };
    };
    let verdict = &assessed.report.verdict;
    let title = &assessed.report.title;
    Finding {
        tone: verdict.tone,
        subject,
        reason: Text::new(
            format!("{} ({})", verdict.headline.en, title.en),
            format!("{} ({})", verdict.headline.ko, title.ko),
        ),
        action: None,
        source,
    }
}
