//! Restoring a database from the fake vault.

use super::FakeRepository;
use super::vault::{Segment, Snapshot};
use crate::{fake_error, lock};
use planb_model::recovery::{AppliedMark, Reached, SegmentBody};
use planb_ports::repository::RestoreReport;
use planb_ports::{Database, ErrorKind, PortResult, Progress};

impl FakeRepository {
    pub(super) async fn run_restore(
        &self,
        database: &dyn Database,
        progress: &dyn Progress,
    ) -> PortResult<RestoreReport> {
        let read = || lock(&self.vault).newest_recovery().cloned();
        let snapshot = self.link.call("read-manifest", read).await?;
        let applied = database.applied().await?;
        let usable = applied.filter(|mark| self.continues(mark, &snapshot));
        let mut report = match usable {
            Some(mark) => report_at(mark),
            None => self.load(database, &snapshot, progress).await?,
        };
        loop {
            let mark = &report.mark;
            let read = || Ok(lock(&self.vault).segment(mark.epoch, mark.next_segment));
            let Some(segment) = self.link.call("read-segment", read).await? else {
                break;
            };
            apply(database, &segment, &mut report).await?;
        }
        let epoch = report.mark.epoch;
        let look = || Ok(lock(&self.vault).is_closed(epoch));
        report.chain_closed = self.link.call("read-closed", look).await?;
        Ok(report)
    }

    /// Whether the log in the vault goes on where the target stands.
    fn continues(&self, mark: &AppliedMark, newest: &Snapshot) -> bool {
        if mark.epoch != newest.manifest.epoch {
            return false;
        }
        match lock(&self.vault).segment(mark.epoch, mark.next_segment) {
            Some(next) => matches!(&next.header.body,
                SegmentBody::Log { start, .. } if *start == mark.position),
            // At the place of the newest snapshot only if it stands where that
            // was taken: it may have been taken because log was lost.
            None => {
                let newest = &newest.manifest;
                mark.next_segment > newest.next_segment
                    || (mark.next_segment == newest.next_segment
                        && mark.position == newest.position)
            }
        }
    }

    async fn load(
        &self,
        database: &dyn Database,
        snapshot: &Snapshot,
        progress: &dyn Progress,
    ) -> PortResult<RestoreReport> {
        let manifest = &snapshot.manifest;
        database.begin_restore(manifest).await?;
        let mut report = report_at(AppliedMark {
            snapshot: manifest.id.clone(),
            epoch: manifest.epoch,
            next_segment: manifest.next_segment,
            position: manifest.position.clone(),
        });
        for (spec, bytes) in &snapshot.parts {
            progress.stage(&spec.name);
            let bytes = self.link.call("read-part", || Ok(bytes.clone())).await?;
            report.stored_bytes += bytes.len() as u64;
            let stream = futures::stream::iter([Ok(bytes)]);
            database.load_part(spec, Box::pin(stream)).await?;
        }
        if database.digests().await? != manifest.tables {
            let message = "the restored tables differ from the manifest";
            return Err(fake_error(ErrorKind::Corrupt, message));
        }
        database.end_restore(&report.mark).await?;
        report.canary = snapshot.canary;
        report.loaded_snapshot = true;
        report.tables_compared = manifest.tables.len() as u64;
        report.rows_compared = manifest.tables.iter().map(|t| t.rows).sum();
        Ok(report)
    }
}

fn report_at(mark: AppliedMark) -> RestoreReport {
    RestoreReport {
        mark,
        loaded_snapshot: false,
        tables_compared: 0,
        rows_compared: 0,
        segments_applied: 0,
        transactions_applied: 0,
        stored_bytes: 0,
        canary: None,
        chain_closed: false,
        reached: Reached::Asked,
        reached_at: None,
        accounts: None,
        missing_definers: Vec::new(),
        broken_keys: None,
    }
}

async fn apply(
    database: &dyn Database,
    segment: &Segment,
    report: &mut RestoreReport,
) -> PortResult<()> {
    let header = &segment.header;
    let mut mark = report.mark.clone();
    mark.next_segment = header.seq.next();
    if let SegmentBody::Log {
        start,
        end,
        transactions,
        ..
    } = &header.body
    {
        if *start != mark.position {
            // The log was lost in between; only a later snapshot continues.
            let message = format!("segment {} starts at {start}", header.seq.0);
            return Err(fake_error(ErrorKind::LogLost, message));
        }
        mark.position = end.clone();
        report.transactions_applied += transactions;
    }
    let bytes = segment.bytes.clone();
    report.stored_bytes += bytes.len() as u64;
    report.canary = segment.canary.or(report.canary);
    database.apply_segment(header, bytes, &mark, None).await?;
    report.segments_applied += 1;
    report.mark = mark;
    Ok(())
}
