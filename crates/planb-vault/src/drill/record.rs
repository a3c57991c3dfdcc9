//! The records a drill leaves in the vault: what it found, and what the log
//! behind the snapshot looks like.

use super::{Drill, Findings, history};
use crate::error;
use planb_decide::clean_point::{Judged, Policy, Reason, judge_all};
use planb_model::Text;
use planb_model::recovery::{NewRecord, RecordKind, TableDigest};
use planb_ports::PortResult;

impl Drill<'_> {
    /// Writes the verification, then judges the snapshot among the others, and
    /// writes that with the measures of its log.
    pub(super) async fn record(&self, found: &mut Findings) -> PortResult<()> {
        let body = serde_json::to_value(&*found)
            .map_err(|e| error::internal("write the findings of a drill", e))?;
        self.put(RecordKind::Verification, Some(found.passed), body)
            .await?;
        let suspicions = self.judge(found).await?;
        found.clean = suspicions.as_ref().map(Vec::is_empty);
        found.log.suspicions = suspicions.unwrap_or_default();
        let body = serde_json::to_value(&found.log)
            .map_err(|e| error::internal("write the measures of a log", e))?;
        self.put(RecordKind::Signals, found.clean, body).await
    }

    async fn put(
        &self,
        kind: RecordKind,
        passed: Option<bool>,
        body: serde_json::Value,
    ) -> PortResult<()> {
        let record = NewRecord {
            kind,
            snapshot: self.point.id.clone(),
            passed,
            body,
        };
        self.repository.put_record(record).await.map(drop)
    }

    /// What in the content speaks against it and against its log. Nothing is
    /// said of one that could not be restored.
    async fn judge(&self, found: &Findings) -> PortResult<Option<Vec<Text>>> {
        if !found.passed {
            return Ok(None);
        }
        let history = history::of(self.repository, self.points).await?;
        let judged = judge_all(&history.judged, &Policy::default());
        let mine = judged.iter().find(|judged| judged.id == self.point.id);
        let Some(mine) = mine else { return Ok(None) };
        let content = mine.rejected.iter().filter(|r| r.is_about_content());
        let mut suspicions: Vec<Text> = content.map(Reason::text).collect();
        let within = history.follow_mine(&self.point.id, &found.log, &Policy::default());
        suspicions.extend(within.and_then(|w| w.stopped).as_ref().map(stretch));
        Ok(Some(suspicions))
    }

    /// The rows of snapshot `id` as its newest drill has seen them.
    pub(super) async fn seen_by_drill(&self, id: &str) -> PortResult<Option<Vec<TableDigest>>> {
        let records = self.repository.records(RecordKind::Verification).await?;
        let of_it = records.iter().rev().filter(|record| record.snapshot == id);
        let mut seen = of_it.filter_map(|record| {
            let found: Findings = serde_json::from_value(record.body.clone()).ok()?;
            (found.passed && !found.digests.is_empty()).then_some(found.digests)
        });
        Ok(seen.next())
    }
}

/// A stretch of log that something speaks against, and what.
fn stretch(stopped: &Judged) -> Text {
    let reasons: Vec<Text> = stopped.rejected.iter().map(Reason::text).collect();
    let join = |of: fn(&Text) -> &str| reasons.iter().map(of).collect::<Vec<_>>().join("; ");
    Text::new(
        format!(
            "log to {} of {}: {}",
            stopped.id,
            stopped.at,
            join(|t| &t.en)
        ),
        format!(
            "{} ({})까지의 로그: {}",
            stopped.id,
            stopped.at,
            join(|t| &t.ko)
        ),
    )
}
