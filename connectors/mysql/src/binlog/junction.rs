//! Where another server's log goes on from what was shipped: a replica that
//! took the place of its source has other files and other offsets, and the
//! same transactions.
//!
//! What was shipped must stand in the other log first and alone: every
//! transaction of it, no other one before or between. Then everything after
//! the place where it ends is new, and only that. A server that lacks some of
//! it, or executed something of its own in between, has other rows than the
//! copy; only a new snapshot mends that.

use super::gtid::{Gtid, GtidState, parse_mariadb};
use super::position::BinlogPosition;
use crate::client::{Client, literal, rows};
use crate::error::log_lost;
use mysql_async::{Conn, Row};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::BTreeMap;

/// The events a binlog file begins with; one of them tells what came before it.
const HEAD_EVENTS: usize = 4;

/// The last transaction of each server in each of MariaDB's domains.
pub(crate) type Origins = BTreeMap<(u32, u32), u64>;

/// Reads MariaDB's `gtid_binlog_state` and the like.
pub(crate) fn origins(text: &str) -> Origins {
    text.split(',')
        .filter_map(parse_mariadb)
        .map(|(domain, server, sequence)| ((domain, server), sequence))
        .collect()
}

/// Follows a log up to the place where what was shipped ends.
#[derive(Debug)]
pub(super) struct Search {
    shipped: GtidState,
    /// What stands before the place that was reached.
    state: GtidState,
    /// Transactions of the old source, where they are known to be its own.
    known: Origins,
}

impl Search {
    /// Begins before the newest file that has nothing but shipped transactions
    /// before it; says where that is.
    pub async fn begin(
        client: &Client,
        conn: &mut Conn,
        shipped: GtidState,
    ) -> PortResult<(Self, BinlogPosition)> {
        let is_mariadb = client.config.is_mariadb();
        let nothing = match &shipped {
            GtidState::Mariadb(domains) => domains.is_empty(),
            GtidState::Mysql(set) => set.is_none(),
        };
        if nothing {
            return Err(log_lost(format!(
                "another server answers at {}, and transactions have no GTIDs",
                client.config.subject()
            )));
        }
        let files: Vec<Row> = rows(conn, "list the binlog files", "SHOW BINARY LOGS").await?;
        let names = files.iter().filter_map(|row| row.get::<String, _>(0));
        for file in names.collect::<Vec<_>>().into_iter().rev() {
            let head = head(conn, &file, is_mariadb).await?;
            let state = GtidState::parse(is_mariadb, Some(&head));
            if state.is_within(&shipped) == Some(true) {
                let known = client.known_origins();
                if is_mariadb {
                    all_known(&origins(&head), &shipped, &known)?;
                }
                let search = Self {
                    shipped,
                    state,
                    known,
                };
                return Ok((search, BinlogPosition::new(file, 4)));
            }
        }
        Err(parted(
            "its log begins after, or beside, what was shipped last",
        ))
    }

    /// Whether the place is reached.
    pub fn is_done(&self) -> bool {
        self.state == self.shipped
    }

    /// Passes a transaction that stands before the place.
    pub fn pass(&mut self, gtid: &Gtid) -> PortResult<()> {
        if let (GtidState::Mariadb(domains), Gtid::Mariadb(domain, server, sequence)) =
            (&self.state, gtid)
        {
            let last = domains.get(domain).map_or(0, |(_, sequence)| *sequence);
            if *sequence <= last {
                return Err(parted("its transactions are not in their order"));
            }
            let origin = Origins::from([((*domain, *server), *sequence)]);
            all_known(&origin, &self.shipped, &self.known)?;
        }
        self.state.add(gtid);
        match self.state.is_within(&self.shipped) {
            Some(true) => Ok(()),
            _ => Err(parted(
                "it has a transaction that was not shipped before one that was",
            )),
        }
    }
}

/// MariaDB numbers the transactions of a domain whichever server they come
/// from, so that one of the replica's own is known only by its server: it must
/// be the one that wrote last, or one the old source had transactions of.
fn all_known(found: &Origins, shipped: &GtidState, known: &Origins) -> PortResult<()> {
    let GtidState::Mariadb(domains) = shipped else {
        return Ok(());
    };
    let is_known = |(origin, sequence): (&(u32, u32), &u64)| {
        let last = domains.get(&origin.0).map(|(server, _)| *server);
        last == Some(origin.1) || known.get(origin).is_some_and(|there| sequence <= there)
    };
    if found.iter().all(is_known) {
        return Ok(());
    }
    Err(parted(
        "it has transactions of a server the old source is not known to have had",
    ))
}

/// What was executed before a file, as its first events tell.
async fn head(conn: &mut Conn, file: &str, is_mariadb: bool) -> PortResult<String> {
    let sql = format!(
        "SHOW BINLOG EVENTS IN {} LIMIT {HEAD_EVENTS}",
        literal(file)
    );
    let events: Vec<Row> = rows(conn, "read the start of a binlog file", sql).await?;
    let wanted = if is_mariadb {
        "Gtid_list"
    } else {
        "Previous_gtids"
    };
    let found = events.iter().find_map(|row| {
        let kind: String = row.get(2)?;
        let text: String = row.get(5)?;
        (kind == wanted).then_some(text)
    });
    match found {
        Some(text) => Ok(text.trim_matches(['[', ']']).to_owned()),
        // A file that was made just now.
        None => Err(PortError::new(
            ErrorKind::Unavailable,
            "PB-MYSQL-BUSY",
            format!("{file} has no list of GTIDs yet"),
        )),
    }
}

/// The two servers do not have the same history.
pub(super) fn parted(why: &str) -> PortError {
    log_lost(format!("another server answers, and {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(shipped: &str, head: &str, known: &str) -> Search {
        Search {
            shipped: GtidState::parse(true, Some(shipped)),
            state: GtidState::parse(true, Some(head)),
            known: origins(known),
        }
    }

    /// Whether the place is found after exactly these transactions.
    fn found(mut search: Search, passed: &[&str]) -> Result<bool, String> {
        for gtid in passed {
            assert!(!search.is_done(), "already before {gtid}");
            let (domain, server, sequence) = parse_mariadb(gtid).expect(gtid);
            let gtid = Gtid::Mariadb(domain, server, sequence);
            search.pass(&gtid).map_err(|error| error.to_string())?;
        }
        Ok(search.is_done())
    }

    #[test]
    fn the_place_is_behind_all_that_was_shipped() {
        let ok = |shipped, head, passed: &[&str]| found(search(shipped, head, ""), passed);
        assert_eq!(ok("0-1-5", "0-1-5", &[]), Ok(true));
        assert_eq!(ok("0-1-5", "0-1-3", &["0-1-4", "0-1-5"]), Ok(true));
        assert_eq!(ok("0-1-5", "0-1-3", &["0-1-4"]), Ok(false));
        assert_eq!(ok("0-1-5,2-1-1", "0-1-4", &["2-1-1", "0-1-5"]), Ok(true));
    }

    #[test]
    fn a_transaction_of_the_replicas_own_is_refused_wherever_it_stands() {
        let refused = |shipped, head, passed: &[&str]| {
            let error = found(search(shipped, head, ""), passed).expect_err("refused");
            assert!(error.contains("another server answers"), "{error}");
        };
        refused("0-1-5", "0-1-3", &["0-2-4"]);
        refused("0-1-5", "0-1-3", &["0-1-4", "0-2-5"]);
        refused("0-1-5", "0-1-3", &["7-2-1"]);
        refused("0-1-5", "0-1-3", &["0-1-6"]);
        refused("0-1-5", "0-1-3", &["0-1-3"]);
    }

    #[test]
    fn other_servers_are_known_when_the_old_source_had_them() {
        let after_failback = |known| found(search("0-1-9", "0-1-3", known), &["0-2-4", "0-1-9"]);
        assert_eq!(after_failback("0-1-9,0-2-4"), Ok(true));
        assert!(after_failback("0-1-9,0-2-3").is_err());
        assert!(after_failback("").is_err());
    }

    #[test]
    fn mysql_needs_the_very_same_set() {
        const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let gtid = |number| {
            let text = GtidState::parse(false, Some(&format!("{A}:{number}")));
            let GtidState::Mysql(Some(_)) = text else {
                panic!("no set");
            };
            let uuid = u128::from_str_radix(&A.replace('-', ""), 16).expect("uuid");
            Gtid::Mysql(uuid.to_be_bytes(), String::new(), number)
        };
        let mut search = Search {
            shipped: GtidState::parse(false, Some(&format!("{A}:1-5"))),
            state: GtidState::parse(false, Some(&format!("{A}:1-3"))),
            known: Origins::new(),
        };
        // Replicas may commit in another order.
        search.pass(&gtid(5)).expect("shipped");
        assert!(!search.is_done());
        search.pass(&gtid(4)).expect("shipped");
        assert!(search.is_done());
        search.pass(&gtid(6)).expect_err("not shipped");
        search.pass(&Gtid::Anonymous).expect_err("not known");
    }
}
