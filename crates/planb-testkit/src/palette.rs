//! The colours of a style sheet, and whether a text in one can be read on another.

use std::collections::BTreeMap;

/// Least contrast of text (WCAG 2.2, 1.4.3, level AA).
pub const TEXT_CONTRAST_MIN: f64 = 4.5;

/// Names (`ink`) and colours (`#1b1f26`) of one colour scheme.
pub type Palette = BTreeMap<String, String>;

/// One palette per `:root{…}` of `css`, in its order. A later one keeps the
/// colours of the first that it does not set itself.
pub fn palettes(css: &str) -> Vec<Palette> {
    let mut found: Vec<Palette> = Vec::new();
    for rest in css.split(":root{").skip(1) {
        let body = rest.split('}').next().unwrap_or_default();
        let mut palette = found.first().cloned().unwrap_or_default();
        let colours = body.split(';').filter_map(|line| line.split_once(':'));
        let colours = colours.filter_map(|(name, value)| {
            let value = value.trim();
            let name = name.trim().strip_prefix("--")?;
            value
                .starts_with('#')
                .then(|| (name.to_owned(), value.to_owned()))
        });
        palette.extend(colours);
        found.push(palette);
    }
    found
}

/// Contrast of two colours of `palette`, from 1 to 21 (WCAG 2.2).
///
/// # Panics
/// When a name is not in it, or is not `#rgb` or `#rrggbb`.
pub fn contrast(palette: &Palette, one: &str, other: &str) -> f64 {
    let of = |name: &str| {
        let colour = palette.get(name);
        let light = colour.and_then(|colour| luminance(colour));
        light.unwrap_or_else(|| panic!("no colour {name}: {colour:?}"))
    };
    let (one, other) = (of(one), of(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance, from 0 to 1; nothing for what is no opaque colour.
fn luminance(colour: &str) -> Option<f64> {
    let digits = colour.strip_prefix('#')?;
    let long: String = match digits.len() {
        3 => digits.chars().flat_map(|c| [c, c]).collect(),
        6 => digits.to_owned(),
        _ => return None,
    };
    let part = |from: usize| {
        let byte = u8::from_str_radix(long.get(from..from + 2)?, 16).ok()?;
        let share = f64::from(byte) / 255.0;
        Some(if share <= 0.040_45 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        })
    };
    Some(0.2126 * part(0)? + 0.7152 * part(2)? + 0.0722 * part(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        let css = ":root{--a:#fff;--b:#000;--w:12px}@media x{:root{--b:#777777}}";
        let all = palettes(css);
        assert_eq!(all.len(), 2);
        assert!((contrast(&all[0], "a", "b") - 21.0).abs() < 1e-9);
        // #777 on white is the textbook's near miss: 4.48.
        let near = contrast(&all[1], "b", "a");
        assert!((near - 4.48).abs() < 0.01, "{near}");
        assert!(!all[0].contains_key("w"));
    }
}
