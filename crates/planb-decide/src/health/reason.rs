//! Why a judge decided what it decided, and what it waits for.

use planb_model::Text;
use serde::{Deserialize, Serialize};

/// What a judgement rests on, or what keeps it from going further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum Reason {
    /// Nobody has anything to complain about.
    Well,
    /// Fewer observers than the quorum can tell anything.
    TooFewCanTell {
        /// Observers that can tell.
        able: u32,
        /// Observers that would have to say DOWN to shed.
        needed: u32,
    },
    /// Some complain, too few of them say DOWN.
    TooFewDown {
        /// Observers that say DOWN.
        down: u32,
        /// Observers that would have to, to shed.
        needed: u32,
    },
    /// Enough to shed; promotion needs more observers that say DOWN and whose
    /// newest round failed.
    TooFewToPromote {
        /// Observers that do.
        down: u32,
        /// Observers that would have to.
        needed: u32,
    },
    /// Enough observers, but nothing to recover from.
    NotRecoverable,
    /// Enough observers, but the site's canaries still arrive: it takes writes.
    StillWriting,
    /// Everything agrees that the site is lost.
    Lost {
        /// Observers that say DOWN.
        down: u32,
    },
}

impl Reason {
    /// The reason as one sentence. `total` counts the observers, `excluded` are
    /// the names of those that cannot tell because their own canary fails.
    pub fn text(&self, total: u32, excluded: &[&str]) -> Text {
        let mut text = self.sentence(total);
        if !excluded.is_empty() {
            let names = excluded.join(", ");
            text.en.push_str(&format!(
                "; excluded because their own canary fails: {names}"
            ));
            text.ko
                .push_str(&format!(" (자체 카나리 실패로 제외된 관측자: {names})"));
        }
        text
    }

    fn sentence(&self, total: u32) -> Text {
        match self {
            Reason::Well => Text::new(
                "no observer has seen a failure",
                "장애를 확인한 관측자가 없습니다",
            ),
            Reason::TooFewCanTell { able, needed } => Text::new(
                format!(
                    "only {able} of {total} observers can tell, {needed} are needed for any decision"
                ),
                format!(
                    "관측자 {total}개 중 {able}개만 판단할 수 있습니다. 결정하려면 {needed}개가 필요합니다"
                ),
            ),
            Reason::TooFewDown { down, needed } => Text::new(
                format!(
                    "{down} of {total} observers say DOWN, {needed} are needed to shed traffic"
                ),
                format!(
                    "관측자 {total}개 중 {down}개가 DOWN으로 판단했습니다. 트래픽을 차단하려면 {needed}개가 필요합니다"
                ),
            ),
            Reason::TooFewToPromote { down, needed } => Text::new(
                format!(
                    "traffic is shed; {down} of {total} observers say DOWN and saw it fail in their newest round, {needed} are needed to promote"
                ),
                format!(
                    "트래픽을 차단합니다. 관측자 {total}개 중 {down}개가 DOWN이며 최근 점검에서도 실패했습니다. 승격하려면 {needed}개가 필요합니다"
                ),
            ),
            Reason::NotRecoverable => Text::new(
                "enough observers say DOWN, but the vault has no recovery point that the other site could use",
                "DOWN 판단 수는 충분하지만, 다른 사이트에서 사용할 수 있는 복구 지점이 볼트에 없습니다",
            ),
            Reason::StillWriting => Text::new(
                "enough observers say DOWN, but canaries of the site still arrive: its database takes writes",
                "DOWN 판단 수는 충분하지만, 해당 사이트의 카나리가 계속 도착합니다. 데이터베이스가 아직 쓰기를 처리하고 있습니다",
            ),
            Reason::Lost { down } => Text::new(
                format!(
                    "{down} of {total} observers say DOWN, its canaries have stopped, and the data can be recovered"
                ),
                format!(
                    "관측자 {total}개 중 {down}개가 DOWN으로 판단했고, 카나리가 멈췄으며, 데이터를 복구할 수 있습니다"
                ),
            ),
        }
    }
}
