//! Horizontal bars.

use super::axis::{Axis, Scale};
use super::{Drawing, LEFT, RIGHT, bar, label, legend, text};
use crate::number;
use crate::report::Bars;
use planb_model::Lang;

const ROW: f64 = 30.0;

/// Draws stacked bars with their sums at the end.
pub fn draw(bars: &Bars, lang: Lang) -> Drawing {
    let sums = bars.rows.iter().map(|row| row.values.iter().sum::<f64>());
    let mut values = bars.rows.iter().flat_map(|row| &row.values);
    let scale = if values.all(|value| value.fract() == 0.0) {
        Scale::Counts
    } else {
        Scale::Numbers
    };
    let axis = Axis::over(sums, true, scale, LEFT, RIGHT - 40.0);
    let several = bars.series.len() > 1;
    let top = if several { 34.0 } else { 8.0 };
    let bottom = top + ROW * bars.rows.len() as f64;
    let mut body = axis.draw(top, bottom, lang);
    if several {
        let names: Vec<&str> = bars.series.iter().map(|s| s.get(lang)).collect();
        body.push_str(&legend(&names, 18.0));
    }
    for (index, row) in bars.rows.iter().enumerate() {
        let y = top + ROW * index as f64;
        body.push_str(&label(&row.label, lang, y + 20.0));
        let mut sum = 0.0;
        for (series, value) in row.values.iter().enumerate().filter(|(_, v)| **v > 0.0) {
            let (from, to) = (axis.x(sum), axis.x(sum + value));
            let name = bars.series.get(series).map_or("", |s| s.get(lang));
            let tip = format!("{name}: {} {}", number::money(*value), bars.unit.get(lang));
            body.push_str(&bar(from, y + 5.0, to - from, ROW - 10.0, series, &tip));
            sum += value;
        }
        let place = format!("x=\"{:.1}\" y=\"{:.1}\"", axis.x(sum) + 6.0, y + 20.0);
        body.push_str(&text(&place, &number::money(sum)));
    }
    body.push_str(&text(
        &format!("class=\"tick\" x=\"{LEFT}\" y=\"{:.1}\"", bottom + 34.0),
        bars.unit.get(lang),
    ));
    Drawing {
        height: bottom + 42.0,
        body,
    }
}
