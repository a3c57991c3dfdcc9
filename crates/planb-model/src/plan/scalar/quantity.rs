//! Durations (`1h30m`, `800ms`) and sizes (`1MiB`).

use super::{Bad, shown};
use std::time::Duration;

/// Units of a duration in milliseconds, largest first.
const TIME_UNITS_MS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// Longest duration of a plan: longer ones are slips of the keyboard.
const DURATION_DAYS_MAX: u64 = 3_660;
/// Units of a size in bytes, largest first.
const SIZE_UNITS_BYTES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads `15m`, `1s`, `800ms`, `24h`, `1h30m`: whole numbers, each with its unit.
pub(in crate::plan) fn duration(text: &str) -> Result<Duration, Bad> {
    let bad = || {
        Bad::new(
            format!("{} is not a duration", shown(text)),
            format!("{} 값은 시간으로 읽을 수 없습니다", shown(text)),
        )
        .hint(
            "write whole numbers with a unit (ms, s, m, h, d), such as `800ms`, `15m` or `1h30m`",
            "단위(ms, s, m, h, d)를 붙인 정수로 적으세요. 예: `800ms`, `15m`, `1h30m`",
        )
    };
    let mut total_ms: u64 = 0;
    let mut rest = text.trim();
    let mut smallest = u64::MAX;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(bad)?;
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let (_, ms) = TIME_UNITS_MS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(bad)?;
        // `30m1h` and `1m1m` are more likely slips than meant.
        if *ms >= smallest {
            return Err(bad());
        }
        smallest = *ms;
        total_ms = number
            .checked_mul(*ms)
            .and_then(|part| total_ms.checked_add(part))
            .filter(|total| *total <= DURATION_DAYS_MAX * 86_400_000)
            .ok_or_else(|| too_long(text))?;
        rest = next;
    }
    Ok(Duration::from_millis(total_ms))
}

fn too_long(text: &str) -> Bad {
    Bad::new(
        format!("{} is longer than {DURATION_DAYS_MAX} days", shown(text)),
        format!("{} 값이 {DURATION_DAYS_MAX}일을 넘습니다", shown(text)),
    )
    .hint("give a shorter duration", "더 짧은 시간을 적으세요")
}

/// Writes a duration the way [`duration`] reads it.
pub(in crate::plan) fn duration_text(value: &Duration) -> String {
    let mut rest = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, ms) in TIME_UNITS_MS {
        // `24h` says more about a daily job than `1d`.
        let is_one_day = unit == "d" && rest == ms;
        if rest >= ms && !is_one_day {
            out.push_str(&format!("{}{unit}", rest / ms));
            rest %= ms;
        }
    }
    out
}

/// Reads `1MiB`, `64KiB`, `10MB`, `512B`: a whole number with a unit.
pub(in crate::plan) fn size(text: &str) -> Result<u64, Bad> {
    let bad = || {
        Bad::new(
            format!("{} is not a size", shown(text)),
            format!("{} 값은 크기로 읽을 수 없습니다", shown(text)),
        )
        .hint(
            "write a whole number with a unit (B, KiB, MiB, GiB, KB, MB, GB), such as `1MiB`",
            "단위(B, KiB, MiB, GiB, KB, MB, GB)를 붙인 정수로 적으세요. 예: `1MiB`",
        )
    };
    let (number, unit) = leading_number(text.trim()).ok_or_else(bad)?;
    let unit = unit.trim_start();
    SIZE_UNITS_BYTES
        .iter()
        .find(|(name, _)| *name == unit)
        .and_then(|(_, bytes)| number.checked_mul(*bytes))
        .ok_or_else(bad)
}

/// Writes a size the way [`size`] reads it, in the largest unit that is exact.
pub(in crate::plan) fn size_text(value: &u64) -> String {
    SIZE_UNITS_BYTES
        .iter()
        .find(|(_, bytes)| *value != 0 && value.is_multiple_of(*bytes))
        .map_or_else(
            || "0B".to_owned(),
            |(unit, bytes)| format!("{}{unit}", value / bytes),
        )
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    digits.parse().ok().map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_need_units_in_order() {
        assert_eq!(duration("1h30m").unwrap(), Duration::from_secs(5_400));
        assert_eq!(duration("800ms").unwrap(), Duration::from_millis(800));
        for bad in [
            "",
            "15",
            "m",
            "1.5h",
            "-1s",
            "15 m",
            "30m1h",
            "1m1m",
            "1y",
            "99999999999d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_need_units() {
        assert_eq!(size("1MiB").unwrap(), 1 << 20);
        assert_eq!(size("64 KiB").unwrap(), 65_536);
        for bad in ["", "1", "MiB", "1.5MiB", "1mib", "99999999999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0..DURATION_DAYS_MAX * 86_400_000, bytes: u64) {
            let time = Duration::from_millis(ms);
            prop_assert_eq!(duration(&duration_text(&time)).unwrap(), time);
            prop_assert_eq!(size(&size_text(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn nothing_panics(text in ".{0,40}") {
            // The result does not matter; that there is one does.
            prop_assert!(duration(&text).is_ok() || duration(&text).is_err());
            prop_assert!(size(&text).is_ok() || size(&text).is_err());
        }
    }
}
