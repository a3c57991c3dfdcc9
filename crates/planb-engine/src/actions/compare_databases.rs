//! Compares every table of two databases: row counts and hashes.

use super::{StepCx, StepError, StepResult};
use planb_model::SiteName;
use planb_model::recovery::TableDigest;
use serde_json::json;
use std::collections::BTreeMap;

/// Tables named in the error; the rest is counted.
const TABLES_NAMED_MAX: usize = 5;

pub(super) async fn perform(cx: &StepCx<'_>, from: &SiteName, to: &SiteName) -> StepResult {
    let (old, new) = (&cx.site(from)?.database, &cx.site(to)?.database);
    let (source, copy) = futures::try_join!(old.digests(), new.digests())?;
    let different = differing(&source, &copy);
    if different.is_empty() {
        let rows: u64 = copy.iter().map(|t| t.rows).sum();
        return Ok(json!({ "tables": copy.len(), "rows": rows }));
    }
    let named: Vec<&str> = different.iter().take(TABLES_NAMED_MAX).copied().collect();
    Err(StepError::check(
        "PB-ENGINE-DIFFERENT",
        format!(
            "{} tables of '{from}' and '{to}' differ: {}; cancel to stay at '{from}'",
            different.len(),
            named.join(", ")
        ),
    ))
}

fn differing<'a>(source: &'a [TableDigest], copy: &'a [TableDigest]) -> Vec<&'a str> {
    let by_name = |tables: &'a [TableDigest]| -> BTreeMap<&'a str, &'a TableDigest> {
        tables.iter().map(|t| (t.table.as_str(), t)).collect()
    };
    let (source, copy) = (by_name(source), by_name(copy));
    let mut names: Vec<&str> = source.keys().chain(copy.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| source.get(name) != copy.get(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64, hash: &str) -> TableDigest {
        TableDigest {
            table: name.to_owned(),
            rows,
            hash: hash.to_owned(),
        }
    }

    #[test]
    fn a_table_more_less_or_changed_is_a_difference() {
        let source = [table("a", 1, "x"), table("b", 2, "y")];
        assert!(differing(&source, &[source[1].clone(), source[0].clone()]).is_empty());
        assert_eq!(differing(&source, &source[..1]), ["b"]);
        assert_eq!(differing(&source[..1], &source), ["b"]);
        let changed = [table("a", 1, "z"), table("b", 3, "y")];
        assert_eq!(differing(&source, &changed), ["a", "b"]);
    }
}
