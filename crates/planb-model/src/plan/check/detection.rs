//! Checks of how a dead site is noticed.

use super::{Check, HOUR, PROBE_INTERVAL_MIN};
use crate::Text;
use crate::plan::raw::RawSpec;
use crate::plan::scalar::duration_text;
use std::time::Duration;

const PROBE_TIMEOUT_MIN: Duration = Duration::from_millis(10);

impl Check<'_> {
    pub(super) fn detection(&mut self, spec: &RawSpec) {
        let health = &spec.health;
        let (interval, timeout) = (health.interval.0, health.timeout.0);
        self.range("spec.health.interval", interval, PROBE_INTERVAL_MIN, HOUR);
        self.range("spec.health.timeout", timeout, PROBE_TIMEOUT_MIN, HOUR);
        if timeout >= interval {
            let (interval, timeout) = (duration_text(&interval), duration_text(&timeout));
            self.add(
                "PB-PLAN-HEALTH",
                "spec.health.timeout",
                Text::new(
                    format!(
                        "a timeout of {timeout} does not end before the next look after {interval}"
                    ),
                    format!(
                        "제한 시간({timeout})은 다음 확인까지의 간격({interval})보다 짧아야 합니다"
                    ),
                ),
                Text::new(
                    "make `timeout` shorter than `interval`",
                    "`timeout`을 `interval`보다 짧게 하세요",
                ),
            );
        }
        self.quorums(spec);
        self.observers(spec);
    }

    fn quorums(&mut self, spec: &RawSpec) {
        let health = &spec.health;
        let observers = health.observers.len();
        for (name, quorum) in [
            ("shedQuorum", health.shed_quorum),
            ("promoteQuorum", health.promote_quorum),
        ] {
            if usize::try_from(quorum).is_ok_and(|q| q > observers) {
                self.add(
                    "PB-PLAN-QUORUM",
                    &format!("spec.health.{name}"),
                    Text::new(
                        format!("{name} is {quorum}, but there are only {observers} observers, so it could never be reached"),
                        format!("{name} 값은 {quorum}인데 관측자가 {observers}개뿐이라 충족될 수 없습니다"),
                    ),
                    Text::new(
                        format!("use at most {observers}, or add observers"),
                        format!("{observers} 이하로 하거나 관측자를 추가하세요"),
                    ),
                );
            }
        }
        let (shed, promote) = (health.shed_quorum, health.promote_quorum);
        if shed > promote {
            self.add(
                "PB-PLAN-QUORUM",
                "spec.health.shedQuorum",
                Text::new(
                    format!("shedQuorum {shed} is greater than promoteQuorum {promote}"),
                    format!("shedQuorum 값({shed})은 promoteQuorum 값({promote})보다 클 수 없습니다"),
                ),
                Text::new(
                    "showing the maintenance page must not need more agreement than promoting the other site",
                    "점검 페이지 표시에 필요한 동의 수는 승격에 필요한 수보다 클 수 없습니다",
                ),
            );
        }
    }

    fn observers(&mut self, spec: &RawSpec) {
        let observers = &spec.health.observers;
        for (index, observer) in observers.iter().enumerate() {
            let path = format!("spec.health.observers[{index}]");
            if observers[..index].iter().any(|o| o.name == observer.name) {
                self.add(
                    "PB-PLAN-DUPLICATE-NAME",
                    &format!("{path}.name"),
                    Text::new(
                        format!("an observer called `{}` is there already", observer.name.0),
                        format!("이름이 `{}`인 관측자가 이미 있습니다", observer.name.0),
                    ),
                    Text::new(
                        "give each observer its own name",
                        "관측자마다 다른 이름을 쓰세요",
                    ),
                );
            }
            let twice = (1..observer.probes.len())
                .find(|i| observer.probes[..*i].contains(&observer.probes[*i]));
            if let Some(twice) = twice {
                self.add(
                    "PB-PLAN-DUPLICATE-NAME",
                    &format!("{path}.probes[{twice}]"),
                    Text::new("the same probe twice", "같은 확인 방법이 두 번 나옵니다"),
                    Text::new("keep it once", "한 번만 적으세요"),
                );
            }
        }
    }
}
