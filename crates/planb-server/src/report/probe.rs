//! What the outside probe saw: one row per kind of answer, one mark per look.

use super::html::{Both, both, escape, grouped};
use super::scale::Scale;
use planb_model::drill::{DrillResult, ProbeSample};

const WIDTH: f64 = 1000.0;
const GUTTER: f64 = 240.0;
const ROW_HEIGHT: f64 = 30.0;
const TOP: f64 = 26.0;
/// Marks closer together than this, in picture units, are drawn as one: a long
/// run would otherwise make a file nobody can open.
const MARK_SPACING: f64 = 2.5;

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OldSite,
    Maintenance,
    Nothing,
    NewSite,
    Other,
}

impl Kind {
    fn of(sample: &ProbeSample, result: &DrillResult) -> Kind {
        let site = sample.site.as_deref();
        match sample.status {
            0 => Kind::Nothing,
            200..=299 if site == Some(&result.setup.from) => Kind::OldSite,
            200..=299 if site == Some(&result.setup.to) => Kind::NewSite,
            503 => Kind::Maintenance,
            _ => Kind::Other,
        }
    }

    fn title(self, result: &DrillResult) -> Both {
        let answer = |site: &str| {
            both(
                &format!("good answer from {site}"),
                &format!("{site} 정상 응답"),
            )
        };
        match self {
            Kind::OldSite => answer(&result.setup.from),
            Kind::NewSite => answer(&result.setup.to),
            Kind::Maintenance => both("maintenance page (503)", "점검 페이지(503)"),
            Kind::Nothing => both("no answer", "응답 없음"),
            Kind::Other => both("another answer", "그 밖의 응답"),
        }
    }

    /// A shape of its own for every kind, so that colour is not needed.
    fn mark(self, x: f64, y: f64) -> String {
        match self {
            Kind::OldSite => {
                format!("<circle class=\"m old\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>")
            }
            Kind::NewSite => format!(
                "<path class=\"m new\" d=\"M{x:.1} {:.1}l5 5l-5 5l-5 -5z\"/>",
                y - 5.0
            ),
            Kind::Maintenance => format!(
                "<rect class=\"m page\" x=\"{:.1}\" y=\"{:.1}\" width=\"7\" height=\"7\"/>",
                x - 3.5,
                y - 3.5
            ),
            Kind::Nothing => format!(
                "<path class=\"m none\" d=\"M{:.1} {:.1}l7 7m0 -7l-7 7\"/>",
                x - 3.5,
                y - 3.5
            ),
            Kind::Other => format!(
                "<path class=\"m other\" d=\"M{x:.1} {:.1}l5 9h-10z\"/>",
                y - 5.0
            ),
        }
    }
}

/// The chart, or a sentence when there is nothing to show.
pub fn chart(result: &DrillResult) -> String {
    if result.probe.is_empty() {
        return format!(
            "<p class=\"empty\">{}</p>",
            both("The probe recorded nothing.", "프로브 기록이 없습니다.")
        );
    }
    let all = [
        Kind::OldSite,
        Kind::Maintenance,
        Kind::Nothing,
        Kind::NewSite,
        Kind::Other,
    ];
    let rows: Vec<(Kind, Vec<f64>)> = all
        .into_iter()
        .map(|kind| (kind, times(result, kind)))
        .filter(|(kind, times)| *kind != Kind::Other || !times.is_empty())
        .collect();
    let ends = result.probe.iter().map(|s| s.at_seconds);
    let scale = Scale::over(
        ends.chain([result.rto_seconds]),
        GUTTER,
        WIDTH - GUTTER - 24.0,
    );
    let bottom = TOP + ROW_HEIGHT * rows.len() as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">",
        bottom + 24.0,
        escape("outside probe · 외부 프로브")
    );
    svg.push_str(&scale.axis(TOP, bottom));
    for (index, (kind, times)) in rows.iter().enumerate() {
        let y = TOP + ROW_HEIGHT * (index as f64 + 0.5);
        svg.push_str(&row(*kind, times, y, &scale, result));
    }
    svg.push_str(&marker(&scale, 0.0, bottom, &both("fault", "장애 발생")));
    if result.rto_seconds.is_finite() && result.rto_seconds > 0.0 {
        svg.push_str(&marker(
            &scale,
            result.rto_seconds,
            bottom,
            &both("service is back", "서비스 재개"),
        ));
    }
    svg.push_str("</svg>");
    format!("<div class=\"chart\">{svg}</div>")
}

fn times(result: &DrillResult, kind: Kind) -> Vec<f64> {
    let of_kind = |s: &&ProbeSample| s.at_seconds.is_finite() && Kind::of(s, result) == kind;
    result
        .probe
        .iter()
        .filter(of_kind)
        .map(|s| s.at_seconds)
        .collect()
}

fn row(kind: Kind, times: &[f64], y: f64, scale: &Scale, result: &DrillResult) -> String {
    let name = kind.title(result).svg(
        &format!(
            "class=\"lane\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\"",
            GUTTER - 52.0,
            y + 4.0
        ),
        26,
    );
    let count = super::html::svg_text(
        &format!(
            "class=\"count\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\"",
            GUTTER - 14.0,
            y + 4.0
        ),
        &grouped(times.len() as u64),
    );
    let marks: String = spaced(times.iter().map(|t| scale.x(*t)).collect())
        .into_iter()
        .map(|x| kind.mark(x, y))
        .collect();
    format!("{name}{count}{marks}")
}

/// Places in order, without those too close to the one before.
fn spaced(mut places: Vec<f64>) -> Vec<f64> {
    places.sort_by(f64::total_cmp);
    let mut kept: Vec<f64> = Vec::new();
    for x in places {
        if kept.last().is_none_or(|last| x - last >= MARK_SPACING) {
            kept.push(x);
        }
    }
    kept
}

fn marker(scale: &Scale, at: f64, bottom: f64, label: &Both) -> String {
    let x = scale.x(at);
    let text = label.svg(
        &format!("class=\"moment-label\" x=\"{x:.1}\" y=\"15\" text-anchor=\"middle\""),
        30,
    );
    format!(
        "<line class=\"moment\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/>{text}"
    )
}
