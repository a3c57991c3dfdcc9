//! What happens when, on parallel lanes.

use super::axis::{Axis, Scale};
use super::{Drawing, LEFT, RIGHT, bar, label, legend, marks, short, text};
use crate::number;
use crate::report::Timeline;
use planb_model::{Lang, Text};

const ROW: f64 = 46.0;
/// Width of one column of text in a bar.
const COLUMN: f64 = 7.6;

/// Draws every lane; what people must do has its own colour and a sign.
pub fn draw(line: &Timeline, lang: Lang) -> Drawing {
    let ends = line.lanes.iter().flat_map(|l| &l.spans).map(|s| s.to);
    let axis = Axis::over(
        ends.chain(line.marks.iter().map(|m| m.at)),
        true,
        Scale::Seconds,
        LEFT,
        RIGHT,
    );
    let top = 36.0 + 15.0 * line.marks.len().min(3) as f64;
    let bottom = top + ROW * line.lanes.len() as f64;
    let mut body = axis.draw(top, bottom, lang);
    let people = Text::new("★ done by people", "★ 사람이 수행");
    let automatic = Text::new("automatic", "자동");
    body.push_str(&legend(&[automatic.get(lang), people.get(lang)], 18.0));
    for (index, lane) in line.lanes.iter().enumerate() {
        let y = top + ROW * index as f64;
        body.push_str(&label(&lane.label, lang, y + 28.0));
        for span in &lane.spans {
            let (from, to) = (axis.x(span.from), axis.x(span.to));
            let name = span.label.get(lang);
            let took = number::duration(span.to - span.from);
            let tip = format!("{name}: {}", took.get(lang));
            body.push_str(&bar(
                from,
                y + 8.0,
                to - from,
                ROW - 16.0,
                usize::from(span.by_people),
                &tip,
            ));
            let room = ((to - from - 8.0) / COLUMN).max(0.0) as usize;
            let star = if span.by_people { "★ " } else { "" };
            if room >= 5 {
                let place = format!(
                    "class=\"in-bar\" x=\"{:.1}\" y=\"{:.1}\"",
                    from + 5.0,
                    y + 28.0
                );
                body.push_str(&text(&place, &short(&format!("{star}{name}"), room)));
            }
        }
        if let Some(last) = lane.spans.last() {
            let x = axis.x(last.to);
            let (x, anchor) = if x > RIGHT - 90.0 {
                (x, "end")
            } else {
                (x + 6.0, "start")
            };
            let y = if anchor == "end" { y + 5.0 } else { y + 28.0 };
            let place =
                format!("class=\"limit-label\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"");
            body.push_str(&text(&place, number::duration(last.to).get(lang)));
        }
    }
    body.push_str(&marks(&line.marks, &axis, top, bottom, lang));
    Drawing {
        height: bottom + 28.0,
        body,
    }
}
