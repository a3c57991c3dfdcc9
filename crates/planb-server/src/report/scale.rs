//! From seconds to picture coordinates, and the axis that shows it.

use super::html::svg_text;

/// Longest span an axis shows, in seconds: a week. Keeps odd data drawable.
const SPAN_SECONDS_MAX: f64 = 7.0 * 86_400.0;

/// Ticks an axis aims at.
const TICKS_WANTED: f64 = 8.0;

/// A linear axis in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    from: f64,
    to: f64,
    left: f64,
    width: f64,
}

impl Scale {
    /// An axis over all finite `values`, at least one second long.
    pub fn over(values: impl Iterator<Item = f64>, left: f64, width: f64) -> Self {
        let (mut from, mut to) = (0.0f64, 0.0f64);
        for value in values.filter(|v| v.is_finite()) {
            from = from.min(value.max(-SPAN_SECONDS_MAX));
            to = to.max(value.min(SPAN_SECONDS_MAX));
        }
        if to - from < 1.0 {
            to = from + 1.0;
        }
        Self {
            from,
            to,
            left,
            width,
        }
    }

    /// The place of `seconds`, always inside the axis.
    pub fn x(&self, seconds: f64) -> f64 {
        let inside = if seconds.is_finite() {
            seconds.clamp(self.from, self.to)
        } else {
            self.from
        };
        self.left + (inside - self.from) / (self.to - self.from) * self.width
    }

    /// Grid lines and their numbers; lines from `top` to `bottom`.
    pub fn axis(&self, top: f64, bottom: f64) -> String {
        let step = tick_step(self.to - self.from);
        let mut svg = String::new();
        let mut tick = (self.from / step).ceil() * step;
        while tick <= self.to + step * 1e-6 {
            let x = self.x(tick);
            svg.push_str(&format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>"
            ));
            svg.push_str(&svg_text(
                &format!(
                    "class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\"",
                    bottom + 15.0
                ),
                &label(tick, step),
            ));
            tick += step;
        }
        svg
    }
}

fn tick_step(span: f64) -> f64 {
    let raw = span / TICKS_WANTED;
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|f| f * power >= raw)
        .unwrap_or(10.0);
    factor * power
}

fn label(tick: f64, step: f64) -> String {
    let digits = usize::from(step < 1.0);
    let text = format!("{:.digits$}", tick.abs());
    let zero = text.chars().all(|c| c == '0' || c == '.');
    let sign = if tick < 0.0 && !zero { "−" } else { "" };
    format!("{sign}{text} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_stay_inside() {
        let values = [-3.0, 7.0, f64::NAN, f64::INFINITY];
        let scale = Scale::over(values.into_iter(), 100.0, 500.0);
        assert_eq!((scale.x(-3.0), scale.x(7.0)), (100.0, 600.0));
        for odd in [f64::NAN, f64::NEG_INFINITY, 1e300, -1e300] {
            assert!((100.0..=600.0).contains(&scale.x(odd)), "{odd}");
        }
    }

    #[test]
    fn the_axis_has_a_bounded_number_of_round_ticks() {
        for to in [0.0, 0.5, 9.3, 3600.0, 1e300] {
            let axis = Scale::over([to].into_iter(), 0.0, 100.0).axis(0.0, 10.0);
            let ticks = axis.matches("<line").count();
            assert!((4..=12).contains(&ticks), "{to}: {ticks}");
        }
        assert_eq!(label(-0.0, 1.0), "0 s");
        assert_eq!(label(-2.5, 0.5), "−2.5 s");
    }
}
