//! Text in two languages, escaping, and numbers for people.

use std::fmt;

/// Escapes text for HTML content and quoted attributes. Control characters and
/// those that turn the reading direction become U+FFFD: a name must not be
/// able to rearrange the page around it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// One text in both languages; shows as two spans of which CSS hides one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Both {
    en: String,
    ko: String,
}

/// Joins the two translations of one text, not yet escaped.
pub fn both(en: &str, ko: &str) -> Both {
    Both {
        en: en.to_owned(),
        ko: ko.to_owned(),
    }
}

impl Both {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.en.is_empty() && self.ko.is_empty()
    }

    /// Puts `tail` after both, such as a figure that is the same in every language.
    pub fn then(&self, tail: &str) -> Both {
        both(&format!("{}{tail}", self.en), &format!("{}{tail}", self.ko))
    }

    /// Two SVG text elements with the same attributes, each at most `cells` wide.
    pub fn svg(&self, attributes: &str, cells: usize) -> String {
        svg_text_of("en", attributes, &self.en, cells)
            + &svg_text_of("ko", attributes, &self.ko, cells)
    }
}

impl fmt::Display for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<span class=\"en\" lang=\"en\">{}</span><span class=\"ko\" lang=\"ko\">{}</span>",
            escape(&self.en),
            escape(&self.ko)
        )
    }
}

/// A shape that says `title` when it is pointed at: once per language, as a
/// tooltip has room for one.
pub fn titled(shape: &str, title: &Both) -> String {
    let one = |lang: &str, text: &str| {
        format!(
            "<g class=\"{lang}\" lang=\"{lang}\"><title>{}</title>{shape}</g>",
            escape(text)
        )
    };
    one("en", &title.en) + &one("ko", &title.ko)
}

fn svg_text_of(lang: &str, attributes: &str, text: &str, cells: usize) -> String {
    format!(
        "<g class=\"{lang}\" lang=\"{lang}\"><text {attributes}>{}</text></g>",
        escape(&clip(text, cells))
    )
}

/// An SVG text that is the same in both languages.
pub fn svg_text(attributes: &str, text: &str) -> String {
    format!("<text {attributes}>{}</text>", escape(text))
}

/// The start of `text` that fits into `cells`, with `…` when something is cut.
/// Wide characters (Hangul, Han, full width) count as two cells.
pub fn clip(text: &str, cells: usize) -> String {
    let width = |c: char| if is_wide(c) { 2 } else { 1 };
    if text.chars().map(width).sum::<usize>() <= cells {
        return text.to_owned();
    }
    let mut used = 1;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            used += width(*c);
            used <= cells
        })
        .collect();
    out.push('…');
    out
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}')
}

/// `5.12`, `0.034`, `−1.50`, `1,234`; `–` for what is no number.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    let digits = match size {
        s if s >= 1000.0 => return signed(value, grouped(size.round() as u64)),
        s if s >= 100.0 => 1,
        s if s > 0.0 && s < 0.1 => 3,
        _ => 2,
    };
    signed(value, format!("{size:.digits$}"))
}

fn signed(value: f64, size: String) -> String {
    let zero = size.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !zero {
        format!("−{size}")
    } else {
        size
    }
}

/// `12,345`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `512 B`, `1.5 MiB`.
pub fn bytes(value: u64) -> String {
    let mut size = value as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            let digits = usize::from(unit != "B" && size < 100.0);
            return format!("{size:.digits$} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_direction_marks_do_not_get_through() {
        assert_eq!(escape("<a b=\"'&\">"), "&lt;a b=&quot;&#39;&amp;&quot;&gt;");
        assert_eq!(escape("a\u{202e}b\0c\nd"), "a\u{fffd}b\u{fffd}c d");
    }

    #[test]
    fn numbers_are_for_people() {
        let shown = [
            5.123,
            0.0341,
            -1.5,
            -0.001,
            -0.0,
            123.45,
            86_400.0,
            f64::NAN,
        ]
        .map(seconds);
        assert_eq!(
            shown,
            [
                "5.12", "0.034", "−1.50", "−0.001", "0.00", "123.5", "86,400", "–"
            ]
        );
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(
            [bytes(512), bytes(1536), bytes(u64::MAX)],
            ["512 B", "1.5 KiB", "16777216.0 TiB"]
        );
    }

    #[test]
    fn long_texts_are_cut_by_width() {
        assert_eq!(clip("복구지점", 8), "복구지점");
        assert_eq!(clip("복구지점", 7), "복구지…");
        assert_eq!(clip("abcdef", 4), "abc…");
    }
}
