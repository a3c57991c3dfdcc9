//! The report of the costs.

use super::tco::{Horizon, Swung, Year};
use super::{Answers, Outcome, Rules};
use crate::number;
use crate::report::{
    Bars, Block, Cell, Chart, Column, Note, Report, Row, Section, Swing, Table, Tile, Tone,
    Tornado, Verdict,
};
use crate::sheet::Sheet;
use planb_model::Text;

pub fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    let mut sections = vec![standby(outcome), resources(answers)];
    sections.extend(os_tax(rules, outcome));
    sections.extend(sizing(outcome));
    sections.extend(tco(rules, outcome));
    sections.extend(downtime(outcome));
    let swings = outcome.tco.iter().flat_map(|tco| &tco.swings);
    Report {
        method: String::new(),
        title: sheet.title.clone(),
        source: String::new(),
        verdict: verdict(outcome),
        tiles: tiles(outcome),
        sections,
        notes: swings
            .filter_map(|swung| swing_note(rules, swung))
            .collect(),
    }
}

fn usd(value: f64) -> String {
    let text = number::money(value.abs());
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}${text}")
}

/// The price of an hour, to the cent.
fn hourly(value: f64) -> String {
    format!("${value:.2}")
}

fn verdict(outcome: &Outcome) -> Verdict {
    let standby = &outcome.standby;
    let reason = Text::new(
        format!(
            "The primary site costs {} a month. Pilot light adds {}; an hour after a failover adds {}.",
            usd(standby.primary_monthly),
            usd(standby.pilot_light_monthly),
            hourly(standby.failover_hourly)
        ),
        format!(
            "주 사이트는 월 {}입니다. 파일럿 라이트는 월 {}, 페일오버 뒤에는 시간당 {}가 더 듭니다.",
            usd(standby.primary_monthly),
            usd(standby.pilot_light_monthly),
            hourly(standby.failover_hourly)
        ),
    );
    let Some(tco) = &outcome.tco else {
        return Verdict {
            tone: Tone::Plain,
            headline: Text::new("What the standby site costs", "대기 사이트의 비용"),
            reason,
        };
    };
    let years = tco.horizons.iter().map(|h| h.years).max().unwrap_or(1);
    let saving = usd(tco.saving.abs());
    let (tone, headline) = if tco.saving > 0.0 {
        (
            Tone::Good,
            Text::new(
                format!("Moving everything saves {saving} in {years} years"),
                format!("전면 전환은 {years}년간 {saving}를 절감합니다"),
            ),
        )
    } else {
        (
            Tone::Warn,
            Text::new(
                format!("Moving everything costs {saving} more in {years} years"),
                format!("전면 전환은 {years}년간 {saving}가 더 듭니다"),
            ),
        )
    };
    Verdict {
        tone,
        headline,
        reason,
    }
}

fn tiles(outcome: &Outcome) -> Vec<Tile> {
    let standby = &outcome.standby;
    let tile = |title: Text, value: String, note: Text| Tile {
        title,
        value: Text::same(value),
        note,
        tone: Tone::Plain,
    };
    vec![
        tile(
            Text::new("Primary site", "주 사이트"),
            usd(standby.primary_monthly),
            Text::new("a month", "월"),
        ),
        tile(
            Text::new("Pilot light", "파일럿 라이트"),
            usd(standby.pilot_light_monthly),
            Text::new("a month, always", "월, 상시"),
        ),
        tile(
            Text::new("After a failover", "페일오버 뒤"),
            usd(standby.failover_monthly),
            Text::new("a month, on top", "월, 추가"),
        ),
        tile(
            Text::new("An hour after a failover", "페일오버 뒤 시간당"),
            hourly(standby.failover_hourly),
            Text::new("the month over 730 hours", "월 비용 ÷ 730시간"),
        ),
    ]
}

fn standby(outcome: &Outcome) -> Section {
    let s = &outcome.standby;
    let modes = [
        (
            Text::new("Pilot light", "파일럿 라이트"),
            s.pilot_light_monthly,
            s.pilot_light_yearly,
        ),
        (
            Text::new("Warm standby", "웜 스탠바이"),
            s.warm_standby_monthly,
            s.warm_standby_yearly,
        ),
        (
            Text::new("Active-active", "액티브-액티브"),
            s.active_active_monthly,
            s.active_active_yearly,
        ),
    ];
    let bars = Bars {
        title: Text::new("A year of the standby site", "대기 사이트의 연간 비용"),
        unit: Text::new(
            "USD a year, with the hours it is active",
            "연간 USD, 활성 시간 포함",
        ),
        series: vec![Text::new("Cost", "비용")],
        rows: modes
            .iter()
            .map(|(label, _, yearly)| Row {
                label: label.clone(),
                values: vec![*yearly],
            })
            .collect(),
    };
    let mut table = Table::new(
        Text::new("Ways to keep it", "대기 방식"),
        vec![
            Column::text(Text::new("Way", "방식")),
            Column::figures(Text::new("A month", "월")),
            Column::figures(Text::new("A year, with failovers", "연간(페일오버 포함)")),
        ],
    );
    for (label, monthly, yearly) in modes {
        table
            .rows
            .push(vec![label.into(), usd(monthly).into(), usd(yearly).into()]);
    }
    let mut facts = vec![(
        Text::new("An hour after a failover", "페일오버 뒤 시간당 추가"),
        Text::same(hourly(s.failover_hourly)),
    )];
    if let Some(listed) = s.listed_hourly {
        facts.push((
            Text::new(
                "The same, as the sum of listed prices",
                "같은 값, 요금표 단가의 합",
            ),
            Text::same(format!("${}", (listed * 1000.0).round() / 1000.0)),
        ));
    }
    Section::new(
        Text::new("The standby site", "대기 사이트"),
        vec![
            Block::Chart(Chart::Bars(bars)),
            Block::Table(table),
            Block::Facts(facts),
        ],
    )
}

fn resources(answers: &Answers) -> Section {
    let mut table = Table::new(
        Text::new("Everything that costs", "자원별 비용"),
        vec![
            Column::text(Text::new("Where", "위치")),
            Column::text(Text::new("Resource", "자원")),
            Column::figures(Text::new("A month", "월")),
        ],
    )
    .grouped();
    let groups = [
        (Text::new("primary", "주 사이트"), &answers.primary),
        (
            Text::new("standby, always", "대기 사이트(상시)"),
            &answers.standby_always,
        ),
        (
            Text::new("standby, after a failover", "대기 사이트(페일오버 뒤)"),
            &answers.standby_active,
        ),
    ];
    for (place, resources) in groups {
        let mut sum = 0.0;
        for resource in resources {
            sum += resource.monthly;
            table.rows.push(vec![
                place.clone().into(),
                resource.name.clone().into(),
                usd(resource.monthly).into(),
            ]);
        }
        let total = Cell::toned(Text::new("total", "합계"), Tone::Plain);
        table.total(vec![place.into(), total, usd(sum).into()]);
    }
    Section::new(Text::new("Resources", "자원"), vec![Block::Table(table)])
}

fn os_tax(rules: &Rules, outcome: &Outcome) -> Option<Section> {
    let tax = outcome.os_tax.as_ref()?;
    let mut table = Table::new(
        Text::new(
            "Unit price times number of operating systems, a year",
            "단가 × OS 수, 연간",
        ),
        vec![
            Column::text(Text::new("Category", "항목")),
            Column::figures(Text::new("Today", "현재")),
            Column::figures(Text::new("Afterwards", "전환 후")),
        ],
    );
    for (named, category) in rules.categories.iter().zip(&tax.categories) {
        table.rows.push(vec![
            named.label.clone().into(),
            usd(category.now).into(),
            usd(category.then).into(),
        ]);
    }
    table.total(vec![
        Text::new("total", "합계").into(),
        usd(tax.now).into(),
        usd(tax.then).into(),
    ]);
    let series = |label: Text, pick: fn(&super::os_tax::Category) -> f64| Row {
        label,
        values: tax.categories.iter().map(pick).collect(),
    };
    // Five colours are all there are: the smaller ones stand in the table.
    let bars = Bars {
        title: Text::new("Today and afterwards", "현재와 전환 후"),
        unit: Text::new("USD a year", "연간 USD"),
        series: vec![Text::new("All categories", "전 항목 합계")],
        rows: [
            series(Text::new("Today", "현재"), |c| c.now),
            series(Text::new("Afterwards", "전환 후"), |c| c.then),
        ]
        .into_iter()
        .map(|row| Row {
            values: vec![row.values.iter().sum()],
            ..row
        })
        .collect(),
    };
    Some(Section::new(
        Text::new("OS tax", "OS tax(운영체제 비용)"),
        vec![Block::Chart(Chart::Bars(bars)), Block::Table(table)],
    ))
}

fn sizing(outcome: &Outcome) -> Option<Section> {
    let sizing = outcome.sizing.as_ref()?;
    let servers = |n: f64| Text::new(format!("{n} servers"), format!("서버 {n}대"));
    let mut facts = vec![
        (
            Text::new("By utilisation alone", "이용률만으로 계산"),
            servers(sizing.pure_scaling),
        ),
        (
            Text::new(
                "With buffer and stateful share",
                "여유분과 상태 저장 비율 반영",
            ),
            servers(sizing.servers_then),
        ),
    ];
    let vcpu = |value: Option<f64>| {
        value.map_or(Text::new("not answered", "답 없음"), |v| {
            Text::same(format!("{} vCPU", number::plain(v)))
        })
    };
    facts.push((
        Text::new("VMs: peak × safety margin", "VM: 최대 부하 × 안전 여유율"),
        vcpu(sizing.vm_vcpu),
    ));
    facts.push((
        Text::new(
            "Containers: average × buffer + autoscaling at peak",
            "컨테이너: 평균 × 여유분 + 최대 부하 자동 확장",
        ),
        vcpu(sizing.container_vcpu),
    ));
    Some(Section::new(
        Text::new("Sizing", "용량 산정"),
        vec![Block::Facts(facts)],
    ))
}

fn tco(rules: &Rules, outcome: &Outcome) -> Option<Section> {
    let tco = outcome.tco.as_ref()?;
    let years = tco.horizons.iter().map(|h| h.years).max().unwrap_or(1);
    let mut blocks = vec![
        Block::Table(axes(tco.keep, tco.full)),
        Block::Table(horizons(&tco.horizons)),
    ];
    let swing = |swung: &Swung| {
        let rule = rules.swings.iter().find(|r| r.id == swung.id)?;
        Some(Swing {
            label: rule.label.clone(),
            low_input: shown(&swung.id, swung.low_input),
            low: swung.low,
            high_input: shown(&swung.id, swung.high_input),
            high: swung.high,
        })
    };
    blocks.push(Block::Chart(Chart::Tornado(Tornado {
        title: Text::new(
            format!("What moves the saving of the whole move over {years} years"),
            format!("전면 전환의 {years}년 절감액을 좌우하는 입력값"),
        ),
        unit: Text::same("USD"),
        base: tco.saving,
        inputs: tco.swings.iter().filter_map(swing).collect(),
    })));
    if let Some(exposure) = tco.exchange_exposure {
        blocks.push(Block::Facts(vec![(
            Text::new(
                "Keeping everything, a year, when the dollar rises by 10 %",
                "환율이 10% 오를 때 현행 유지의 연간 추가 비용",
            ),
            Text::new(
                format!("+{} in local currency", number::money(exposure)),
                format!("{}원", number::money(exposure)),
            ),
        )]));
    }
    Some(Section::new(
        Text::new("Total cost of ownership", "총소유비용(TCO)"),
        blocks,
    ))
}

/// An input of the tornado with its unit.
fn shown(id: &str, value: f64) -> String {
    match id {
        "licenceRise" => format!("{}×", number::plain(value)),
        "licenceReduction" | "utilisationThen" => format!("{}%", number::plain(value)),
        "migration" | "powerPerServer" => usd(value),
        "fteThen" => format!("{} FTE", number::plain(value)),
        "exchangeRate" => format!("{}/USD", number::money(value)),
        _ => number::money(value),
    }
}

fn axes(keep: Year, full: Year) -> Table {
    let mut table = Table::new(
        Text::new("A year by axis", "축별 연간 비용"),
        vec![
            Column::text(Text::new("Axis", "축")),
            Column::figures(Text::new("Keep", "현행 유지")),
            Column::figures(Text::new("Whole move", "전면 전환")),
        ],
    );
    let rows = [
        (
            Text::new("Licences", "라이선스"),
            keep.licences,
            full.licences,
        ),
        (
            Text::new("Power, cooling, space", "전력·냉방·상면"),
            keep.power,
            full.power,
        ),
        (Text::new("People", "인력"), keep.people, full.people),
        (
            Text::new("OS tax", "OS tax(운영체제 비용)"),
            keep.os_tax,
            full.os_tax,
        ),
    ];
    let row = |axis: Text, keep, full| vec![axis.into(), usd(keep).into(), usd(full).into()];
    let rows = rows.map(|(axis, keep, full)| row(axis, keep, full));
    table.rows.extend(rows);
    table.total(row(Text::new("total", "합계"), keep.total(), full.total()));
    table
}

fn horizons(all: &[Horizon]) -> Table {
    let mut table = Table::new(
        Text::new("Totals", "기간별 합계"),
        vec![
            Column::text(Text::new("Term", "기간")),
            Column::figures(Text::new("Keep", "현행 유지")),
            Column::figures(Text::new("Partial", "부분 전환")),
            Column::figures(Text::new("Whole move", "전면 전환")),
        ],
    );
    for horizon in all {
        table.rows.push(vec![
            Text::new(
                number::counted(horizon.years as usize, "year", "years"),
                format!("{}년", horizon.years),
            )
            .into(),
            usd(horizon.keep).into(),
            usd(horizon.partial).into(),
            usd(horizon.full).into(),
        ]);
    }
    table
}

fn downtime(outcome: &Outcome) -> Option<Section> {
    let loss = outcome.downtime.as_ref()?;
    let facts = vec![
        (
            Text::new("A year today", "현재 연간 손실"),
            Text::same(usd(loss.now)),
        ),
        (
            Text::new("A year afterwards", "전환 후 연간 손실"),
            Text::same(usd(loss.then)),
        ),
        (
            Text::new("Avoided", "회피하는 손실"),
            Text::same(usd(loss.avoided)),
        ),
    ];
    Some(
        Section::new(
            Text::new("Loss by outages", "서비스 중단 손실"),
            vec![Block::Facts(facts)],
        )
        .lead(Text::new(
            "Minutes times the loss of a minute. Not part of the totals above.",
            "중단 시간(분) × 분당 손실입니다. 위 합계에는 들어 있지 않습니다.",
        )),
    )
}

fn swing_note(rules: &Rules, swung: &Swung) -> Option<Note> {
    let rule = rules.swings.iter().find(|r| r.id == swung.id)?;
    let (low, high) = (
        shown(&swung.id, swung.low_input),
        shown(&swung.id, swung.high_input),
    );
    Some(Note {
        text: Text::new(
            format!(
                "Range of the sensitivity analysis, {}: {low} to {high}",
                rule.label.en
            ),
            format!("민감도 분석의 범위, {}: {low} ~ {high}", rule.label.ko),
        ),
        source: rule.source.clone(),
    })
}
