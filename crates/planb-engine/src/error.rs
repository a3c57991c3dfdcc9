//! What the engine's callers are told when something cannot be done.

use planb_decide::{FoldError, Violation, WaitingOn};
use planb_model::execution::ExecutionState;
use planb_model::runbook::RunbookHash;
use planb_model::{ExecutionId, SiteName, StepId, Text};
use planb_ports::PortError;

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// There is no runbook for this now.
    #[error("this cannot be planned now: {}", join(.0))]
    NotPlannable(Vec<WaitingOn>),
    /// The planner made a runbook the checker refuses: a bug.
    #[error("the checker refuses the runbook: {}", join(.0))]
    Refused(Vec<Violation>),
    /// An approval names another runbook than the one that would run.
    #[error("the approval is for runbook {}, but this one is {}", given.short(), expected.short())]
    WrongHash {
        /// Hash of the runbook.
        expected: RunbookHash,
        /// Hash that was approved.
        given: RunbookHash,
    },
    /// The execution is in a state that does not allow this.
    #[error("execution {id} is {state:?}: {what} is not possible")]
    WrongState {
        /// Which one.
        id: ExecutionId,
        /// Where it stands.
        state: ExecutionState,
        /// What was asked.
        what: &'static str,
    },
    /// A step is not in a state that can be skipped.
    #[error("step '{step}' cannot be skipped: {why}")]
    NotSkippable {
        /// Which one.
        step: StepId,
        /// Why.
        why: &'static str,
    },
    /// The journal cannot be.
    #[error("the journal of execution {id} cannot be")]
    Journal {
        /// Which one.
        id: ExecutionId,
        /// Why not.
        source: FoldError,
    },
    /// Another process writes the journal of this execution.
    #[error("another control plane is running execution {id}")]
    Lost {
        /// Which one.
        id: ExecutionId,
    },
    /// The wiring has no such site.
    #[error("site '{0}' is not connected")]
    NoSite(SiteName),
    /// A part of the engine ended unexpectedly: a bug.
    #[error("{0} ended unexpectedly")]
    Panicked(&'static str),
    /// The service stopped while something was waited for.
    #[error("the control plane is shutting down")]
    Stopping,
}

impl EngineError {
    /// Its code, with a page in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            EngineError::Port(error) => error.code(),
            EngineError::NotPlannable(_) => "PB-ENGINE-NOT-PLANNABLE",
            EngineError::Refused(_) => "PB-ENGINE-REFUSED",
            EngineError::WrongHash { .. } => "PB-ENGINE-WRONG-HASH",
            EngineError::WrongState { .. } => "PB-ENGINE-WRONG-STATE",
            EngineError::NotSkippable { .. } => "PB-ENGINE-NOT-SKIPPABLE",
            EngineError::Journal { .. } => "PB-ENGINE-JOURNAL",
            EngineError::Lost { .. } => "PB-ENGINE-LOST",
            EngineError::NoSite(_) => "PB-ENGINE-NO-SITE",
            EngineError::Panicked(_) => "PB-ENGINE-PANICKED",
            EngineError::Stopping => "PB-ENGINE-STOPPING",
        }
    }

    /// What to do about it, when there is something.
    pub fn hint(&self) -> Option<Text> {
        match self {
            EngineError::Port(error) => error.hint_text().cloned(),
            EngineError::NotPlannable(reasons) => reasons.first().map(WaitingOn::text),
            EngineError::WrongHash { .. } => Some(Text::new(
                "look at the runbook again with --dry-run and approve the hash it prints",
                "--dry-run으로 런북을 다시 확인하고, 출력된 해시를 승인하세요",
            )),
            EngineError::WrongState { .. } => Some(Text::new(
                "see where it stands with `planb history ID`",
                "`planb history ID`로 현재 상태를 확인하세요",
            )),
            EngineError::NotSkippable { .. } => Some(Text::new(
                "only failed or unknown steps can be skipped, and the fence only by a failover with an override",
                "실패했거나 결과를 알 수 없는 단계만 건너뛸 수 있습니다. 펜싱은 생략 사유를 지정한 페일오버로만 생략할 수 있습니다",
            )),
            EngineError::Journal { .. } => Some(Text::new(
                "the state database is damaged or was changed by hand; restore it from a backup",
                "상태 데이터베이스가 손상되었거나 직접 수정되었습니다. 백업에서 복원하세요",
            )),
            EngineError::Lost { .. } => Some(Text::new(
                "run one `planb up` per state directory",
                "상태 디렉터리마다 `planb up`을 하나만 실행하세요",
            )),
            EngineError::Refused(_)
            | EngineError::NoSite(_)
            | EngineError::Panicked(_)
            | EngineError::Stopping => None,
        }
    }
}

fn join<T: std::fmt::Display>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
