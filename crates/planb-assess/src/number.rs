//! Numbers for people.

use planb_model::Text;

/// `1234.5` without zeros at its end; grouped from a thousand up.
pub fn plain(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let rounded = (value * 100.0).round() / 100.0;
    let text = format!("{:.2}", rounded.abs());
    let (whole, cents) = text.split_once('.').unwrap_or((&text, ""));
    let cents = cents.trim_end_matches('0');
    let sign = if rounded < 0.0 { "-" } else { "" };
    let dot = if cents.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{cents}", group(whole))
}

/// `12,345`.
pub fn grouped(value: u64) -> String {
    group(&value.to_string())
}

/// `1 workload`, `2 workloads`: how many in English; Korean has no plural.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    let name = if count == 1 { one } else { many };
    format!("{} {name}", grouped(count as u64))
}

fn group(digits: &str) -> String {
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A whole number from a thousand up, two digits below: money in tables.
pub fn money(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        plain(value.round())
    } else {
        plain(value)
    }
}

/// `45.5 %`, `45.5%`.
pub fn percent(value: f64) -> Text {
    let text = plain((value * 10.0).round() / 10.0);
    Text::new(format!("{text} %"), format!("{text}%"))
}

/// A time as people say it: `4 min 30 s`, `5 h 30 min`, `1 d 4 h`.
pub fn duration(seconds: f64) -> Text {
    if !seconds.is_finite() {
        return Text::same("–");
    }
    if seconds < 9.95 {
        let text = plain((seconds * 10.0).round() / 10.0);
        return Text::new(format!("{text} s"), format!("{text}초"));
    }
    let units = [
        (86_400u64, "d", "일"),
        (3_600, "h", "시간"),
        (60, "min", "분"),
        (1, "s", "초"),
    ];
    let total = seconds.round() as u64;
    let first = units
        .iter()
        .position(|(size, ..)| total >= *size)
        .unwrap_or(3);
    // Two neighbouring units say enough; the smaller one rounds.
    let last = (first + 1).min(3);
    let step = units[last].0;
    let total = (seconds / step as f64).round() as u64 * step;
    let mut rest = total;
    let (mut en, mut ko) = (Vec::new(), Vec::new());
    for (size, short, korean) in units {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            en.push(format!("{count} {short}"));
            ko.push(format!("{count}{korean}"));
        }
    }
    Text::new(en.join(" "), ko.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        let shown = [0.28, 463.0, 1_234_567.891, -0.001, -12.5, f64::NAN].map(plain);
        assert_eq!(shown, ["0.28", "463", "1,234,567.89", "0", "-12.5", "–"]);
        let counts = [0, 1, 1_200].map(|n| counted(n, "workload", "workloads"));
        assert_eq!(counts, ["0 workloads", "1 workload", "1,200 workloads"]);
    }

    #[test]
    fn times_are_for_people() {
        for (seconds, en, ko) in [
            (0.5, "0.5 s", "0.5초"),
            (90.0, "1 min 30 s", "1분 30초"),
            (3_600.0, "1 h", "1시간"),
            (19_800.0, "5 h 30 min", "5시간 30분"),
            (3_599.9, "1 h", "1시간"),
            (100_000.0, "1 d 4 h", "1일 4시간"),
        ] {
            assert_eq!(duration(seconds), Text::new(en, ko));
        }
    }
}
