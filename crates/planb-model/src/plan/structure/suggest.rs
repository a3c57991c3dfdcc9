//! Finds the name somebody probably meant.

/// The name nearest to `given`, if one is near enough to have been meant.
pub fn nearest<'a>(given: &str, names: &[&'a str]) -> Option<&'a str> {
    const COMPARED_CHARS_MAX: usize = 64;
    let given: Vec<char> = plain(given).into_iter().take(COMPARED_CHARS_MAX).collect();
    names
        .iter()
        .map(|name| (distance(&given, &plain(name)), *name))
        .filter(|(distance, name)| *distance * 3 <= name.chars().count() + 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Without case and joints, so that `stop_grace` is `stopGrace`.
fn plain(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Insertions, deletions, replacements and swaps of neighbours between two names.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["health", "origin", "stopGrace", "database", "role"];
        for (given, expected) in [
            ("helth", Some("health")),
            ("haelth", Some("health")),
            ("stop_grace", Some("stopGrace")),
            ("Database", Some("database")),
            ("roll", Some("role")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, &names), expected, "{given}");
        }
    }
}
