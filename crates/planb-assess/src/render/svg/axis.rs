//! From values to places, and the lines that show it.

use super::text;
use crate::number;
use planb_model::Lang;

/// Ticks an axis aims at.
const TICKS_WANTED: f64 = 7.0;

/// What the values of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Plain numbers.
    Numbers,
    /// Whole numbers: no half of a workload.
    Counts,
    /// Seconds, shown as times.
    Seconds,
}

/// A linear axis.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    from: f64,
    to: f64,
    left: f64,
    right: f64,
    scale: Scale,
}

impl Axis {
    /// An axis over all finite `values`, and zero when `from_zero`.
    pub fn over(
        values: impl Iterator<Item = f64>,
        from_zero: bool,
        scale: Scale,
        left: f64,
        right: f64,
    ) -> Self {
        let mut from = if from_zero { 0.0 } else { f64::INFINITY };
        let mut to = if from_zero { 0.0 } else { f64::NEG_INFINITY };
        for value in values.filter(|v| v.is_finite()) {
            from = from.min(value);
            to = to.max(value);
        }
        if !from.is_finite() || !to.is_finite() {
            (from, to) = (0.0, 1.0);
        }
        if to - from < 1e-9 {
            to = from + 1.0;
        }
        Self {
            from,
            to,
            left,
            right,
            scale,
        }
    }

    /// The place of `value`, always inside the axis.
    pub fn x(&self, value: f64) -> f64 {
        let inside = if value.is_finite() {
            value.clamp(self.from, self.to)
        } else {
            self.from
        };
        self.left + (inside - self.from) / (self.to - self.from) * (self.right - self.left)
    }

    /// Grid lines from `top` to `bottom`, and their numbers below.
    pub fn draw(&self, top: f64, bottom: f64, lang: Lang) -> String {
        let step = self.step();
        let mut out = String::new();
        let mut tick = (self.from / step).ceil() * step;
        while tick <= self.to + step * 1e-6 {
            let x = self.x(tick);
            out.push_str(&format!(
                "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>"
            ));
            let attributes = format!(
                "class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\"",
                bottom + 16.0
            );
            out.push_str(&text(&attributes, &self.said(tick, lang)));
            tick += step;
        }
        out
    }

    fn said(&self, tick: f64, lang: Lang) -> String {
        match self.scale {
            Scale::Numbers | Scale::Counts => number::plain(tick),
            Scale::Seconds if tick == 0.0 => "0".to_owned(),
            Scale::Seconds => number::duration(tick).get(lang).to_owned(),
        }
    }

    fn step(&self) -> f64 {
        let least = if self.scale == Scale::Counts {
            1.0
        } else {
            0.0
        };
        let raw = ((self.to - self.from) / TICKS_WANTED).max(least);
        if self.scale == Scale::Seconds {
            const TIMES: [f64; 15] = [
                1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0,
                21600.0, 43200.0, 86400.0,
            ];
            if let Some(step) = TIMES.into_iter().find(|t| *t >= raw) {
                return step;
            }
        }
        let power = 10f64.powf(raw.log10().floor());
        let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= raw);
        factor.unwrap_or(10.0) * power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_no_halves() {
        let axis = Axis::over([3.0].into_iter(), true, Scale::Counts, 0.0, 100.0);
        let drawn = axis.draw(0.0, 10.0, Lang::En);
        assert!(drawn.contains(">2<") && !drawn.contains("0.5"), "{drawn}");
    }

    #[test]
    fn odd_values_stay_inside_and_ticks_are_bounded() {
        for to in [0.0, 0.3, 9.0, 61_200.0, 1e12] {
            for scale in [Scale::Numbers, Scale::Counts, Scale::Seconds] {
                let axis = Axis::over([to].into_iter(), true, scale, 100.0, 200.0);
                let ticks = axis.draw(0.0, 10.0, Lang::En).matches("<line").count();
                assert!((1..=12).contains(&ticks), "{to}: {ticks}");
                for odd in [f64::NAN, f64::INFINITY, -1e300] {
                    assert!((100.0..=200.0).contains(&axis.x(odd)));
                }
            }
        }
    }
}
