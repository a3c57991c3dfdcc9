//! Draws the figures of a report.

mod axis;
mod bars;
mod curves;
mod timeline;
mod tornado;

use super::html::escape;
use super::width::{clip, columns, wrap};
use crate::report::{Chart, Mark};
use axis::Axis;
use planb_model::{Lang, Text};

/// Width of every figure, in its own units.
const WIDTH: f64 = 820.0;
/// Where the drawing begins; labels stand to the left.
const LEFT: f64 = 212.0;
/// Where it ends.
const RIGHT: f64 = 780.0;
/// From one line of a label to the next.
const LABEL_LINE: f64 = 13.0;
/// Columns of a label that fit left of the drawing.
const LABEL_COLUMNS: usize = 26;
/// Series that have a colour of their own.
const SERIES: usize = 5;

/// A figure as inline SVG.
pub(super) struct Drawn {
    /// What it shows, escaped.
    pub title: String,
    /// The drawing, named by its title.
    pub picture: String,
}

/// Draws a figure.
pub(super) fn draw(chart: &Chart, lang: Lang) -> Drawn {
    let (title, drawing) = match chart {
        Chart::Bars(bars) => (&bars.title, bars::draw(bars, lang)),
        Chart::Tornado(tornado) => (&tornado.title, tornado::draw(tornado, lang)),
        Chart::Timeline(line) => (&line.title, timeline::draw(line, lang)),
        Chart::Curves(curves) => (&curves.title, curves::draw(curves, lang)),
    };
    let title = escape(title.get(lang));
    let (height, body) = (drawing.height, drawing.body);
    let picture = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">{body}</svg>"
    );
    Drawn { title, picture }
}

/// What one kind of figure draws.
struct Drawing {
    height: f64,
    body: String,
}

/// A text; `attributes` hold its place and class.
fn text(attributes: &str, said: &str) -> String {
    format!("<text {attributes}>{}</text>", escape(said))
}

/// A label left of the drawing, at height `y`.
fn label(said: &Text, lang: Lang, y: f64) -> String {
    let x = LEFT - 12.0;
    let line = |said: &str, y: f64| {
        let attributes = format!("x=\"{x:.0}\" y=\"{y:.1}\" text-anchor=\"end\"");
        text(&attributes, &short(said, LABEL_COLUMNS))
    };
    let lines = wrap(said.get(lang), LABEL_COLUMNS);
    match lines.split_first() {
        Some((first, [])) => line(first, y),
        // What is longer than two lines is cut on the second.
        Some((first, rest)) => {
            line(first, y - LABEL_LINE / 2.0) + &line(&rest.join(" "), y + LABEL_LINE / 2.0)
        }
        None => String::new(),
    }
}

/// The beginning of a text, with `…` when something is cut.
fn short(said: &str, width: usize) -> String {
    if columns(said) <= width {
        return said.to_owned();
    }
    format!("{}…", clip(said, width.saturating_sub(1)))
}

/// A rectangle with a tooltip.
fn bar(x: f64, y: f64, width: f64, height: f64, series: usize, tip: &str) -> String {
    let class = series % SERIES;
    format!(
        "<rect class=\"series fill-{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\"><title>{}</title></rect>",
        width.max(1.5),
        escape(tip)
    )
}

/// Swatches with names, on one line, from `y`.
fn legend(names: &[&str], y: f64) -> String {
    let mut x = LEFT;
    let mut out = String::new();
    for (index, name) in names.iter().enumerate() {
        out.push_str(&bar(x, y - 10.0, 12.0, 12.0, index, name));
        out.push_str(&text(
            &format!("class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\"", x + 18.0),
            name,
        ));
        x += 42.0 + columns(name) as f64 * 7.4;
    }
    out
}

/// Dashed lines with a name above; names that would meet stand on two rows.
fn marks(marks: &[Mark], axis: &Axis, top: f64, bottom: f64, lang: Lang) -> String {
    let mut out = String::new();
    for (index, mark) in marks.iter().enumerate() {
        let x = axis.x(mark.at);
        let y = top - 6.0 - 15.0 * (index % 3) as f64;
        let anchor = if x > WIDTH * 0.7 { "end" } else { "start" };
        out.push_str(&format!(
            "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>",
            y + 3.0
        ));
        out.push_str(&text(
            &format!("class=\"limit-label\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\""),
            mark.label.get(lang),
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_stands_on_two_lines_and_is_cut_only_after_them() {
        let lines = |said: &str| label(&Text::same(said), Lang::En, 20.0);
        assert_eq!(lines("Development period").matches("<text").count(), 1);
        let two = lines("Change of business and technology");
        assert_eq!(two.matches("<text").count(), 2, "{two}");
        assert!(two.contains("technology<") && !two.contains('…'), "{two}");
        let cut = lines(&"a long name of a lane ".repeat(9));
        assert_eq!(
            (cut.matches("<text").count(), cut.matches('…').count()),
            (2, 1)
        );
    }
}
