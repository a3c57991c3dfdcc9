//! The load generator's ledger: every order somebody got an acknowledgement
//! for. It is the only judge of what was lost, and it never reads the vault.

use super::service::Order;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// First id of orders placed through the edge; the ones below were there before.
pub const LIVE_ID_FIRST: i64 = 1_000_000_000;

/// The order that belongs to `id`. Content follows from the id, so the ledger
/// compares every column and not only ids.
pub fn order_for(id: i64) -> Order {
    let mixed = (id as u64)
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = mixed ^ (mixed >> 29);
    let mut item = format!("상품 {mixed:016x} ");
    for word in 0..ITEM_WORDS {
        item.push_str(&format!("{:016x}", mixed.rotate_left(word * 7)));
    }
    Order {
        id,
        item,
        quantity: (mixed % 9) as i64 + 1,
    }
}

/// Words of filling in an order, to make rows about 200 bytes.
const ITEM_WORDS: u32 = 9;

/// About how many bytes an order takes in a database, to turn megabytes into rows.
pub const ORDER_BYTES: u64 = 200;

/// An acknowledged order.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// When the acknowledgement came, on the demo's monotonic clock.
    pub at: Duration,
    /// The site that gave it.
    pub site: String,
}

/// What was acknowledged, by id.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Orders with ids `1..=initial` were in the database before protection began.
    initial: i64,
    live: Mutex<BTreeMap<i64, Acknowledged>>,
}

/// How a database compares with the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Orders that had to be there.
    pub expected: u64,
    /// Of those, there with every column as acknowledged.
    pub recovered: u64,
    /// Of those, missing or different.
    pub lost: u64,
    /// Their ids.
    pub lost_ids: Vec<i64>,
    /// When the oldest of the lost ones was acknowledged.
    pub oldest_lost_at: Option<Duration>,
    /// Rows nobody got an acknowledgement for: in flight when the site died.
    pub unacknowledged: u64,
}

impl Ledger {
    /// A ledger with `initial` orders.
    pub fn new(initial: u64) -> Self {
        Self {
            initial: i64::try_from(initial).unwrap_or(i64::MAX),
            live: Mutex::default(),
        }
    }

    /// Records an acknowledgement.
    pub fn acknowledge(&self, id: i64, at: Duration, site: String) {
        self.lock().insert(id, Acknowledged { at, site });
    }

    /// How many orders are acknowledged.
    pub fn len(&self) -> u64 {
        self.initial.unsigned_abs() + self.lock().len() as u64
    }

    /// Compares `rows` with what must be there, column by column.
    pub fn compare(&self, rows: Vec<Order>, expected: &Expected) -> Comparison {
        let mut found: HashMap<i64, Order> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut result = Comparison {
            expected: 0,
            recovered: 0,
            lost: 0,
            lost_ids: Vec::new(),
            oldest_lost_at: None,
            unacknowledged: 0,
        };
        let initial = (1..=self.initial).map(|id| (id, None));
        let live = expected.live.iter().map(|(id, at)| (*id, Some(*at)));
        for (id, at) in initial.chain(live) {
            result.expected += 1;
            if found.remove(&id).is_some_and(|row| row == order_for(id)) {
                result.recovered += 1;
            } else {
                result.lost += 1;
                result.lost_ids.push(id);
                result.oldest_lost_at = match (result.oldest_lost_at, at) {
                    (Some(oldest), Some(at)) => Some(oldest.min(at)),
                    (oldest, at) => oldest.or(at),
                };
            }
        }
        result.unacknowledged = found.len() as u64;
        result
    }

    /// What must be in a database: what `site` acknowledged (all sites for
    /// `None`), without `given_up`. Take it before reading the rows.
    pub fn expected(&self, site: Option<&str>, given_up: &[i64]) -> Expected {
        let live = self.lock();
        Expected {
            live: live
                .iter()
                .filter(|(id, ack)| site.is_none_or(|s| s == ack.site) && !given_up.contains(id))
                .map(|(id, ack)| (*id, ack.at))
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Acknowledged>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Live orders that must be in a database, with when they were acknowledged.
#[derive(Debug)]
pub struct Expected {
    live: Vec<(i64, Duration)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn missing_and_changed_orders_are_lost_and_extra_ones_are_told() {
        let ledger = Ledger::new(2);
        for (id, ms) in [
            (LIVE_ID_FIRST, 10),
            (LIVE_ID_FIRST + 1, 20),
            (LIVE_ID_FIRST + 2, 30),
        ] {
            ledger.acknowledge(id, at(ms), "seoul".into());
        }
        ledger.acknowledge(LIVE_ID_FIRST + 9, at(90), "busan".into());
        let mut rows: Vec<Order> = [1, 2, LIVE_ID_FIRST, LIVE_ID_FIRST + 2, 77]
            .map(order_for)
            .to_vec();
        rows[3].quantity += 1;
        let comparison = ledger.compare(rows, &ledger.expected(Some("seoul"), &[]));
        assert_eq!(
            comparison,
            Comparison {
                expected: 5,
                recovered: 3,
                lost: 2,
                lost_ids: vec![LIVE_ID_FIRST + 1, LIVE_ID_FIRST + 2],
                oldest_lost_at: Some(at(20)),
                unacknowledged: 1,
            }
        );
    }

    #[test]
    fn orders_differ_by_id() {
        assert_ne!(order_for(1).item, order_for(2).item);
        assert!(order_for(5).quantity > 0);
    }
}
