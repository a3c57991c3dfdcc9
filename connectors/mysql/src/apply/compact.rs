//! Compaction: segments folded at the source, long before anybody applies them.
//!
//! Only the log itself is needed to fold: a row is known by the whole of it, as
//! in a table without a primary key. What a change does to unique keys is left
//! to the target, which folds once more with its own keys. Neither is possible
//! where InnoDB changes rows by foreign keys on its own, so the source looks at
//! its tables before, and the target at its own again.

use super::lanes::settle::settle;
use super::plan::{Plan, Step};
use super::work::Work;
use super::{not_continuous, pieces, plan, same_format, span, tables};
use crate::applied::{self, Applied};
use crate::binlog::segment;
use crate::client::Client;
use crate::fold::{Folder, Keys};
use crate::own;
use crate::rowlog::statement::Rows;
use crate::rowlog::table::TableMap;
use bytes::Bytes;
use planb_model::recovery::SegmentHeader;
use planb_ports::{LogSegment, PortResult};
use std::collections::BTreeSet;

/// Folds segments to one small binlog; `None` when they cannot be folded.
pub(crate) async fn fold(
    client: &Client,
    segments: &[(SegmentHeader, Bytes)],
) -> PortResult<Option<Bytes>> {
    let Some((touched, folded)) = fold_log(&client.config.databases, segments)? else {
        return Ok(None);
    };
    let mut conn = client.connect().await?;
    let tables = tables::read(client, &mut conn).await?;
    Ok(tables.can_fold(&touched).then_some(folded))
}

/// What was folded, and of which tables.
pub(crate) type Folded = (BTreeSet<(Vec<u8>, Vec<u8>)>, Bytes);

/// [`fold`] without the look at the tables. Pure.
pub(crate) fn fold_log(
    databases: &[String],
    segments: &[(SegmentHeader, Bytes)],
) -> PortResult<Option<Folded>> {
    let mut touched = BTreeSet::new();
    let mut canary: Option<(_, Rows)> = None;
    let mut format: Option<(&[u8], bool)> = None;
    let mut folder = Folder::new(&by_the_whole);
    for (header, bytes) in segments {
        if pieces::touches_one(header) {
            return Ok(None);
        }
        let segment = segment::read(bytes)?;
        let (first, _) = *format.get_or_insert((segment.format, segment.checksum));
        let count = segment.events.len();
        let mut plan = Plan::make(bytes, &segment, count, databases, &header.service, 0)?;
        if !plan.is_atomic() || !same_format(first, segment.format) {
            return Ok(None);
        }
        touched.append(&mut plan.tables);
        for step in &plan.steps {
            if let Step::Rows(rows) = step {
                folder.push(rows);
            }
        }
        let found = plan.canary.zip(plan.canary_rows);
        let number = |(canary, _): &(planb_model::Canary, Rows)| (canary.epoch, canary.sequence);
        if found.as_ref().map(number) > canary.as_ref().map(number) {
            canary = found;
        }
    }
    let Some((format, checksum)) = format else {
        return Ok(None);
    };
    let mut folded = folder.finish().in_order();
    folded.extend(canary.map(|(_, rows)| rows));
    let mut statements = Vec::new();
    for rows in &folded {
        statements.extend(rows.chunks(usize::MAX, checksum)?);
    }
    let bytes = segment::write(format, &statements);
    Ok(Some((touched, bytes.into())))
}

/// Nothing is known of the table; any of its numbers may be the server's own.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a table may be left out elsewhere"
)]
fn by_the_whole(map: &TableMap) -> Option<Keys> {
    Some(Keys {
        columns: map.columns(),
        numbered: map.whole_numbers().to_vec(),
        ..Keys::default()
    })
}

/// Applies what [`fold`] made; `false` when the target cannot take it.
pub(crate) async fn apply(client: &Client, folded: &LogSegment) -> PortResult<bool> {
    let mut conn = client.connect().await?;
    own::ensure(&mut conn).await?;
    settle(client, &mut conn).await?;
    let (start, _) = span(&folded.header)?;
    let at = match applied::read(client, &mut conn).await? {
        Applied::At(mark)
            if (&mark.position.stream, &mark.position.at) == (&start.stream, &start.at) =>
        {
            mark
        }
        // There is no skipping in it: it is not in the order of the log.
        _ => {
            return Err(not_continuous(format!(
                "the target does not stand at {start}"
            )));
        }
    };
    let planned = plan(client, folded, 0, None)?;
    if !planned.plan.is_atomic() {
        return Ok(false);
    }
    Work::start(client, conn, Some(at))
        .await?
        .apply_folded(&planned)
        .await
}
