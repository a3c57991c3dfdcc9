//! What of a group is applied by which lane. Pure.

use super::super::tables::Tables;
use crate::fold::{Folded, FoldedTable};
use crate::rowlog::statement::Rows;
use crate::rowlog::table::TableMap;
use std::cmp::Reverse;

/// Lanes are worth their work only when those beside the first have at least one
/// part of this many of it.
const OTHERS_PARTS: usize = 8;

/// How a group is applied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Divided {
    /// One after the other.
    One(Vec<Rows>),
    /// Side by side; the first has the most, as what it does is not stored.
    Lanes(Vec<Vec<Rows>>),
}

/// Divides what is left of a group into at most `lanes`, one for each
/// `lane_bytes` of it.
pub(crate) fn divide(
    mut folded: Folded,
    tables: &Tables,
    lanes: usize,
    lane_bytes: usize,
) -> Divided {
    let kept: Option<Vec<_>> = maps(&folded.kept)
        .map(|body| TableMap::name(&body))
        .collect();
    let Some(kept) = kept else {
        return Divided::One(folded.in_order());
    };
    // The keys of what is applied as it was logged are checked row by row, so
    // what these point at must be there, and be there in that order.
    let relatives = tables.with_relatives(kept.iter());
    let (bound, free): (Vec<_>, Vec<_>) = folded
        .tables
        .into_iter()
        .partition(|table| relatives.has(&table.name));
    folded.tables = bound;
    let bound = folded.in_order();
    let total = bytes(&bound) + free.iter().map(table_bytes).sum::<usize>();
    let lanes = lanes.min(total / lane_bytes.max(1)).max(1);
    let share_bytes = total / lanes;
    let mut shares: Vec<Vec<Rows>> = free
        .into_iter()
        .flat_map(|table| shares_of(table, share_bytes))
        .collect();
    shares.sort_by_key(|share| Reverse(bytes(share)));
    let mut divided = vec![(bytes(&bound), bound)];
    divided.resize_with(lanes, Default::default);
    for share in shares {
        // The largest that is left goes to whom has least.
        if let Some((has, rows)) = divided.iter_mut().min_by_key(|(has, _)| *has) {
            *has += bytes(&share);
            rows.extend(share);
        }
    }
    divided.sort_by_key(|(has, _)| Reverse(*has));
    divided.retain(|(_, rows)| !rows.is_empty());
    let first = divided.first().map_or(0, |(has, _)| *has);
    let divided = divided.into_iter().map(|(_, rows)| rows);
    // One lane alone has all of it, and nothing is larger than nothing.
    if divided.len() < 2 || (total - first) * OTHERS_PARTS < total {
        return Divided::One(divided.flatten().collect());
    }
    Divided::Lanes(divided.collect())
}

/// What of a table goes to one lane each. All of it when that is no more than a
/// lane should have: then nobody else is at its pages.
fn shares_of(table: FoldedTable, share_bytes: usize) -> Vec<Vec<Rows>> {
    let mut shares = if table_bytes(&table) > share_bytes {
        table.shares
    } else {
        vec![table.shares.into_iter().flatten().collect()]
    };
    shares.retain(|share| !share.is_empty());
    shares
}

fn table_bytes(table: &FoldedTable) -> usize {
    table.shares.iter().map(|share| bytes(share)).sum()
}

fn maps(rows: &[Rows]) -> impl Iterator<Item = bytes::Bytes> {
    rows.iter()
        .flat_map(|rows| &rows.maps)
        .map(crate::rowlog::statement::Logged::body)
}

fn bytes(rows: &[Rows]) -> usize {
    rows.iter().map(Rows::bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rowlog::statement::Logged;
    use crate::rowlog::table::testing::body;

    fn rows(table: &str, bytes: usize) -> Rows {
        let head = vec![0; crate::binlog::event::HEADER_BYTES];
        let map = [head, body(1, "shop", table, &[(3, &[])])].concat();
        Rows {
            maps: vec![Logged::made(map, false)],
            rows: vec![Logged::made(vec![0; bytes], false)],
        }
    }

    fn table(name: &str, shares: &[usize]) -> FoldedTable {
        let share = |bytes: &usize| match bytes {
            0 => Vec::new(),
            bytes => vec![rows(name, *bytes)],
        };
        FoldedTable {
            name: (b"shop".to_vec(), name.into()),
            shares: shares.iter().map(share).collect(),
        }
    }

    /// Tables and bytes of each lane; of one when it is not divided.
    fn lanes(folded: Folded, keys: &[(&str, &str)], lane_bytes: usize) -> Vec<String> {
        let name = |table: &str| ("shop".to_owned(), table.to_owned());
        let joined = keys.iter().map(|(a, b)| [name(a), name(b)]).collect();
        let tables = Tables::with_keys(joined);
        let lanes = match divide(folded, &tables, 3, lane_bytes) {
            Divided::One(rows) => vec![rows],
            Divided::Lanes(lanes) => lanes,
        };
        let said = |rows: &Rows| {
            let (_, table) = TableMap::name(&rows.maps[0].body()).expect("a name");
            format!("{}{}", String::from_utf8_lossy(&table), rows.bytes())
        };
        let said = |lane: &Vec<Rows>| lane.iter().map(said).collect::<Vec<_>>().join(" ");
        lanes.iter().map(said).collect()
    }

    fn folded(kept: &[&str], tables: &[(&str, &[usize])]) -> Folded {
        Folded {
            kept: kept.iter().map(|name| rows(name, 50)).collect(),
            tables: tables.iter().map(|(name, of)| table(name, of)).collect(),
        }
    }

    #[test]
    fn the_first_lane_has_most_and_the_others_their_share() {
        let of: &[(&str, &[usize])] = &[("a", &[20]), ("b", &[0, 55, 45]), ("c", &[50])];
        assert_eq!(lanes(folded(&[], of), &[], 1), ["b45 a20", "b55", "c50"]);
        // For 170 bytes two lanes of 80 are enough.
        assert_eq!(lanes(folded(&[], of), &[], 80), ["c50 b45", "b55 a20"]);
        assert_eq!(lanes(folded(&[], of), &[], 100), ["b55 b45 c50 a20"]);
        // What is not too much for one lane is not divided.
        let of: &[(&str, &[usize])] = &[("a", &[30, 30]), ("b", &[30, 30]), ("c", &[30, 30])];
        let whole = ["a30 a30", "b30 b30", "c30 c30"];
        assert_eq!(lanes(folded(&[], of), &[], 1), whole);
    }

    #[test]
    fn what_foreign_keys_join_to_rows_as_logged_goes_with_them() {
        let of: &[(&str, &[usize])] = &[("a", &[60]), ("b", &[30]), ("c", &[50])];
        let keys = [("k", "c"), ("c", "b"), ("x", "a")];
        assert_eq!(lanes(folded(&["k"], of), &keys, 1), ["k50 b30 c50", "a60"]);
        assert_eq!(lanes(folded(&["k"], of), &[], 1), ["k50 b30", "a60", "c50"]);
    }

    #[test]
    fn where_one_table_has_nearly_all_it_goes_over_one() {
        let of: &[(&str, &[usize])] = &[("a", &[900]), ("b", &[30]), ("c", &[50])];
        assert_eq!(lanes(folded(&[], of), &[], 1), ["a900 c50 b30"]);
        assert_eq!(lanes(Folded::default(), &[], 1), [""]);
    }
}
