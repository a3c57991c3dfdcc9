//! The report of a measured failover and failback: one HTML file that needs
//! nothing else.
//!
//! Pure functions from [`DrillResult`] to text. Both languages are in the file
//! and change places by `:target` links, so that it works from a mail
//! attachment, without script and without network. Colour never carries a
//! meaning alone: states have words and signs, series have shapes. It prints
//! to A4 and follows the reader's light or dark scheme.
//!
//! Nothing from the result is trusted: every string is escaped, every number
//! may be odd, and the verdict is worked out here instead of believed.

mod cards;
pub(crate) mod html;
mod moments;
mod phases;
mod probe;
mod scale;
mod style;
mod verdict;
mod words;

use html::{Both, both, escape};
use planb_model::drill::DrillResult;

/// The whole report as one HTML document.
pub fn render(result: &DrillResult) -> String {
    let mut page = String::with_capacity(64 * 1024);
    head(&mut page, result);
    page.push_str("<main>");
    page.push_str(&verdict::banner(result));
    page.push_str(&cards::cards(result));
    section(
        &mut page,
        &both("Where the time went", "시간은 어디에 쓰였나"),
        &both(
            "From the fault to the first good answer seen from outside, split into the four parts of a recovery.",
            "장애가 난 순간부터 외부 프로브가 첫 정상 응답을 받기까지를 복구의 네 단계로 나눈 것입니다.",
        ),
        &phases::chart(result),
    );
    section(
        &mut page,
        &both("What the outside saw", "외부에서 본 모습"),
        &both(
            "One mark for every answer to the outside probe, by who answered. Zero is the moment of the fault.",
            "외부 프로브가 받은 응답을 응답 주체별로 하나씩 표시했습니다. 0초는 장애가 발생한 순간입니다.",
        ),
        &probe::chart(result),
    );
    section(
        &mut page,
        &both("Failover, step by step", "페일오버의 단계별 진행"),
        &both(
            "Steps as bars, moments as diamonds.",
            "막대는 단계, 마름모는 특정 시점을 나타냅니다.",
        ),
        &moments::chart(result, true),
    );
    section(
        &mut page,
        &both("Failback, step by step", "페일백의 단계별 진행"),
        &both(
            "The planned move back home, while both sites were well. Zero is its first step.",
            "두 사이트가 모두 정상인 상태에서 원래 사이트로 되돌아간 과정이며, 0초는 첫 단계의 시작입니다.",
        ),
        &moments::chart(result, false),
    );
    section(
        &mut page,
        &both("What was run", "실행 조건"),
        &Both::default(),
        &cards::setup(result),
    );
    section(
        &mut page,
        &both("Every moment", "전체 기록"),
        &Both::default(),
        &moments::table(result),
    );
    section(
        &mut page,
        &both("How it was measured", "측정 방법"),
        &Both::default(),
        &method(),
    );
    page.push_str("</main>");
    foot(&mut page, result);
    page
}

fn head(page: &mut String, result: &DrillResult) {
    let setup = &result.setup;
    let (service, from, to) = (
        escape(&setup.service),
        escape(&setup.from),
        escape(&setup.to),
    );
    page.push_str(&format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>PlanB · {service} · {from} → {to}</title><style>{}</style></head><body>\
         <span id=\"en\" class=\"anchor\"></span><span id=\"ko\" class=\"anchor\"></span>",
        style::CSS
    ));
    page.push_str(&format!(
        "<header><div><p class=\"brand\">PlanB <span>{}</span></p><h1>{}</h1>\
         <p class=\"when\">{service} · {from} → {to} → {from} · {}</p></div>\
         <nav aria-label=\"Language · 언어\"><a href=\"#en\" class=\"to-en\" lang=\"en\">English</a>\
         <a href=\"#ko\" class=\"to-ko\" lang=\"ko\">한국어</a></nav></header>",
        both("disaster recovery report", "재해복구 보고서"),
        both(
            &format!("Failover and failback of {}", setup.service),
            &format!("{} 서비스의 페일오버와 페일백", setup.service),
        ),
        escape(&setup.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
    ));
}

fn section(page: &mut String, title: &Both, lead: &Both, body: &str) {
    page.push_str(&format!("<section><h2>{title}</h2>"));
    if !lead.is_empty() {
        page.push_str(&format!("<p class=\"lead\">{lead}</p>"));
    }
    page.push_str(body);
    page.push_str("</section>");
}

fn method() -> String {
    let items = [
        both(
            "RTO is counted from the moment the primary site was killed to the first good answer the outside probe got from the other site. PlanB itself was not told when that moment was.",
            "RTO는 주 사이트를 강제 종료한 순간부터 외부 프로브가 다른 사이트의 첫 정상 응답을 받을 때까지의 시간입니다. 강제 종료 시점은 PlanB에 알려 주지 않습니다.",
        ),
        both(
            "RPO is the age, at that moment, of the oldest order that had been acknowledged to a client and was not found at the new primary. It is 0 when none was lost.",
            "RPO는 고객에게 접수 확인을 보냈으나 새 주 사이트에서 찾지 못한 주문 가운데 가장 오래된 것의, 장애 시점 기준 경과 시간입니다. 손실이 없으면 0입니다.",
        ),
        both(
            "Orders were compared one by one against a ledger that the load generator keeps on its own, after the failover and again after the failback.",
            "주문은 부하 발생기가 따로 기록한 원장과 한 건씩 대조했으며, 페일오버 뒤와 페일백 뒤에 각각 확인했습니다.",
        ),
        both(
            "Both sites are on one machine here. Between real sites, add the network between them and the time people take to approve.",
            "여기서는 두 사이트가 한 장비에서 실행됩니다. 실제 사이트에서는 사이트 간 네트워크 지연과 승인에 걸리는 시간이 더해집니다.",
        ),
    ];
    let items: String = items.iter().map(|i| format!("<li>{i}</li>")).collect();
    format!("<ul class=\"method\">{items}</ul>")
}

fn foot(page: &mut String, result: &DrillResult) {
    page.push_str(&format!(
        "<footer><p>PlanB {} · {}</p></footer></body></html>\n",
        escape(&result.setup.version),
        both(
            "This file is complete: it loads nothing from anywhere.",
            "이 파일은 외부에서 아무것도 불러오지 않는 단일 파일입니다.",
        )
    ));
}

#[cfg(test)]
mod tests;
