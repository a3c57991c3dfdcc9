//! Shares of cases that stay below a value.

use super::axis::{Axis, Scale};
use super::{Drawing, LEFT, RIGHT, SERIES, marks, text};
use crate::report::Curves;
use planb_model::Lang;

const HEIGHT: f64 = 190.0;
/// Points a line is drawn with.
const POINTS_MAX: usize = 200;

/// Draws the curves over shares from 0 to 100 %.
pub fn draw(curves: &Curves, lang: Lang) -> Drawing {
    let ends = curves
        .curves
        .iter()
        .flat_map(|c| &c.points)
        .map(|(x, _)| *x);
    let axis = Axis::over(
        ends.chain(curves.marks.iter().map(|m| m.at)),
        true,
        Scale::Seconds,
        LEFT - 150.0,
        RIGHT,
    );
    let top = 24.0 + 15.0 * curves.marks.len().min(3) as f64 + 20.0 * curves.curves.len() as f64;
    let bottom = top + HEIGHT;
    let mut body = axis.draw(top, bottom, lang);
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = bottom - share * HEIGHT;
        body.push_str(&format!(
            "<line class=\"axis\" x1=\"{:.1}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
            LEFT - 150.0
        ));
        let place = format!(
            "class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\"",
            LEFT - 158.0,
            y + 4.0
        );
        body.push_str(&text(&place, &format!("{:.0}%", share * 100.0)));
    }
    for (index, curve) in curves.curves.iter().enumerate() {
        let class = index % SERIES;
        let y = 14.0 + 20.0 * index as f64;
        let left = LEFT - 150.0;
        body.push_str(&format!(
            "<line class=\"line line-{class}\" x1=\"{left:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            left + 34.0,
            y - 4.0,
            y - 4.0
        ));
        body.push_str(&text(
            &format!("class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\"", left + 42.0),
            curve.label.get(lang),
        ));
        let every = curve.points.len().div_ceil(POINTS_MAX).max(1);
        let points: Vec<String> = curve
            .points
            .iter()
            .step_by(every)
            .chain(curve.points.last())
            .map(|(x, share)| {
                format!(
                    "{:.1},{:.1}",
                    axis.x(*x),
                    bottom - share.clamp(0.0, 1.0) * HEIGHT
                )
            })
            .collect();
        body.push_str(&format!(
            "<polyline class=\"line line-{class}\" points=\"{}\"/>",
            points.join(" ")
        ));
    }
    body.push_str(&marks(&curves.marks, &axis, top, bottom, lang));
    Drawing {
        height: bottom + 28.0,
        body,
    }
}
