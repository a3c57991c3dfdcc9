//! The timeline: one lane per step, and the table of every moment.

use super::html::{Both, both, clip, escape, grouped, seconds, titled};
use super::scale::Scale;
use super::{phases, words};
use planb_model::drill::{DrillResult, TimelineEntry};

const WIDTH: f64 = 1000.0;
const GUTTER: f64 = 210.0;
/// Room on the right for what stands after a bar.
const MARGIN: f64 = 40.0;
/// Widest figure beside a bar.
const FIGURE_WIDTH_MAX: f64 = 96.0;
const LANE_HEIGHT: f64 = 26.0;
const TOP: f64 = 18.0;
/// Where the strip of phases stands above the lanes.
const STRIP_TOP: f64 = 6.0;
/// Lanes in one chart; a runbook has far fewer steps. The table has the rest.
const LANES_MAX: usize = 60;
/// Rows of the table; more would be a log, not a report.
const ROWS_MAX: usize = 500;
/// Widest detail; the journal has all of it.
const DETAIL_CELLS_MAX: usize = 400;

/// The lanes of the failover, or of the failback.
pub fn chart(result: &DrillResult, failover: bool) -> String {
    let entries: Vec<&TimelineEntry> = in_order(result)
        .into_iter()
        .filter(|e| e.failover == failover)
        .collect();
    if entries.is_empty() {
        return format!(
            "<p class=\"empty\">{}</p>",
            both("Nothing was recorded.", "기록이 없습니다.")
        );
    }
    let shown = entries.len().min(LANES_MAX);
    // The failback has its own zero: its distance from the fault says nothing.
    let zero = if failover { 0.0 } else { first(&entries) };
    let ends = entries.iter().flat_map(|e| [e.at_seconds, end(e)]);
    let scale = Scale::over(ends.map(|s| s - zero), GUTTER, WIDTH - GUTTER - MARGIN);
    let bottom = TOP + LANE_HEIGHT * shown as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">",
        bottom + 24.0,
        escape("timeline · 진행 과정")
    );
    svg.push_str(&scale.axis(TOP, bottom));
    if failover {
        svg.push_str(&phases::strip(result, &scale, STRIP_TOP));
    }
    for (index, entry) in entries.iter().take(shown).enumerate() {
        let y = TOP + LANE_HEIGHT * (index as f64 + 0.5);
        svg.push_str(&lane(entry, y, zero, &scale));
    }
    svg.push_str("</svg>");
    let rest = left_out(entries.len() - shown);
    format!("<div class=\"chart\">{svg}</div>{rest}")
}

/// The timeline by time. What has no time comes last.
fn in_order(result: &DrillResult) -> Vec<&TimelineEntry> {
    let mut entries: Vec<&TimelineEntry> = result.timeline.iter().collect();
    entries.sort_by(|a, b| {
        a.at_seconds
            .is_nan()
            .cmp(&b.at_seconds.is_nan())
            .then(a.at_seconds.total_cmp(&b.at_seconds))
    });
    entries
}

fn first(entries: &[&TimelineEntry]) -> f64 {
    let earliest = entries
        .iter()
        .map(|e| e.at_seconds)
        .filter(|s| s.is_finite())
        .fold(f64::INFINITY, f64::min);
    if earliest.is_finite() { earliest } else { 0.0 }
}

fn end(entry: &TimelineEntry) -> f64 {
    entry.until_seconds.unwrap_or(entry.at_seconds)
}

fn left_out(count: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let count = grouped(count as u64);
    format!(
        "<p class=\"empty\">{}</p>",
        both(
            &format!("and {count} more, not shown"),
            &format!("이 밖에 {count}건은 표시하지 않았습니다")
        )
    )
}

fn lane(entry: &TimelineEntry, y: f64, zero: f64, scale: &Scale) -> String {
    let name = words::moment(&entry.id);
    let mut svg = name.svg(
        &format!(
            "class=\"lane\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\"",
            GUTTER - 14.0,
            y + 4.0
        ),
        28,
    );
    let class = words::phase_class(entry.phase);
    let from = scale.x(entry.at_seconds - zero);
    match entry.until_seconds {
        Some(until) => {
            let width = (scale.x(until - zero) - from).max(3.0);
            let bar = format!(
                "<rect class=\"bar {class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"14\" rx=\"2\"/>",
                y - 7.0
            );
            svg.push_str(&titled(&bar, &tooltip(entry)));
            let took = seconds(until - entry.at_seconds);
            let label = both(&format!("{took} s"), &format!("{took}초"));
            svg.push_str(&beside(from, from + width, y, &label));
        }
        None => {
            let diamond = format!(
                "<path class=\"bar {class}\" d=\"M{from:.1} {:.1}l6 6l-6 6l-6 -6z\"/>",
                y - 6.0
            );
            svg.push_str(&titled(&diamond, &tooltip(entry)));
            let at = seconds(entry.at_seconds - zero);
            let label = both(&format!("at {at} s"), &format!("{at}초 시점"));
            svg.push_str(&beside(from - 6.0, from + 6.0, y, &label));
        }
    }
    svg
}

/// What a lane says when it is pointed at: its name, its identifier and what was
/// recorded.
fn tooltip(entry: &TimelineEntry) -> Both {
    let detail = clip(&words::detail(&entry.detail), DETAIL_CELLS_MAX);
    let parts = [clip(&entry.id, words::ID_CELLS_MAX), detail];
    let said = parts.iter().filter(|part| !part.is_empty());
    said.fold(words::moment(&entry.id), |title, part| {
        title.then(&format!(" · {part}"))
    })
}

/// The figure beside a bar: to its right, or to its left where there is no room.
fn beside(left: f64, right: f64, y: f64, label: &Both) -> String {
    let (x, anchor) = if WIDTH - right > FIGURE_WIDTH_MAX {
        (right + 6.0, "start")
    } else {
        (left - 6.0, "end")
    };
    label.svg(
        &format!(
            "class=\"count\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\"",
            y + 4.0
        ),
        24,
    )
}

/// Every moment with its details, as they were recorded.
pub fn table(result: &DrillResult) -> String {
    let mut rows = String::new();
    for entry in in_order(result).into_iter().take(ROWS_MAX) {
        let took = entry.until_seconds.map_or(String::new(), |until| {
            format!("{} s", seconds(until - entry.at_seconds))
        });
        rows.push_str(&format!(
            "<tr><td>{} s</td><td>{took}</td><td class=\"text\">{}</td><td class=\"text\">{}</td><td class=\"text\">{} <code>{}</code></td><td class=\"text\"><div class=\"detail\">{}</div></td></tr>",
            seconds(entry.at_seconds),
            side(entry.failover),
            words::phase(entry.phase),
            words::moment(&entry.id),
            escape(&clip(&entry.id, words::ID_CELLS_MAX)),
            escape(&clip(&words::detail(&entry.detail), DETAIL_CELLS_MAX)),
        ));
    }
    let heads: String = [
        both("after the fault", "장애 후"),
        both("took", "소요"),
        both("move", "전환"),
        both("phase", "단계"),
        both("what", "내용"),
        both("details", "세부 사항"),
    ]
    .iter()
    .map(|h| format!("<th scope=\"col\">{h}</th>"))
    .collect();
    let rest = left_out(result.timeline.len().saturating_sub(ROWS_MAX));
    format!(
        "<div class=\"scroll\"><table class=\"moments\"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{rest}"
    )
}

fn side(failover: bool) -> Both {
    if failover {
        both("failover", "페일오버")
    } else {
        both("failback", "페일백")
    }
}
