//! `--clean`: the newest point nothing speaks against, a snapshot or a place in
//! the log behind one, with the reasons for every newer one, and how sure that
//! is. Never certain.

use crate::data::OpenVault;
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_decide::clean_point::{Choice, Judged, Policy, Reason, Within};
use planb_model::{Lang, Text};
use planb_ports::RestoreTo;
use planb_vault::drill::read_history;

/// Chooses, and says why on stderr.
pub async fn choose(vault: &OpenVault, lang: Lang) -> CliResult<RestoreTo> {
    let history = read_history(&vault.repository).await?;
    let (choice, within) = history.choose(&Policy::default());
    for judged in &choice.rejected {
        output::note(&rejected(judged, lang));
    }
    let Some(chosen) = &choice.chosen else {
        return Err(none(&choice));
    };
    let percent = (choice.confidence * 100.0).round();
    let text = Text::new(
        format!(
            "snapshot {} of {} is the newest nothing speaks against; confidence {percent} %, not certainty",
            chosen.id, chosen.at
        ),
        format!(
            "스냅샷 {} ({})이 변조 징후가 없는 최신 시점입니다. 신뢰도 {percent}%, 확실하다는 뜻은 아닙니다",
            chosen.id, chosen.at
        ),
    );
    output::note(text.get(lang));
    for reason in &chosen.noted {
        output::note(&format!("  - {}", reason.text().get(lang)));
    }
    Ok(match within.and_then(|within| follow(&within, lang)) {
        Some(position) => RestoreTo::Position(position),
        None => RestoreTo::Snapshot(chosen.id.clone()),
    })
}

/// Says how far the log behind the snapshot is followed, and why not further.
fn follow(within: &Within, lang: Lang) -> Option<String> {
    if let Some(stopped) = &within.stopped {
        let head = Text::new(
            format!("not the log to {} of {}", stopped.id, stopped.at),
            format!("제외: {} ({})까지의 로그", stopped.id, stopped.at),
        );
        output::note(&with_reasons(head.get(lang), &stopped.rejected, lang));
    }
    let Some(to) = &within.to else {
        let text = Text::new(
            "too little is known of the log behind it: the snapshot itself is restored",
            "이후 로그에 대해 알려진 것이 적어 스냅샷 시점으로 복원합니다",
        );
        output::note(text.get(lang));
        return None;
    };
    let percent = (within.confidence * 100.0).round();
    let (windows, noted) = (within.windows, within.noted.len());
    let text = Text::new(
        format!(
            "and the log behind it to {} of {}: {windows} stretches looked at, {noted} of them unusual in amount; confidence {percent} %, not certainty",
            to.position.at, to.at
        ),
        format!(
            "이후 로그는 {} ({})까지 적용합니다. 확인한 구간 {windows}개, 변경량이 평소와 다른 구간 {noted}개, 신뢰도 {percent}%, 확실하다는 뜻은 아닙니다",
            to.position.at, to.at
        ),
    );
    output::note(text.get(lang));
    Some(to.position.at.clone())
}

fn rejected(judged: &Judged, lang: Lang) -> String {
    let head = Text::new(
        format!("not snapshot {} of {}", judged.id, judged.at),
        format!("제외: 스냅샷 {} ({})", judged.id, judged.at),
    );
    with_reasons(head.get(lang), &judged.rejected, lang)
}

fn with_reasons(head: &str, reasons: &[Reason], lang: Lang) -> String {
    let reasons: Vec<Text> = reasons.iter().map(Reason::text).collect();
    let reasons: Vec<&str> = reasons.iter().map(|text| text.get(lang)).collect();
    format!("{head}: {}", reasons.join("; "))
}

fn none(choice: &Choice) -> CliError {
    let count = choice.rejected.len();
    CliError::new(
        Exit::Failed,
        "PB-RESTORE-NO-CLEAN",
        format!("none of {count} snapshots is known to be clean; nothing was restored"),
        format!("스냅샷 {count}개 중 변조되지 않았다고 볼 수 있는 것이 없어 복원하지 않았습니다"),
    )
    .hint(
        "drill them with `planb verify --all`, or choose one yourself with --at",
        "`planb verify --all`로 검증하거나 --at으로 직접 선택하세요",
    )
}
