//! The bar of the four phases against the objective, and its legend.

use super::html::{Both, both, escape, seconds, svg_text, titled};
use super::scale::Scale;
use super::words;
use planb_model::drill::DrillResult;
use planb_model::runbook::Phase;

const WIDTH: f64 = 1000.0;
const BAR_TOP: f64 = 34.0;
const BAR_HEIGHT: f64 = 46.0;
/// Where text begins inside a segment: at its left, because the line of the
/// objective would often cross the middle.
const IN_BAR_LEFT: f64 = 9.0;
/// Narrowest segment that gets its number inside.
const NUMBER_WIDTH_MIN: f64 = 26.0;
/// Narrowest segment that gets its name inside.
const NAME_WIDTH_MIN: f64 = 120.0;
/// Gap between the time that the phases add up to and the one seen from
/// outside above which the report says so.
const GAP_SECONDS_MAX: f64 = 0.05;

fn parts(result: &DrillResult) -> [(Phase, f64); 4] {
    let p = &result.phases;
    [
        (Phase::Detect, p.detect_seconds),
        (Phase::Decide, p.decide_seconds),
        (Phase::Execute, p.execute_seconds),
        (Phase::Traffic, p.traffic_seconds),
    ]
}

/// Bar and legend.
pub fn chart(result: &DrillResult) -> String {
    let objective = result.setup.objective_rto_seconds;
    let total: f64 = parts(result).iter().map(|(_, s)| drawn(*s)).sum();
    let longest = [total, drawn(objective), drawn(result.rto_seconds)]
        .into_iter()
        .fold(0.0, f64::max);
    let scale = Scale::over([longest * 1.06].into_iter(), 16.0, WIDTH - 56.0);
    let bottom = BAR_TOP + BAR_HEIGHT + 10.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">",
        bottom + 24.0,
        escape(&format!("RTO {} s", seconds(result.rto_seconds)))
    );
    svg.push_str(&scale.axis(BAR_TOP - 6.0, bottom));
    let mut at = 0.0;
    for (number, (phase, length)) in parts(result).into_iter().enumerate() {
        svg.push_str(&segment(&scale, number + 1, phase, at, at + drawn(length)));
        at += drawn(length);
    }
    svg.push_str(&objective_line(&scale, objective, bottom));
    svg.push_str("</svg>");
    format!("<div class=\"chart\">{svg}</div>{}", legend(result))
}

/// The phases as a thin strip at `top`, on the axis of another chart.
pub fn strip(result: &DrillResult, scale: &Scale, top: f64) -> String {
    let mut svg = String::new();
    let mut at = 0.0;
    for (phase, length) in parts(result) {
        let (from, to) = (scale.x(at), scale.x(at + drawn(length)));
        at += drawn(length);
        let shape = format!(
            "<rect class=\"{}\" x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"5\"/>",
            words::phase_class(Some(phase)),
            (to - from).max(0.5),
        );
        svg.push_str(&titled(&shape, &words::phase(Some(phase))));
    }
    svg
}

/// A length that can be drawn: what is negative or no number has none.
fn drawn(length: f64) -> f64 {
    if length.is_finite() {
        length.max(0.0)
    } else {
        0.0
    }
}

fn segment(scale: &Scale, number: usize, phase: Phase, from: f64, to: f64) -> String {
    let (x, width) = (scale.x(from), scale.x(to) - scale.x(from));
    let class = words::phase_class(Some(phase));
    let mut svg = format!(
        "<rect class=\"bar {class}\" x=\"{x:.1}\" y=\"{BAR_TOP}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\"/>",
        width.max(1.0)
    );
    let place = format!(
        "class=\"in-bar\" x=\"{:.1}\" y=\"{:.1}\"",
        x + IN_BAR_LEFT,
        BAR_TOP + BAR_HEIGHT / 2.0 + 5.0
    );
    if width >= NAME_WIDTH_MIN {
        let label = Both::then(
            &words::phase(Some(phase)),
            &format!(" {} s", seconds(to - from)),
        );
        svg.push_str(&label.svg(&place, 40));
    } else if width >= NUMBER_WIDTH_MIN {
        svg.push_str(&svg_text(&place, &number.to_string()));
    }
    svg
}

fn objective_line(scale: &Scale, objective: f64, bottom: f64) -> String {
    if !objective.is_finite() || objective < 0.0 {
        return String::new();
    }
    let x = scale.x(objective);
    let label = both(
        &format!("objective {} s", seconds(objective)),
        &format!("목표 {}초", seconds(objective)),
    );
    format!(
        "<line class=\"objective\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"18\" y2=\"{bottom}\"/>{}",
        label.svg(
            &format!(
                "class=\"objective-label\" x=\"{:.1}\" y=\"14\" text-anchor=\"end\"",
                x + 34.0
            ),
            40
        )
    )
}

fn legend(result: &DrillResult) -> String {
    let total: f64 = parts(result).iter().map(|(_, s)| drawn(*s)).sum();
    let mut rows = String::new();
    for (number, (phase, length)) in parts(result).into_iter().enumerate() {
        let share = if total > 0.0 {
            drawn(length) / total * 100.0
        } else {
            0.0
        };
        rows.push_str(&format!(
            "<tr><th scope=\"row\"><span class=\"badge {}\">{}</span> {}</th><td>{} s</td><td>{share:.0} %</td><td class=\"text\">{}</td></tr>",
            words::phase_class(Some(phase)),
            number + 1,
            words::phase(Some(phase)),
            seconds(length),
            words::phase_meaning(phase)
        ));
    }
    rows.push_str(&format!(
        "<tr class=\"sum\"><th scope=\"row\">RTO</th><td>{} s</td><td></td><td class=\"text\">{}</td></tr>",
        seconds(result.rto_seconds),
        gap(result.rto_seconds - total)
    ));
    format!("<table class=\"legend\"><tbody>{rows}</tbody></table>")
}

fn gap(gap: f64) -> Both {
    if gap.abs() <= GAP_SECONDS_MAX {
        return both("seen from outside", "외부 프로브 기준");
    }
    both(
        &format!(
            "seen from outside; the phases differ from it by {} s",
            seconds(gap)
        ),
        &format!(
            "외부 프로브 기준이며, 단계 합계와 {}초 차이가 있습니다",
            seconds(gap)
        ),
    )
}
