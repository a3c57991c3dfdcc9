//! `--clean`: the newest point nothing speaks against, with the reasons for
//! every newer one, and how sure that is. Never certain.

use crate::data::OpenVault;
use crate::drill::history;
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_decide::clean_point::{Choice, Judged, Policy, Reason, choose as decide};
use planb_model::{Lang, Text};
use planb_ports::RestoreTo;

/// Chooses, and says why on stderr.
pub async fn choose(vault: &OpenVault, lang: Lang) -> CliResult<RestoreTo> {
    let history = history::read(vault).await?;
    let choice = decide(&history.judged, &Policy::default());
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
    Ok(RestoreTo::Snapshot(chosen.id.clone()))
}

fn rejected(judged: &Judged, lang: Lang) -> String {
    let reasons: Vec<Text> = judged.rejected.iter().map(Reason::text).collect();
    let reasons: Vec<&str> = reasons.iter().map(|text| text.get(lang)).collect();
    let head = Text::new(
        format!("not snapshot {} of {}", judged.id, judged.at),
        format!("제외: 스냅샷 {} ({})", judged.id, judged.at),
    );
    format!("{}: {}", head.get(lang), reasons.join("; "))
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
