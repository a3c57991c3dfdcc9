//! What moves a result most: bars to both sides of it.

use super::axis::{Axis, Scale};
use super::{Drawing, LEFT, RIGHT, bar, label, legend, text};
use crate::number;
use crate::report::Tornado;
use planb_model::{Lang, Text};

const ROW: f64 = 34.0;

/// Draws the inputs from the strongest to the weakest.
pub fn draw(tornado: &Tornado, lang: Lang) -> Drawing {
    let ends = tornado.inputs.iter().flat_map(|s| [s.low, s.high]);
    let axis = Axis::over(
        ends.chain([tornado.base]),
        false,
        Scale::Numbers,
        LEFT + 60.0,
        RIGHT - 60.0,
    );
    let top = 26.0;
    let bottom = top + ROW * tornado.inputs.len() as f64;
    let mut body = axis.draw(top, bottom, lang);
    let base = axis.x(tornado.base);
    for (index, swing) in tornado.inputs.iter().enumerate() {
        let y = top + ROW * index as f64;
        body.push_str(&label(&swing.label, lang, y + 21.0));
        for (series, value, input) in [
            (0, swing.low, &swing.low_input),
            (1, swing.high, &swing.high_input),
        ] {
            let x = axis.x(value);
            let tip = format!(
                "{input}: {} {}",
                number::money(value),
                tornado.unit.get(lang)
            );
            body.push_str(&bar(
                x.min(base),
                y + 6.0,
                (x - base).abs(),
                ROW - 12.0,
                series,
                &tip,
            ));
            let anchor = if value < tornado.base || (value == tornado.base && series == 0) {
                ("end", x - 5.0)
            } else {
                ("start", x + 5.0)
            };
            let place = format!(
                "class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\"",
                anchor.1,
                y + 21.0,
                anchor.0
            );
            body.push_str(&text(&place, input));
        }
    }
    body.push_str(&format!(
        "<line class=\"base\" x1=\"{base:.1}\" x2=\"{base:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>",
        top - 4.0
    ));
    let said = format!("{} {}", number::money(tornado.base), tornado.unit.get(lang));
    body.push_str(&text(
        &format!("class=\"limit-label\" x=\"{base:.1}\" y=\"16\" text-anchor=\"middle\""),
        &said,
    ));
    let ends = [
        Text::new("input at its low end", "입력값을 낮게"),
        Text::new("input at its high end", "입력값을 높게"),
    ];
    let ends: Vec<&str> = ends.iter().map(|end| end.get(lang)).collect();
    body.push_str(&legend(&ends, bottom + 38.0));
    Drawing {
        height: bottom + 46.0,
        body,
    }
}
