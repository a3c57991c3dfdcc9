//! Global transaction identifiers: the state after each transaction.

mod event;
mod set;

pub(crate) use event::{Gtid, read};
pub(crate) use set::GtidSet;

use std::collections::BTreeMap;

/// The GTID state of a log: which transactions stand before a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GtidState {
    /// By domain: server and sequence number of the last one.
    Mariadb(BTreeMap<u32, (u32, u64)>),
    /// The executed set; not known where transactions have no GTID.
    Mysql(Option<GtidSet>),
}

impl GtidState {
    /// Reads the state of a position.
    pub fn parse(mariadb: bool, text: Option<&str>) -> Self {
        if !mariadb {
            return GtidState::Mysql(text.and_then(GtidSet::parse));
        }
        let mut domains = BTreeMap::new();
        for gtid in text.unwrap_or("").split(',') {
            if let Some((domain, server, sequence)) = parse_mariadb(gtid) {
                domains.insert(domain, (server, sequence));
            }
        }
        GtidState::Mariadb(domains)
    }

    /// Adds the transaction that is begun by a GTID event.
    pub fn add(&mut self, gtid: &Gtid) {
        match (self, gtid) {
            (GtidState::Mariadb(domains), Gtid::Mariadb(domain, server, sequence)) => {
                domains.insert(*domain, (*server, *sequence));
            }
            (GtidState::Mysql(Some(set)), Gtid::Mysql(uuid, tag, number)) => {
                set.add(*uuid, tag, *number);
            }
            (GtidState::Mysql(set), _) => *set = None,
            (GtidState::Mariadb(_), _) => {}
        }
    }

    /// Whether nothing stands before this place that does not stand before
    /// `other` in the same history. `None` where it is not known.
    pub fn is_within(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (GtidState::Mysql(mine), GtidState::Mysql(theirs)) => {
                Some(mine.as_ref()?.is_within(theirs.as_ref()?))
            }
            (GtidState::Mariadb(mine), GtidState::Mariadb(theirs)) => {
                Some(mine.iter().all(|(domain, (server, sequence))| {
                    theirs.get(domain).is_some_and(|there| {
                        sequence < &there.1 || (server, sequence) == (&there.0, &there.1)
                    })
                }))
            }
            _ => None,
        }
    }

    /// As text, for positions.
    pub fn text(&self) -> Option<String> {
        match self {
            GtidState::Mysql(set) => set.as_ref().map(GtidSet::to_string),
            GtidState::Mariadb(domains) if domains.is_empty() => None,
            GtidState::Mariadb(domains) => {
                let gtids: Vec<String> = domains
                    .iter()
                    .map(|(domain, (server, sequence))| format!("{domain}-{server}-{sequence}"))
                    .collect();
                Some(gtids.join(","))
            }
        }
    }
}

/// Domain, server and sequence number of `0-1-42`.
pub(crate) fn parse_mariadb(text: &str) -> Option<(u32, u32, u64)> {
    let mut parts = text.trim().split('-');
    let domain = parts.next()?.parse().ok()?;
    let server = parts.next()?.parse().ok()?;
    let sequence = parts.next()?.parse().ok()?;
    Some((domain, server, sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_moves_on_per_domain() {
        let mut state = GtidState::parse(true, Some("1-1-5,0-2-7"));
        state.add(&Gtid::Mariadb(0, 3, 8));
        assert_eq!(state.text().as_deref(), Some("0-3-8,1-1-5"));
        assert_eq!(GtidState::parse(true, None).text(), None);
    }

    #[test]
    fn a_state_is_within_a_later_one_of_the_same_history() {
        let within = |a: &str, b: &str| {
            GtidState::parse(true, Some(a)).is_within(&GtidState::parse(true, Some(b)))
        };
        assert_eq!(within("0-1-5", "0-2-6,1-1-1"), Some(true));
        assert_eq!(within("0-1-5", "0-1-5"), Some(true));
        // The fifth transaction is another one there.
        assert_eq!(within("0-1-5", "0-2-5"), Some(false));
        assert_eq!(within("0-1-5,1-1-1", "0-1-5"), Some(false));
        let unknown = GtidState::parse(false, None);
        assert_eq!(unknown.is_within(&unknown), None);
    }

    #[test]
    fn a_transaction_without_identifier_makes_the_set_unknown() {
        let text = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3";
        let mut state = GtidState::parse(false, Some(text));
        assert_eq!(state.text().as_deref(), Some(text));
        state.add(&Gtid::Anonymous);
        assert_eq!(state.text(), None);
        state.add(&Gtid::Mysql([1; 16], String::new(), 1));
        assert_eq!(state.text(), None);
    }
}
