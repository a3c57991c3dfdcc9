//! `planb points`: what can be recovered from a vault.

use crate::cli::PointsArgs;
use crate::data;
use crate::error::{CliResult, Exit};
use crate::output;
use indicatif::HumanBytes;
use planb_decide::clean_point::{Judged, Policy, Reason, Within, judge_all};
use planb_model::recovery::{SignatureState, SnapshotPoint};
use planb_model::{Lang, Text};
use planb_vault::VaultOptions;
use planb_vault::drill::read_history;

pub async fn run(args: PointsArgs, lang: Lang) -> CliResult<Exit> {
    let vault = data::open_vault(&args.vault, VaultOptions::default()).await?;
    let history = read_history(&vault.repository).await?;
    let judged = judge_all(&history.judged, &Policy::default());
    let of = |point: &SnapshotPoint| judged.iter().find(|j| j.id == point.id);
    if args.json {
        let points: Vec<_> = history
            .points
            .iter()
            .map(|point| json(point, of(point), history.follow_log_of(&point.id).as_ref()))
            .collect();
        output::json(&points)?;
        return Ok(Exit::Done);
    }
    if history.points.is_empty() {
        let none = Text::new(
            format!(
                "no recovery point of service {} in this vault",
                vault.service
            ),
            format!("이 볼트에 서비스 {}의 복구 시점이 없습니다", vault.service),
        );
        output::note(none.get(lang));
    }
    for point in &history.points {
        show(point, of(point), lang);
        if let Some(stopped) = history.follow_log_of(&point.id).and_then(|w| w.stopped) {
            show_stopped(&stopped, lang);
        }
    }
    Ok(Exit::Done)
}

/// Reasons in the content; a drill that is missing is told by itself.
fn tampering(judged: Option<&Judged>) -> Vec<&Reason> {
    let reasons = judged.into_iter().flat_map(|j| &j.rejected);
    reasons.filter(|r| r.is_about_content()).collect()
}

/// `None` as long as nothing was measured by a drill.
fn is_clean(point: &SnapshotPoint, judged: Option<&Judged>) -> Option<bool> {
    if !tampering(judged).is_empty() {
        return Some(false);
    }
    point.verified.map(|verdict| verdict.passed)
}

fn json(
    point: &SnapshotPoint,
    judged: Option<&Judged>,
    within: Option<&Within>,
) -> serde_json::Value {
    let texts = |reasons: &[Reason]| -> Vec<Text> { reasons.iter().map(Reason::text).collect() };
    serde_json::json!({
        "snapshot": point,
        "isVerified": point.verified.map(|v| v.passed),
        "isClean": is_clean(point, judged),
        "rejected": judged.map(|j| texts(&j.rejected)),
        "noted": judged.map(|j| texts(&j.noted)),
        "logStopped": within.and_then(|w| w.stopped.as_ref()).map(|stopped| {
            serde_json::json!({
                "position": stopped.id,
                "at": stopped.at,
                "rejected": texts(&stopped.rejected),
            })
        }),
    })
}

fn show(point: &SnapshotPoint, judged: Option<&Judged>, lang: Lang) {
    let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let verified = match point.verified.map(|v| v.passed) {
        Some(true) => Text::new("verified", "검증됨"),
        Some(false) => Text::new("FAILED its drill", "검증 실패"),
        None => Text::new("not verified", "미검증"),
    };
    let clean = match is_clean(point, judged) {
        Some(true) => Text::new("clean", "변조 징후 없음"),
        Some(false) => Text::new("SUSPECT", "변조 의심"),
        None => Text::new("not judged", "판단 전"),
    };
    let Some(facts) = &point.facts else {
        let damage = point.damage.as_deref().unwrap_or_default();
        let text = Text::new("DAMAGED", "손상됨");
        output::data(&format!("{}  {}: {damage}", point.id, text.get(lang)));
        return;
    };
    let at = time(facts.consistent_at.unwrap_or(facts.taken_at));
    let size = HumanBytes(facts.stored_bytes);
    let signed = match facts.signature {
        SignatureState::Valid => Text::new(", signed", ", 서명됨"),
        SignatureState::Unchecked => Text::new(", signature unchecked", ", 서명 미확인"),
        SignatureState::Unsigned => Text::same(""),
    };
    let rows = Text::new(format!("{} rows", facts.rows), format!("{}행", facts.rows));
    output::data(&format!(
        "{at}  {}  {}  {size}, {}, {}, {}{}",
        point.id,
        facts.position,
        rows.get(lang),
        verified.get(lang),
        clean.get(lang),
        signed.get(lang),
    ));
    if let Some(damage) = &point.damage {
        output::data(&format!("    ! {damage}"));
    }
    if let Some(log) = &point.log {
        let (to, place, size) = (
            time(log.to.at),
            &log.to.position,
            HumanBytes(log.stored_bytes),
        );
        let text = Text::new(
            format!("every point until {to} ({place}), {size} of log"),
            format!("{to} ({place})까지 모든 시점, 로그 {size}"),
        );
        output::data(&format!("    {}", text.get(lang)));
    }
    for reason in tampering(judged) {
        output::data(&format!("    ! {}", reason.text().get(lang)));
    }
}

/// The first stretch of log `--clean` would not follow, and why.
fn show_stopped(stopped: &Judged, lang: Lang) {
    let reasons: Vec<Text> = stopped.rejected.iter().map(Reason::text).collect();
    let reasons: Vec<&str> = reasons.iter().map(|reason| reason.get(lang)).collect();
    let head = Text::new(
        format!(
            "log to {} of {} looks tampered with",
            stopped.id, stopped.at
        ),
        format!("{} ({})까지의 로그 변조 의심", stopped.id, stopped.at),
    );
    output::data(&format!("    ! {}: {}", head.get(lang), reasons.join("; ")));
}
