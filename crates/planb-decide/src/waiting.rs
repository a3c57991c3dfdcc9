//! Why nothing happens: what a plan or an execution is waiting for.

use planb_model::runbook::RunbookHash;
use planb_model::{SiteName, StepId, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum WaitingOn {
    /// The plan file knows this site; the record says another one is active.
    KnownSite {
        /// The site of the record.
        site: SiteName,
    },
    /// The two sites of a plan have to be different ones.
    TwoSites,
    /// A failback leads home, and the service is at home.
    NotHome {
        /// The primary site.
        site: SiteName,
    },
    /// A switchover fences the old site itself; only a failover can do without.
    NoOverride,
    /// An override needs a reason that can be recorded.
    OverrideReason,
    /// An approval of this hash.
    Approval {
        /// What has to be approved.
        hash: RunbookHash,
    },
    /// An operator paused it and has not resumed it.
    Resume,
    /// A step failed; an operator resumes, skips it or cancels.
    Failed {
        /// The step.
        step: StepId,
    },
    /// Whether a step happened is not known; an operator resumes, skips it or cancels.
    Unknown {
        /// The step.
        step: StepId,
    },
    /// Running steps end by themselves.
    Running {
        /// The step.
        step: StepId,
    },
}

impl WaitingOn {
    /// In words.
    pub fn text(&self) -> Text {
        match self {
            WaitingOn::KnownSite { site } => Text::new(
                format!("the active site '{site}' is not in the plan"),
                format!("활성 사이트 '{site}'이(가) 계획 파일에 없습니다"),
            ),
            WaitingOn::TwoSites => Text::new(
                "the plan needs two different sites",
                "계획 파일에는 서로 다른 두 사이트가 필요합니다",
            ),
            WaitingOn::NotHome { site } => Text::new(
                format!("the service is already at its primary site '{site}'"),
                format!("서비스가 이미 주 사이트 '{site}'에 있습니다"),
            ),
            WaitingOn::NoOverride => Text::new(
                "only a failover can override the fence",
                "펜싱 생략은 페일오버(failover)에서만 가능합니다",
            ),
            WaitingOn::OverrideReason => Text::new(
                "overriding the fence needs a reason",
                "펜싱을 생략하려면 사유가 필요합니다",
            ),
            WaitingOn::Approval { hash } => Text::new(
                format!("waiting for an approval of runbook {}", hash.short()),
                format!("런북 {}의 승인을 기다립니다", hash.short()),
            ),
            WaitingOn::Resume => Text::new("paused by an operator", "운영자가 일시 중지했습니다"),
            WaitingOn::Failed { step } => Text::new(
                format!("step '{step}' failed: resume, skip it or cancel"),
                format!("단계 '{step}'이(가) 실패했습니다. 재개, 건너뛰기, 취소 중에서 선택하세요"),
            ),
            WaitingOn::Unknown { step } => Text::new(
                format!("whether step '{step}' happened is not known: resume, skip it or cancel"),
                format!(
                    "단계 '{step}'의 결과를 알 수 없습니다. 재개, 건너뛰기, 취소 중에서 선택하세요"
                ),
            ),
            WaitingOn::Running { step } => Text::new(
                format!("step '{step}' is running"),
                format!("단계 '{step}'을(를) 실행하고 있습니다"),
            ),
        }
    }
}

/// English, for logs and error chains.
impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().en)
    }
}
