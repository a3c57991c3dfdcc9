//! MySQL's sets of GTIDs: per source the intervals of its transactions, as in
//! `3E11FA47-71CA-11E1-9E33-C80AA9429562:1-3:11:tag:5-9`.

use std::collections::BTreeMap;
use std::fmt;

/// A server's UUID, and a tag (empty for none).
type Origin = ([u8; 16], String);

/// Which transactions were executed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct GtidSet {
    /// First and last of each interval, in order, never touching each other.
    intervals: BTreeMap<Origin, Vec<(u64, u64)>>,
}

impl GtidSet {
    /// Reads a set as the server writes it; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut set = Self::default();
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        for source in plain.split(',').filter(|source| !source.is_empty()) {
            let mut parts = source.split(':');
            let uuid = parse_uuid(parts.next()?)?;
            let mut tag = String::new();
            for part in parts {
                if part.starts_with(|c: char| c.is_ascii_digit()) {
                    let (first, last) = part.split_once('-').unwrap_or((part, part));
                    set.add_interval(uuid, &tag, (first.parse().ok()?, last.parse().ok()?))?;
                } else {
                    tag = part.to_ascii_lowercase();
                }
            }
        }
        Some(set)
    }

    /// Adds one transaction.
    pub fn add(&mut self, uuid: [u8; 16], tag: &str, number: u64) {
        // Nearly always the one after the last.
        if let Some(intervals) = self.intervals.get_mut(&(uuid, tag.to_owned()))
            && let Some(last) = intervals.last_mut()
            && last.1.checked_add(1) == Some(number)
        {
            last.1 = number;
            return;
        }
        self.add_interval(uuid, tag, (number, number));
    }

    fn add_interval(&mut self, uuid: [u8; 16], tag: &str, new: (u64, u64)) -> Option<()> {
        if new.0 == 0 || new.0 > new.1 {
            return None;
        }
        let intervals = self.intervals.entry((uuid, tag.to_owned())).or_default();
        intervals.push(new);
        intervals.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
        for next in intervals.drain(..) {
            match merged.last_mut() {
                Some(last) if next.0 <= last.1.saturating_add(1) => last.1 = last.1.max(next.1),
                _ => merged.push(next),
            }
        }
        *intervals = merged;
        Some(())
    }

    /// Whether everything in it is in `other` too.
    pub fn is_within(&self, other: &Self) -> bool {
        self.intervals.iter().all(|(source, intervals)| {
            let there = other.intervals.get(source).map_or(&[][..], Vec::as_slice);
            intervals
                .iter()
                .all(|mine| there.iter().any(|t| t.0 <= mine.0 && mine.1 <= t.1))
        })
    }
}

impl fmt::Display for GtidSet {
    /// As the server writes it, without line ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<[u8; 16]> = None;
        for ((uuid, tag), intervals) in &self.intervals {
            if before != Some(*uuid) {
                if before.is_some() {
                    f.write_str(",")?;
                }
                for (at, byte) in uuid.iter().enumerate() {
                    let dash = if matches!(at, 4 | 6 | 8 | 10) {
                        "-"
                    } else {
                        ""
                    };
                    write!(f, "{dash}{byte:02x}")?;
                }
                before = Some(*uuid);
            }
            if !tag.is_empty() {
                write!(f, ":{tag}")?;
            }
            for (first, last) in intervals {
                if first == last {
                    write!(f, ":{first}")?;
                } else {
                    write!(f, ":{first}-{last}")?;
                }
            }
        }
        Ok(())
    }
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    let mut uuid = [0; 16];
    for (at, byte) in uuid.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn sets_are_read_merged_and_written_as_the_server_does() {
        let check = |text: &str, written: &str| {
            let set = GtidSet::parse(text).expect(text);
            assert_eq!(set.to_string(), written);
            assert_eq!(GtidSet::parse(written), Some(set));
        };
        check("", "");
        check(&format!("{A}:1-3:11"), &format!("{A}:1-3:11"));
        check(
            &format!("{B}:5,\n{}:1-3:4-9:8", A.to_uppercase()),
            &format!("{A}:1-9,{B}:5"),
        );
        check(
            &format!("{A}:1:backup:5-7:2"),
            &format!("{A}:1:backup:2:5-7"),
        );
        for bad in ["x", "3e11:1", &format!("{A}:0"), &format!("{A}:5-2")] {
            assert_eq!(GtidSet::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_set_is_within_another_only_as_a_whole() {
        let within = |a: &str, b: &str| {
            let (a, b) = (GtidSet::parse(a), GtidSet::parse(b));
            a.expect("set").is_within(&b.expect("set"))
        };
        assert!(within(&format!("{A}:2-3"), &format!("{A}:1-9,{B}:1")));
        assert!(within("", &format!("{A}:1")));
        assert!(!within(&format!("{A}:1-10"), &format!("{A}:1-9:11-20")));
        assert!(!within(&format!("{A}:t:1"), &format!("{A}:1")));
        assert!(!within(&format!("{B}:1"), &format!("{A}:1")));
    }

    #[test]
    fn transactions_are_added_one_by_one() {
        let mut set = GtidSet::parse(&format!("{A}:1-3")).expect("set");
        let uuid = parse_uuid(A).expect("uuid");
        for number in [4, 6, 5] {
            set.add(uuid, "", number);
        }
        set.add(uuid, "t", 1);
        assert_eq!(set.to_string(), format!("{A}:1-6:t:1"));
    }
}
