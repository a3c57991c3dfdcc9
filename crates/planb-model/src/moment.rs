//! Words for the steps of the planner and the moments of a drill.

use crate::Text;

/// Words by identifier.
const MOMENTS: &[(&str, &str, &str)] = &[
    ("fault", "Site killed", "사이트 강제 종료"),
    ("verdict", "Declared lost", "상실 판정"),
    ("approval", "Approved", "승인"),
    ("claim-epoch", "Claim the epoch", "에포크 획득"),
    ("close-log", "Close the old log", "이전 로그 닫기"),
    ("fence-site", "Fence the old site", "이전 사이트 펜싱"),
    ("shed-traffic", "Show maintenance page", "점검 페이지 표시"),
    ("stop-workload", "Stop the service", "서비스 중지"),
    ("fence-database", "Fence the database", "데이터베이스 펜싱"),
    ("drain-log", "Ship the last log", "잔여 로그 전송"),
    ("restore", "Restore the data", "데이터 복원"),
    ("restore-ahead", "Restore ahead", "사전 복원"),
    ("verify-restored", "Verify the data", "데이터 검증"),
    (
        "compare-databases",
        "Compare databases",
        "데이터베이스 대조",
    ),
    ("promote", "Promote", "승격"),
    ("start-workload", "Start the service", "서비스 시작"),
    ("check-health", "Check health", "상태 확인"),
    ("activate", "Record active site", "활성 사이트 기록"),
    ("switch-traffic", "Switch traffic", "트래픽 전환"),
    ("confirm-outside", "Confirm from outside", "외부 확인"),
    ("back", "Service is back", "서비스 재개"),
];

/// Words for a step or a moment; nothing for one that is not known.
pub fn name(id: &str) -> Option<Text> {
    let found = MOMENTS.iter().find(|(known, _, _)| *known == id);
    found.map(|(_, en, ko)| Text::new(*en, *ko))
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_step_has_words_in_both_languages() {
        let restore = name("restore").expect("known");
        assert_eq!(
            (restore.en.as_str(), restore.ko.as_str()),
            ("Restore the data", "데이터 복원")
        );
        assert_eq!(name("something-else"), None);
    }
}
