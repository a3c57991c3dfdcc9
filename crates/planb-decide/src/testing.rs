//! Facts for the tests of this crate.

use crate::{Fold, FoldError, PlanFacts, fold, plan};
use jiff::Timestamp;
use planb_model::execution::{Execution, JournalEntry, JournalRecord, StepOutcome, Trigger};
use planb_model::plan::{
    CommandLine, DataPlan, DatabaseAddress, EdgeSettings, FailoverMode, FailoverPlan, Grade,
    HealthPlan, Objectives, ServicePlan, Site, Strategy, TrafficSettings, VaultAddress, Workload,
};
use planb_model::runbook::RunbookKind;
use planb_model::service::ServiceRecord;
use planb_model::{Epoch, ExecutionId, ServiceName, SiteName, StepId};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).expect("in range")
}

pub(crate) fn record(active: &str, epoch: u64) -> ServiceRecord {
    ServiceRecord {
        service: ServiceName::new("orders").expect("a name"),
        epoch: Epoch(epoch),
        active: SiteName::new(active).expect("a name"),
        active_epoch: Epoch(epoch),
        claimed_by: None,
        updated_at: at(0),
    }
}

fn site(name: &str) -> Site {
    Site {
        name: SiteName::new(name).expect("a name"),
        database: DatabaseAddress::Sqlite {
            path: format!("/{name}/orders.db").into(),
        },
        workload: Workload::Managed {
            start: CommandLine {
                argv: vec!["orders".to_owned()],
                directory: None,
                env: BTreeMap::new(),
                log: None,
                timeout: Duration::from_secs(30),
            },
            stop: None,
            stop_grace: Duration::from_secs(5),
        },
        health_url: format!("http://{name}/healthz"),
        origin: format!("http://{name}"),
    }
}

pub(crate) fn plan_of(primary: &str, standby: &str) -> ServicePlan {
    ServicePlan {
        name: ServiceName::new("orders").expect("a name"),
        grade: Grade(1),
        objectives: Objectives {
            rto: Duration::from_secs(10),
            rpo: Duration::from_secs(1),
        },
        strategy: Strategy::PilotLight,
        primary: site(primary),
        standby: site(standby),
        data: DataPlan {
            vault: VaultAddress {
                url: "file:///vault".to_owned(),
                options: BTreeMap::new(),
                secret_options: BTreeMap::new(),
                recipients: Vec::new(),
                identity: None,
                signing_key: None,
                trusted_signers: Vec::new(),
            },
            flush_interval: Duration::from_millis(200),
            flush_bytes: 1 << 20,
            snapshot_interval: Duration::from_secs(3600),
            canary_interval: Duration::from_millis(250),
            retention: None,
            users: false,
            verification: None,
            spool_bytes_max: 1 << 30,
        },
        health: HealthPlan {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            failures: 5,
            recoveries: 2,
            observers: Vec::new(),
            shed_quorum: 3,
            promote_quorum: 4,
        },
        traffic: TrafficSettings {
            edge: EdgeSettings::Embedded {
                listen: "127.0.0.1:0".to_owned(),
            },
            retry_after: Duration::from_secs(5),
        },
        failover: FailoverPlan {
            mode: FailoverMode::Automatic,
        },
    }
}

/// An execution with a journal that is written as a test tells it.
pub(crate) struct Story {
    pub(crate) record: ServiceRecord,
    pub(crate) execution: Execution,
    pub(crate) journal: Vec<JournalRecord>,
}

impl Story {
    /// Opened at 0 ms, from seoul to busan, under epoch 5.
    pub(crate) fn opened(kind: RunbookKind) -> Self {
        let record = record("seoul", 4);
        let runbook = plan(&PlanFacts {
            plan: &plan_of("seoul", "busan"),
            record: &record,
            kind,
            fence_override: None,
        })
        .expect("can be planned");
        let execution = Execution {
            id: ExecutionId::new("e1").expect("a name"),
            hash: runbook.hash(),
            runbook,
            trigger: Trigger::Operator {
                who: "kim".to_owned(),
            },
            opened_at: at(0),
        };
        Self {
            record,
            execution,
            journal: Vec::new(),
        }
    }

    pub(crate) fn approved(kind: RunbookKind) -> Self {
        let mut story = Self::opened(kind);
        let hash = story.execution.hash.clone();
        let by = "kim".to_owned();
        story.write(JournalEntry::Approved { by, hash });
        story
    }

    /// Every entry comes a second after the one before.
    pub(crate) fn write(&mut self, entry: JournalEntry) -> &mut Self {
        let seq = self.journal.len() as u64 + 1;
        let millis = i64::try_from(seq).expect("small") * 1_000;
        self.journal.push(JournalRecord {
            seq,
            at: at(millis),
            entry,
        });
        self
    }

    pub(crate) fn attempts(&self, step: &str) -> u32 {
        let of = |r: &&JournalRecord| matches!(&r.entry, JournalEntry::Intent { step: s, .. } if s.as_str() == step);
        u32::try_from(self.journal.iter().filter(of).count()).expect("few")
    }

    pub(crate) fn begin(&mut self, step: &str) -> &mut Self {
        let attempt = self.attempts(step) + 1;
        self.write(JournalEntry::Intent {
            step: step_id(step),
            attempt,
        })
    }

    pub(crate) fn end(&mut self, step: &str, outcome: StepOutcome) -> &mut Self {
        let attempt = self.attempts(step);
        self.write(JournalEntry::Outcome {
            step: step_id(step),
            attempt,
            outcome,
        })
    }

    pub(crate) fn complete(&mut self, step: &str) -> &mut Self {
        let facts = serde_json::json!({});
        self.begin(step).end(step, StepOutcome::Completed { facts })
    }

    pub(crate) fn fail(&mut self, step: &str, code: &str) -> &mut Self {
        let (code, error) = (code.to_owned(), "it failed".to_owned());
        self.begin(step)
            .end(step, StepOutcome::Failed { code, error })
    }

    pub(crate) fn try_fold(&self) -> Result<Fold, FoldError> {
        fold(&self.execution, &self.journal)
    }

    pub(crate) fn fold(&self) -> Fold {
        self.try_fold().expect("a possible journal")
    }
}

pub(crate) fn step_id(text: &str) -> StepId {
    StepId::new(text).expect("a name")
}
