//! What was checked, what call-outs cost, and what was measured.

use super::super::{Answers, CallOut, Compared, Outcome};
use crate::number;
use crate::report::{Block, Column, Finding, Section, Table, Tone};
use planb_model::Text;

fn finding(yes: bool, subject: Text, good: Text, bad: Text, action: Text, source: &str) -> Finding {
    Finding {
        tone: if yes { Tone::Good } else { Tone::Bad },
        subject,
        reason: if yes { good } else { bad },
        action: (!yes).then_some(action),
        source: Some(source.to_owned()),
    }
}

pub fn preconditions(answers: &Answers) -> Section {
    let findings = vec![
        finding(
            answers.images_at_other,
            Text::new("Images and definitions", "이미지와 정의"),
            Text::new(
                "can be deployed at the other site",
                "다른 사이트에 배포할 수 있습니다",
            ),
            Text::new(
                "cannot be deployed at the other site; the three steps do not exist without them",
                "다른 사이트에 배포할 수 없습니다. 이것 없이는 3단계가 성립하지 않습니다",
            ),
            Text::new(
                "replicate the registry and the Git repository",
                "레지스트리와 Git 저장소를 복제하십시오",
            ),
            "W 13",
        ),
        finding(
            answers.data_at_other,
            Text::new("Data", "데이터"),
            Text::new(
                "is at the other site by a path of its own",
                "별도 경로로 다른 사이트에 있습니다",
            ),
            Text::new(
                "is not at the other site; recovery takes as long as bringing it there",
                "다른 사이트에 없습니다. 복구 시간은 데이터를 옮기는 시간이 됩니다",
            ),
            Text::new(
                "choose a way for each workload: `planb assess replication`",
                "워크로드별 방식을 정하십시오: `planb assess replication`",
            ),
            "W 13",
        ),
    ];
    Section::new(
        Text::new("What the three steps need", "3단계의 전제 조건"),
        vec![Block::Findings(findings)],
    )
}

pub fn questions(answers: &Answers) -> Section {
    let yes = || Text::new("yes", "예");
    let no = || Text::new("no", "아니요");
    let findings = vec![
        finding(
            answers.times_measured,
            Text::new("Step times are measured", "단계별 시간 실측"),
            yes(),
            no(),
            Text::new(
                "record each step in the next drill",
                "다음 훈련에서 단계별 시간을 기록하십시오",
            ),
            "DR 6.1.2",
        ),
        finding(
            answers.call_out_in_roi,
            Text::new(
                "Call-outs are in the ROI sheet",
                "투자 효과에 호출 비용 반영",
            ),
            yes(),
            no(),
            Text::new(
                "put the cost of call-outs into it",
                "호출 비용을 투자 효과 산정서에 반영하십시오",
            ),
            "DR 6.1.2",
        ),
        finding(
            answers.drill_runs_whole,
            Text::new("The drill runs the whole sequence", "전체 절차 훈련"),
            yes(),
            no(),
            Text::new(
                "run it from the fault to the last check",
                "장애 발생부터 마지막 확인까지 수행하십시오",
            ),
            "DR 6.1.2",
        ),
    ];
    Section::new(
        Text::new("Three questions", "세 가지 점검 질문"),
        vec![Block::Findings(findings)],
    )
}

pub fn costs(answers: &Answers, cost: Option<&CallOut>) -> Section {
    let title = Text::new("What a call-out costs", "야간·주말 호출 비용");
    let Some(cost) = cost else {
        let open = Text::new(
            "Not known: the cost of an hour (`hourlyCost`) is not answered.",
            "알 수 없음: 시간당 비용(`hourlyCost`)의 답이 없습니다.",
        );
        return Section::new(title, vec![Block::Paragraph(open)]);
    };
    let mut table = Table::new(
        Text::new(
            "At the median time, in your currency",
            "중앙값 기준, 입력한 통화",
        ),
        vec![
            Column::text(Text::new("What", "항목")),
            Column::figures(Text::new("At least", "최소")),
            Column::figures(Text::new("At most", "최대")),
        ],
    );
    let mut row = |what: Text, low: f64, high: f64| {
        table.rows.push(vec![
            what.into(),
            number::money(low).into(),
            number::money(high).into(),
        ]);
    };
    let roles = number::plain(answers.roles);
    row(
        Text::new(
            format!("One event, seven steps, {roles} roles"),
            format!("1회, 7단계, {roles}개 직군"),
        ),
        cost.virtualised_low,
        cost.virtualised_high,
    );
    row(
        Text::new(
            "One event, three steps, one who decides",
            "1회, 3단계, 결정자 1명",
        ),
        cost.cloud_native_low,
        cost.cloud_native_high,
    );
    if let (Some(low), Some(high)) = (cost.yearly_low, cost.yearly_high) {
        row(
            Text::new("A year of seven-step call-outs", "연간, 7단계"),
            low,
            high,
        );
    }
    Section::new(title, vec![Block::Table(table)])
}

pub fn measured(answers: &Answers, outcome: &Outcome) -> Section {
    let title = Text::new("What was measured", "실측값");
    if outcome.measured.is_empty() {
        let none = Finding {
            tone: Tone::Unknown,
            subject: Text::new("Drills", "훈련"),
            reason: Text::new(
                "no measured failover was given; everything above is computed",
                "실측한 페일오버가 없습니다. 위의 값은 모두 계산값입니다",
            ),
            action: Some(Text::new(
                "give one with `--drill FILE`",
                "`--drill 파일`로 실측 결과를 지정하십시오",
            )),
            source: None,
        };
        return Section::new(title, vec![Block::Findings(vec![none])]);
    }
    let one = |compared: &Compared| {
        let (took, rto) = (
            number::duration(compared.measured.seconds),
            number::duration(answers.rto),
        );
        let share = number::percent(compared.simulated_share_below * 100.0);
        let from = if compared.measured.from_fault {
            Text::new("from the fault", "장애 시점부터")
        } else {
            Text::new("from the first failed observation", "첫 관측 실패부터")
        };
        Finding {
            tone: if compared.within_rto && compared.measured.verified != Some(false) {
                Tone::Good
            } else {
                Tone::Bad
            },
            subject: Text::same(&compared.measured.name),
            reason: Text::new(
                format!(
                    "{} {}; objective {}; {} of the simulated three-step recoveries took no longer",
                    took.en, from.en, rto.en, share.en
                ),
                format!(
                    "{} {}, 목표 {}. 모의한 3단계 복구 중 {}가 이 시간 이내",
                    from.ko, took.ko, rto.ko, share.ko
                ),
            ),
            action: (compared.measured.verified == Some(false)).then(|| {
                Text::new(
                    "find out what was lost: a fast failover that loses data is none",
                    "손실된 데이터를 확인하십시오. 데이터를 잃은 페일오버는 성공이 아닙니다",
                )
            }),
            source: None,
        }
    };
    Section::new(
        title,
        vec![Block::Findings(outcome.measured.iter().map(one).collect())],
    )
}
