//! The status page: one small server-rendered document that refreshes itself.
//! No script, no external asset; it works in any browser a data centre has.

use crate::report::html::grouped;
use planb_model::execution::{ExecutionState, StepState};
use planb_model::runbook::RunbookKind;
use planb_model::status::{
    ExecutionStatus, ProtectionState, ProtectionStatus, ServiceStatus, Verdict, VerificationState,
    VerificationStatus,
};
use planb_model::{Lang, Text};
use std::fmt::Write;

/// Seconds between two refreshes: RPO moves by the second.
const REFRESH_SECONDS: u32 = 2;

/// Renders the page.
pub fn render(services: &[ServiceStatus], lang: Lang) -> String {
    let mut body = String::new();
    for service in services {
        render_service(&mut body, service, lang);
    }
    if services.is_empty() {
        body.push_str(&paragraph(
            "",
            &Text::new("No service is protected.", "보호 중인 서비스가 없습니다."),
            lang,
        ));
    }
    let title = Text::new("PlanB status", "PlanB 상태");
    let (other, other_name) = match lang {
        Lang::En => ("ko", "한국어"),
        Lang::Ko => ("en", "English"),
    };
    format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"refresh\" content=\"{REFRESH_SECONDS}\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\
         <header><h1>PlanB</h1><a href=\"?lang={other}\" lang=\"{other}\">{other_name}</a></header>\
         <main>{body}</main></body></html>",
        tag = lang.tag(),
        title = escape(title.get(lang)),
    )
}

fn render_service(out: &mut String, status: &ServiceStatus, lang: Lang) {
    let (mark, health) = verdict(status.health.verdict);
    let (protection_mark, protection) = protection(&status.protection);
    out.push_str("<section>");
    push(
        out,
        format_args!("<h2>{}</h2>", escape(status.service.as_str())),
    );
    out.push_str("<dl>");
    entry(
        out,
        &Text::new("Active site", "활성 사이트"),
        "",
        status.active.as_str(),
        lang,
    );
    entry(
        out,
        &Text::new("Health", "상태"),
        mark,
        health.get(lang),
        lang,
    );
    entry(
        out,
        &Text::new("Protection", "보호"),
        protection_mark,
        protection.get(lang),
        lang,
    );
    let (drill_mark, drill) = verification(&status.verification);
    let last_drill = Text::new("Last drill", "최근 복원 훈련");
    entry(out, &last_drill, drill_mark, drill.get(lang), lang);
    render_rpo(out, status, lang);
    entry(
        out,
        &Text::new("Epoch", "에포크"),
        "",
        &status.epoch.to_string(),
        lang,
    );
    let shipped = format!(
        "{} / {}",
        grouped(status.protection.segments),
        grouped(status.protection.transactions)
    );
    entry(
        out,
        &Text::new(
            "Segments / transactions shipped",
            "전송한 세그먼트 / 트랜잭션",
        ),
        "",
        &shipped,
        lang,
    );
    out.push_str("</dl>");
    out.push_str(&plain("why", status.health.why.get(lang)));
    render_problems(out, status, lang);
    if let Some(execution) = &status.execution {
        render_execution(out, execution, lang);
    }
    out.push_str("</section>");
}

/// What protection and drills have to complain about.
fn render_problems(out: &mut String, status: &ServiceStatus, lang: Lang) {
    let (protection, drills) = (&status.protection, &status.verification);
    let errors = protection.error.iter().chain(&protection.vault_error);
    let last = drills.last.iter();
    let found = last.clone().flat_map(|last| &last.problems);
    for problem in errors.chain(&drills.error).chain(found) {
        out.push_str(&plain("bad", problem));
    }
    for suspicion in last.flat_map(|last| &last.suspicions) {
        out.push_str(&plain("bad", suspicion.get(lang)));
    }
}

fn render_rpo(out: &mut String, status: &ServiceStatus, lang: Lang) {
    let rpo = status.protection.rpo_secs;
    let unit = Text::new(" s", "초");
    let unit = unit.get(lang);
    let now = rpo.map_or_else(|| "–".to_owned(), |secs| format!("{secs:.1}{unit}"));
    let kept = rpo.is_some_and(|secs| secs <= status.objective_rpo_secs);
    entry(
        out,
        &Text::new("RPO now / objective", "현재 RPO / 목표"),
        if kept { "ok" } else { "bad" },
        &format!("{now} / {:.0}{unit}", status.objective_rpo_secs),
        lang,
    );
}

fn render_execution(out: &mut String, status: &ExecutionStatus, lang: Lang) {
    let runbook = &status.execution.runbook;
    push(
        out,
        format_args!(
            "<h3>{} {} → {}: {}</h3><p class=\"why\">{}</p>\
             <table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
            kind(runbook.kind).get(lang),
            escape(runbook.from.as_str()),
            escape(runbook.to.as_str()),
            execution_state(status.state).get(lang),
            escape(status.execution.id.as_str()),
            Text::new("Step", "단계").get(lang),
            Text::new("State", "상태").get(lang),
            Text::new("Problem", "문제").get(lang),
        ),
    );
    for step in &runbook.steps {
        let Some(seen) = status.steps.get(&step.id) else {
            continue;
        };
        let (mark, state) = step_state(seen.state);
        push(
            out,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td class=\"{mark}\">{}</td><td>{}</td></tr>",
                escape(step_name(step.id.as_str()).get(lang)),
                state.get(lang),
                escape(seen.error.as_deref().unwrap_or("")),
            ),
        );
    }
    out.push_str("</tbody></table>");
}

/// A step in words; one that is not known keeps its identifier.
fn step_name(id: &str) -> Text {
    planb_model::moment::name(id).unwrap_or_else(|| Text::same(id))
}

/// What a runbook does, in words.
fn kind(kind: RunbookKind) -> Text {
    match kind {
        RunbookKind::Failover => Text::new("Failover", "페일오버"),
        RunbookKind::Switchover => Text::new("Switchover", "계획 전환"),
        RunbookKind::Failback => Text::new("Failback", "페일백"),
    }
}

/// Verdict in words, with the class that colours it.
pub fn verdict(verdict: Verdict) -> (&'static str, Text) {
    match verdict {
        Verdict::Up => ("ok", Text::new("UP", "정상 (UP)")),
        Verdict::Suspect => ("warn", Text::new("SUSPECT", "의심 (SUSPECT)")),
        Verdict::Down => ("bad", Text::new("DOWN", "중단 (DOWN)")),
        Verdict::Unknown => ("warn", Text::new("UNKNOWN", "알 수 없음 (UNKNOWN)")),
    }
}

/// Protection in words, with the class that colours it.
pub fn protection(status: &ProtectionStatus) -> (&'static str, Text) {
    match status.state {
        ProtectionState::Stopped => ("warn", Text::new("stopped", "정지됨")),
        ProtectionState::Starting => ("warn", Text::new("starting", "시작 중")),
        ProtectionState::Protected => ("ok", Text::new("protected", "보호됨")),
        ProtectionState::Degraded => ("bad", Text::new("degraded", "저하됨")),
        ProtectionState::Fenced => ("bad", Text::new("fenced", "펜싱됨")),
    }
}

/// The newest drill in words, with the class that colours it.
pub fn verification(status: &VerificationStatus) -> (&'static str, Text) {
    let Some(last) = &status.last else {
        return match status.state {
            VerificationState::Off => ("", Text::new("off", "꺼짐")),
            VerificationState::Waiting => ("warn", Text::new("none yet", "아직 없음")),
            VerificationState::Drilling => ("warn", Text::new("running", "진행 중")),
            VerificationState::Impossible => ("bad", Text::new("not possible here", "불가")),
        };
    };
    let snapshot = &last.snapshot;
    let at = last.at.strftime("%Y-%m-%dT%H:%M:%SZ");
    match (last.passed, last.clean) {
        (false, _) => (
            "bad",
            Text::new(
                format!("snapshot {snapshot} FAILED at {at}"),
                format!("스냅샷 {snapshot} 실패, {at}"),
            ),
        ),
        (true, Some(false)) => (
            "bad",
            Text::new(
                format!("snapshot {snapshot} looks TAMPERED WITH, {at}"),
                format!("스냅샷 {snapshot} 변조 의심, {at}"),
            ),
        ),
        (true, _) => (
            "ok",
            Text::new(
                format!("snapshot {snapshot} passed at {at}"),
                format!("스냅샷 {snapshot} 통과, {at}"),
            ),
        ),
    }
}

/// State of an execution in words.
pub fn execution_state(state: ExecutionState) -> Text {
    match state {
        ExecutionState::Pending => Text::new("pending", "대기"),
        ExecutionState::InProgress => Text::new("in progress", "진행 중"),
        ExecutionState::PendingManualApproval => Text::new("waits for approval", "승인 대기"),
        ExecutionState::PausedByFailedStep => {
            Text::new("paused by a failed step", "단계 실패로 일시 중지")
        }
        ExecutionState::PausedByOperator => {
            Text::new("paused by an operator", "운영자가 일시 중지")
        }
        ExecutionState::Completed => Text::new("completed", "완료"),
        ExecutionState::CompletedWithExceptions => {
            Text::new("completed with exceptions", "예외가 있는 완료")
        }
        ExecutionState::Failed => Text::new("failed", "실패"),
        ExecutionState::Canceled => Text::new("canceled", "취소됨"),
    }
}

/// State of a step in words, with the class that colours it.
pub fn step_state(state: StepState) -> (&'static str, Text) {
    match state {
        StepState::NotStarted => ("", Text::new("not started", "시작 전")),
        StepState::Running => ("warn", Text::new("running", "실행 중")),
        StepState::PendingApproval => ("warn", Text::new("waits for approval", "승인 대기")),
        StepState::Completed => ("ok", Text::new("completed", "완료")),
        StepState::Failed => ("bad", Text::new("failed", "실패")),
        StepState::Skipped => ("warn", Text::new("skipped", "건너뜀")),
        StepState::Canceled => ("", Text::new("canceled", "취소됨")),
        StepState::Unknown => ("bad", Text::new("unknown", "결과 미확인")),
    }
}

fn entry(out: &mut String, name: &Text, mark: &str, value: &str, lang: Lang) {
    push(
        out,
        format_args!(
            "<div><dt>{}</dt><dd class=\"{mark}\">{}</dd></div>",
            escape(name.get(lang)),
            escape(value)
        ),
    );
}

fn paragraph(class: &str, text: &Text, lang: Lang) -> String {
    plain(class, text.get(lang))
}

fn plain(class: &str, text: &str) -> String {
    format!("<p class=\"{class}\">{}</p>", escape(text))
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    out.write_fmt(text).unwrap_or_default();
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f26;--soft:#59616e;--line:#dfe3e8;--link:#1f5fbf;--ok:#0b6b3a;--warn:#7a4b00;--bad:#a61b1b}
@media(prefers-color-scheme:dark){:root{--ground:#12151a;--ink:#e8ebf0;--soft:#a3adba;--line:#303843;--link:#7fb0f5;--ok:#6fd39b;--warn:#f0c369;--bad:#ff9a92}}
body{background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Apple SD Gothic Neo','Malgun Gothic','Noto Sans KR','Noto Sans CJK KR',sans-serif;overflow-wrap:break-word;margin:0 auto;max-width:60rem;padding:1rem;word-break:keep-all}
header{display:flex;justify-content:space-between;align-items:baseline;border-bottom:1px solid var(--line)}
h1{font-size:1.2rem;margin:.3rem 0}h2{margin:1.2rem 0 .4rem}h3{margin:1rem 0 0}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:.6rem;margin:0}
dl div{border:1px solid var(--line);border-radius:.4rem;padding:.5rem .7rem}
a{color:var(--link)}dt{font-size:.8rem;color:var(--soft)}dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}
.ok{color:var(--ok)}.ok::before{content:'✓ '}.warn{color:var(--warn)}.warn::before{content:'! '}
.bad{color:var(--bad)}.bad::before{content:'✗ '}.why{color:var(--soft);margin:.5rem 0}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid var(--line);padding:.25rem .5rem .25rem 0;text-align:left;font-weight:400;vertical-align:top}thead th{color:var(--soft)}
";

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::status::{HealthStatus, ProtectionStatus};
    use planb_model::{Epoch, ServiceName, SiteName};

    fn status() -> ServiceStatus {
        ServiceStatus {
            service: ServiceName::new("orders").expect("name"),
            at: jiff::Timestamp::UNIX_EPOCH,
            epoch: Epoch(4),
            active: SiteName::new("busan").expect("name"),
            health: HealthStatus {
                verdict: Verdict::Suspect,
                why: Text::new(
                    "1 of 5 <observers> say DOWN",
                    "<observers> 5개 중 1개가 DOWN",
                ),
                observers: Default::default(),
            },
            verification: VerificationStatus::default(),
            protection: ProtectionStatus {
                state: ProtectionState::Degraded,
                rpo_secs: None,
                canary: None,
                recovery_point: None,
                segments: 1,
                transactions: 2,
                spool: None,
                error: Some("vault & co".into()),
                vault_error: Some("<forged>".into()),
            },
            execution: None,
            objective_rto_secs: 900.0,
            objective_rpo_secs: 300.0,
        }
    }

    #[test]
    fn an_unknown_rpo_is_never_shown_as_good() {
        let page = render(&[status()], Lang::En);
        assert!(page.contains("<dd class=\"bad\">– / 300 s</dd>"));
    }

    #[test]
    fn every_text_can_be_read_in_every_scheme() {
        use planb_testkit::palette::{TEXT_CONTRAST_MIN, contrast, palettes};
        let all = palettes(STYLE);
        assert_eq!(all.len(), 2);
        for (palette, text) in all
            .iter()
            .flat_map(|p| ["ink", "soft", "link", "ok", "warn", "bad"].map(|text| (p, text)))
        {
            let found = contrast(palette, text, "ground");
            assert!(
                found >= TEXT_CONTRAST_MIN,
                "{text}: {found:.2} in {palette:?}"
            );
        }
    }

    #[test]
    fn figures_are_in_the_language_of_the_page() {
        let mut one = status();
        one.protection.rpo_secs = Some(1.34);
        one.protection.transactions = 1_234_567;
        let (en, ko) = (render(&[one.clone()], Lang::En), render(&[one], Lang::Ko));
        assert!(
            en.contains("1.3 s / 300 s") && en.contains("1 / 1,234,567"),
            "{en}"
        );
        assert!(ko.contains("1.3초 / 300초") && !ko.contains(" s<"), "{ko}");
    }

    #[test]
    fn texts_are_escaped_and_translated() {
        let page = render(&[status()], Lang::Ko);
        assert!(page.contains("&lt;observers&gt;") && page.contains("vault &amp; co"));
        assert!(page.contains("활성 사이트") && !page.contains("Active site"));
    }
}
