//! Timelines: a server that is promoted writes on under the next number, and
//! its history file says where each timeline before ended.
//!
//! The number alone does not name a timeline: two standbys of one server may
//! both become number 2. Where they branched off tells them apart.

use super::{Lsn, Stream};

impl Stream {
    /// Reads a history file, one line for each timeline before: its number,
    /// where it ended, and why. `None` when it is none.
    pub fn ancestors_of(history: &str) -> Option<Vec<(u32, Lsn)>> {
        let lines = history.lines().map(str::trim);
        let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        entries
            .map(|line| {
                let mut fields = line.split_whitespace();
                let timeline = fields.next()?.parse().ok()?;
                Some((timeline, fields.next()?.parse().ok()?))
            })
            .collect()
    }

    /// The history file of this timeline; `None` when nothing came before, or
    /// nobody knows what.
    pub fn history(&self) -> Option<(String, String)> {
        if self.ancestors.is_empty() {
            return None;
        }
        let line = |(timeline, end): &(u32, Lsn)| format!("{timeline}\t{end}\tsee the vault\n");
        let lines: String = self.ancestors.iter().map(line).collect();
        Some((format!("{:08X}.history", self.timeline), lines))
    }

    /// Where `timeline` ended, when it is one before this.
    pub fn end_of(&self, timeline: u32) -> Option<Lsn> {
        let found = self.ancestors.iter().find(|(t, _)| *t == timeline);
        found.map(|(_, end)| *end)
    }

    /// The timeline that follows `timeline` on the way to this one.
    pub fn next_after(&self, timeline: u32) -> Option<Stream> {
        let index = self.ancestors.iter().position(|(t, _)| *t == timeline)? + 1;
        let next = self.ancestors.get(index).map(|(t, _)| *t);
        Some(Stream {
            system: self.system.clone(),
            timeline: next.unwrap_or(self.timeline),
            ancestors: self.ancestors[..index].to_vec(),
        })
    }

    /// Whether this log has `lsn` of `other` behind it or in it, so that it is
    /// read on from there; else why not.
    pub fn goes_on(&self, other: &Stream, lsn: Lsn) -> Result<(), String> {
        if self.system != other.system {
            return Err("another server answers at the address".into());
        }
        let (now, before) = (self.timeline, other.timeline);
        let known = !self.ancestors.is_empty() && !other.ancestors.is_empty();
        if now == before {
            return match known && self.ancestors != other.ancestors {
                true => Err(format!(
                    "the server is on a timeline {now} that branched off elsewhere than the one in the vault: another standby was promoted"
                )),
                false => Ok(()),
            };
        }
        let moved = format!("the server went over from timeline {before} to {now}");
        if now < before {
            return Err(format!(
                "the server is on timeline {now}, the vault on {before}: an older server has come back"
            ));
        }
        if self.ancestors.is_empty() {
            return Err(format!("{moved}, and it has no history of that"));
        }
        let index = self.ancestors.iter().position(|(t, _)| *t == before);
        let Some(index) = index else {
            return Err(format!("{moved}, which did not come from {before}"));
        };
        if !other.ancestors.is_empty() && self.ancestors[..index] != other.ancestors {
            return Err(format!(
                "{moved} by another way than the vault's timeline {before}"
            ));
        }
        let end = self.ancestors[index].1;
        if end < lsn {
            return Err(format!(
                "{moved} at {end}; the vault has log of timeline {before} up to {lsn}, which the promoted server never got"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(timeline: u32, ancestors: &[(u32, u64)]) -> Stream {
        Stream {
            system: "7".into(),
            timeline,
            ancestors: ancestors.iter().map(|(t, at)| (*t, Lsn(*at))).collect(),
        }
    }

    #[test]
    fn history_files_are_read_and_written() {
        let text = "1\t0/3000148\tno recovery target specified\n\n2\t1/28\tbefore\n# x\n";
        let third = Stream {
            ancestors: Stream::ancestors_of(text).expect("good"),
            ..stream(3, &[])
        };
        assert_eq!(third, stream(3, &[(1, 0x300_0148), (2, 0x1_0000_0028)]));
        let (name, written) = third.history().expect("one");
        assert_eq!(name, "00000003.history");
        assert_eq!(Stream::ancestors_of(&written), Some(third.ancestors));
        assert_eq!(stream(1, &[]).history(), None);
        assert_eq!(Stream::ancestors_of("1 nonsense why"), None);
    }

    #[test]
    fn a_log_goes_on_only_where_it_branched_off() {
        let third = stream(3, &[(1, 10), (2, 20)]);
        let on = |before: &Stream, lsn| third.goes_on(before, Lsn(lsn));
        for (before, lsn) in [
            (stream(1, &[]), 10),
            (stream(2, &[(1, 10)]), 20),
            (stream(2, &[]), 15),
            (third.clone(), 1_000),
            (stream(3, &[]), 1_000),
        ] {
            assert_eq!(on(&before, lsn), Ok(()), "{before:?} {lsn}");
        }
        for (before, lsn, why) in [
            (stream(1, &[]), 11, "never got"),
            (stream(2, &[(1, 9)]), 15, "another way"),
            (stream(3, &[(1, 10), (2, 21)]), 15, "another standby"),
            (stream(4, &[]), 15, "older server"),
        ] {
            let refused = on(&before, lsn).expect_err(why);
            assert!(refused.contains(why), "{refused}");
        }
        let unknown = stream(3, &[]).goes_on(&stream(2, &[]), Lsn(1));
        assert!(unknown.is_err_and(|why| why.contains("no history")));
        let foreign = stream(5, &[(4, 30)]).goes_on(&third, Lsn(1));
        assert!(foreign.is_err_and(|why| why.contains("did not come")));
    }

    #[test]
    fn the_way_to_a_timeline_is_known() {
        let third = stream(3, &[(1, 10), (2, 20)]);
        assert_eq!(third.next_after(1), Some(stream(2, &[(1, 10)])));
        assert_eq!(third.next_after(2), Some(third.clone()));
        assert_eq!(third.next_after(3), None);
        assert_eq!(third.end_of(2), Some(Lsn(20)));
    }
}
