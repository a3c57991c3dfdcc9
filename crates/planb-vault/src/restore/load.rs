//! Loads a snapshot into a target and compares it with its manifest.

use super::Target;
use crate::error;
use crate::part;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use planb_model::recovery::{
    AppliedMark, PART_ACCOUNTS, PART_PHYSICAL, PartManifest, SnapshotManifest, TableDigest,
};
use planb_ports::repository::RestoreReport;
use planb_ports::{ErrorKind, PortError, PortResult, Retry, Verify};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most parts that are loaded at once, whatever a connector asks for: each has
/// a decoder and its buffers.
const LOADS_MAX: usize = 16;
/// How often a load begins anew because a part was read badly. A storage that
/// does it more often than this is not to be trusted with a restore.
const BAD_READS_MAX: u32 = 2;

/// Loads `manifest`, compares every table, and sets the applied mark. An error
/// leaves the target without a mark.
///
/// A part is in the target before its hash is known. When it came damaged and is
/// whole when it is read again, the storage read it badly, and the load begins
/// anew: rows of a bad read must not stay.
pub(super) async fn load(
    target: &Target<'_>,
    manifest: &SnapshotManifest,
    mark: &AppliedMark,
    report: &mut RestoreReport,
) -> PortResult<()> {
    let mut bad_reads = 0;
    loop {
        target.database.begin_restore(manifest).await?;
        if target.database.accounts_first() {
            let made = target.make_accounts(&manifest.id).await;
            report.accounts = report.accounts.take().or(made);
        }
        let Err(Failed { part, error }) = load_parts(target, manifest).await else {
            break;
        };
        bad_reads += 1;
        let damaged = error.code() == error::CORRUPT && bad_reads <= BAD_READS_MAX;
        if !damaged || !is_whole(target, part).await {
            return Err(error);
        }
        tracing::warn!(error = error.chain(), "a part was read badly");
        let what = format!("{} was read badly: loading again", part.spec.name);
        target.progress.stage(&what);
    }
    verify(target, manifest, report).await?;
    target.database.end_restore(mark).await?;
    report.loaded_snapshot = true;
    report.stored_bytes += stored_bytes(manifest);
    Ok(())
}

/// A part that could not be loaded, and why.
struct Failed<'a> {
    part: &'a PartManifest,
    error: PortError,
}

fn stored_bytes(manifest: &SnapshotManifest) -> u64 {
    manifest.parts.iter().map(|p| p.stored_bytes).sum()
}

/// Loads every part into the emptied target.
async fn load_parts<'a>(
    target: &Target<'_>,
    manifest: &'a SnapshotManifest,
) -> Result<(), Failed<'a>> {
    let total = stored_bytes(manifest);
    target
        .progress
        .stage(&format!("loading snapshot {}", manifest.id));
    target.progress.bytes(0, Some(total));
    let done = Arc::new(AtomicU64::new(0));
    let group = |part: &PartManifest| target.database.load_group(&part.spec);
    let same = |a: &PartManifest, b: &PartManifest| group(a).is_some() && group(a) == group(b);
    for parts in manifest.parts.chunk_by(same) {
        let width = target.database.load_width().clamp(1, LOADS_MAX);
        stream::iter(parts)
            .map(Ok)
            .try_for_each_concurrent(width, |part| async {
                let stage = format!("loading {}", part.spec.name);
                target.progress.stage(&stage);
                let loaded = load_part(target, part, &done).await;
                loaded.map_err(|error| Failed { part, error })?;
                let bytes = done.load(Ordering::Relaxed);
                target.progress.bytes(bytes, Some(total));
                Ok(())
            })
            .await?;
    }
    Ok(())
}

/// Reads a part for nothing but its hash.
async fn is_whole(target: &Target<'_>, part: &PartManifest) -> bool {
    match part::open(target.vault, part, |_| ()).await {
        Ok(bytes) => bytes.all(|item| async move { item.is_ok() }).await,
        Err(_) => false,
    }
}

/// Compares what was loaded with the manifest, as far as was asked for.
async fn verify(
    target: &Target<'_>,
    manifest: &SnapshotManifest,
    report: &mut RestoreReport,
) -> PortResult<()> {
    let files = |p: &PartManifest| p.spec.kind == PART_PHYSICAL;
    if manifest.tables.is_empty() && manifest.parts.iter().any(files) {
        // The report says that no table was compared.
        target
            .progress
            .stage("files were copied: no digests to compare");
        return Ok(());
    }
    let rows = manifest.tables.iter().map(|t| t.rows).sum();
    match target.options.verify {
        Verify::Off => return Ok(()),
        Verify::Counts => {
            target.progress.stage("counting rows");
            let counts = target.database.row_counts().await?;
            compare_counts(&manifest.id, &manifest.tables, &counts)?;
        }
        Verify::Rows => {
            target.progress.stage("comparing tables");
            let loaded = target.database.digests().await?;
            compare(&manifest.id, &manifest.tables, &loaded)?;
            report.rows_compared = rows;
        }
    }
    report.tables_compared = manifest.tables.len() as u64;
    Ok(())
}

/// Compares row counts alone.
fn compare_counts(
    snapshot: &str,
    expected: &[TableDigest],
    counts: &[(String, u64)],
) -> PortResult<()> {
    let unhashed = |table: &str, rows| TableDigest {
        table: table.to_owned(),
        rows,
        hash: String::new(),
    };
    let want: Vec<_> = expected
        .iter()
        .map(|t| unhashed(&t.table, t.rows))
        .collect();
    let have: Vec<_> = counts.iter().map(|(t, rows)| unhashed(t, *rows)).collect();
    compare(snapshot, &want, &have)
}

async fn load_part(
    target: &Target<'_>,
    part: &PartManifest,
    done: &Arc<AtomicU64>,
) -> PortResult<()> {
    let counted = Arc::clone(done);
    let count = move |bytes| {
        counted.fetch_add(bytes, Ordering::Relaxed);
    };
    let mut bytes = part::open(target.vault, part, count).await?;
    if part.spec.kind == PART_ACCOUNTS {
        // Read to its end, so that it is known to be whole; used by those who ask.
        return bytes.try_for_each(|_| std::future::ready(Ok(()))).await;
    }
    // A connector may pass our error on in words of its own; ours names the object.
    let ours: Mutex<Option<PortError>> = Mutex::new(None);
    let watched = bytes.by_ref().inspect(|item| {
        if let Err(e) = item {
            let copy = PortError::new(e.kind(), e.code(), e.chain());
            *ours.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
        }
    });
    let loaded = target.database.load_part(&part.spec, watched.boxed()).await;
    if let Some(e) = ours.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(e);
    }
    if let Err(refused) = loaded {
        // Nobody knows yet whether these were the part's own bytes.
        let full = refused.kind() == ErrorKind::NoSpace;
        if refused.retry() == Retry::No && !full {
            while let Some(rest) = bytes.next().await {
                rest?;
            }
        }
        return Err(refused);
    }
    // The hash is known at the very end, which the connector may not have read.
    while let Some(rest) = bytes.next().await {
        let rest: Bytes = rest?;
        if !rest.is_empty() {
            let key = target.vault.layout.full(&part.key);
            return Err(error::corrupt(&key, "the connector did not read all of it"));
        }
    }
    Ok(())
}

/// Compares the tables of a manifest with those that were loaded.
fn compare(snapshot: &str, expected: &[TableDigest], loaded: &[TableDigest]) -> PortResult<()> {
    let by_name = |tables: &[TableDigest]| -> BTreeMap<String, TableDigest> {
        tables
            .iter()
            .map(|t| (t.table.clone(), t.clone()))
            .collect()
    };
    let (expected, loaded) = (by_name(expected), by_name(loaded));
    for (name, want) in &expected {
        let Some(have) = loaded.get(name) else {
            return Err(error::mismatch(
                snapshot,
                format!("table {name} is missing"),
            ));
        };
        if have.rows != want.rows {
            let what = format!(
                "table {name} has {} rows instead of {}",
                have.rows, want.rows
            );
            return Err(error::mismatch(snapshot, what));
        }
        if have.hash != want.hash {
            let what = format!("rows of table {name} differ");
            return Err(error::mismatch(snapshot, what));
        }
    }
    match loaded.keys().find(|name| !expected.contains_key(*name)) {
        Some(name) => Err(error::mismatch(
            snapshot,
            format!("table {name} is too many"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64, hash: &str) -> TableDigest {
        TableDigest {
            table: name.into(),
            rows,
            hash: hash.into(),
        }
    }

    #[test]
    fn every_difference_is_noticed() {
        let whole = [table("a", 1, "x"), table("b", 2, "y")];
        let turned = [table("b", 2, "y"), table("a", 1, "x")];
        assert!(compare("s", &whole, &turned).is_ok());
        let wrong = [
            vec![table("a", 1, "x")],
            vec![table("a", 1, "x"), table("b", 3, "y")],
            vec![table("a", 1, "x"), table("b", 2, "z")],
            vec![table("a", 1, "x"), table("b", 2, "y"), table("c", 0, "")],
        ];
        for loaded in wrong {
            let error = compare("s", &whole, &loaded).expect_err("differs");
            assert_eq!(error.code(), "PB-REPO-MISMATCH", "{loaded:?}");
        }
    }
}
