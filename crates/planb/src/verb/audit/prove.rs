//! `planb audit prove` and `check-proof`: proofs as files, made from the state
//! and checked without it.

use super::tell_of;
use crate::cli::{CheckProofArgs, ProveArgs};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_audit::proof::{Consistency, Inclusion};
use planb_audit::{Checkpoint, Hash, Log, Proof, Unproven};
use planb_connector_system::SystemDisk;
use planb_model::{Lang, Text};
use planb_ports::Disk;
use planb_server::audit::{PUBLIC_KEY_FILE, read_public};
use planb_server::offline;
use serde_json::{Value as Json, json};
use std::path::Path;

/// Makes a proof. None is handed out that does not check.
pub async fn prove(state: &Path, args: &ProveArgs, lang: Lang) -> CliResult<()> {
    let own = state.join(PUBLIC_KEY_FILE);
    let key = read_public(args.key.as_deref().unwrap_or(&own), &SystemDisk).await?;
    let log = offline::audit_log(state).await?;
    let newest = || log.checkpoints.last().cloned().unwrap_or_default();
    let checkpoint = match &args.checkpoint {
        Some(path) => text(path).await?,
        None => newest(),
    };
    let proof = match (&args.from, args.entry) {
        (Some(old), _) => {
            let old = text(old).await?;
            Consistency::of(&log, &old, &checkpoint).map(Proof::Consistency)
        }
        (None, number) => number
            .and_then(|number| Inclusion::of(&log, number.checked_sub(1)?, &checkpoint))
            .map(Proof::Inclusion),
    };
    let proof = proof.ok_or_else(|| none(&log, &checkpoint))?;
    let ends = proof
        .verify(&key, None)
        .map_err(|why| unproven(None, why))?;
    if let Some(path) = &args.output {
        SystemDisk
            .write_atomic(path, proof.text().as_bytes())
            .await?;
        let path = path.display();
        let wrote = Text::new(
            format!("wrote {path}"),
            format!("{path} 파일을 만들었습니다"),
        );
        output::note(wrote.get(lang));
    }
    if args.json {
        output::json(&as_json(&proof, &ends))
    } else {
        if args.output.is_none() {
            output::data(proof.text().trim_end());
        }
        tell(&proof, &ends, lang, output::note);
        Ok(())
    }
}

/// Checks a proof by the key, and the checkpoint that was kept.
pub async fn check(args: &CheckProofArgs, lang: Lang) -> CliResult<()> {
    let key = read_public(&args.key, &SystemDisk).await?;
    let kept = match &args.checkpoint {
        Some(path) => Some(text(path).await?),
        None => None,
    };
    let refused = |why| unproven(Some(&args.file), why);
    let proof = Proof::read(&text(&args.file).await?).map_err(refused)?;
    let ends = proof.verify(&key, kept.as_deref()).map_err(refused)?;
    if args.json {
        return output::json(&as_json(&proof, &ends));
    }
    tell(&proof, &ends, lang, output::data);
    if let Proof::Inclusion(proof) = &proof {
        output::data(&proof.entry);
    }
    tell_of(&key, lang);
    Ok(())
}

async fn text(path: &Path) -> CliResult<String> {
    let bytes = SystemDisk.read(path).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn base64(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::base64).collect()
}

fn as_json(proof: &Proof, ends: &Checkpoint) -> Json {
    let checkpoint = json!({
        "log": ends.origin,
        "entries": ends.size,
        "root": ends.root.base64(),
        "time": ends.time,
    });
    match proof {
        Proof::Inclusion(proof) => json!({
            "ok": true,
            "kind": "inclusion",
            "number": proof.index + 1,
            "entry": proof.entry,
            "leaf": Hash::leaf(proof.entry.as_bytes()).base64(),
            "path": base64(&proof.path),
            "checkpoint": checkpoint,
            "file": proof.text(),
        }),
        Proof::Consistency(proof) => json!({
            "ok": true,
            "kind": "consistency",
            "from": Checkpoint::read(&proof.old).map(|old| old.size),
            "path": base64(&proof.path),
            "checkpoint": checkpoint,
            "file": proof.text(),
        }),
    }
}

fn tell(proof: &Proof, ends: &Checkpoint, lang: Lang, say: fn(&str)) {
    let Checkpoint {
        origin, size, time, ..
    } = ends;
    let proven = match proof {
        Proof::Inclusion(proof) => {
            let number = proof.index + 1;
            Text::new(
                format!("proven: entry {number} of {size}, signed at {time}"),
                format!("증명됨: 항목 {size}개 중 {number}번째, 서명 시각 {time}"),
            )
        }
        Proof::Consistency(proof) => {
            let old = Checkpoint::read(&proof.old).map_or(0, |old| old.size);
            Text::new(
                format!(
                    "proven: the first {old} entries are the same in the log of {size}, signed at {time}"
                ),
                format!(
                    "증명됨: 처음 항목 {old}개는 항목 {size}개인 로그에서도 그대로임, 서명 시각 {time}"
                ),
            )
        }
    };
    say(proven.get(lang));
    let log = Text::new(format!("log: {origin}"), format!("로그: {origin}"));
    say(log.get(lang));
}

/// There is nothing to prove.
fn none(log: &Log, checkpoint: &str) -> CliError {
    let found = log.entries.len();
    let Some(size) = Checkpoint::read(checkpoint).map(|read| read.size) else {
        return unproven(None, Unproven::Format);
    };
    CliError::new(
        Exit::Usage,
        "PB-AUDIT-NO-ENTRY",
        format!("no such entry: the checkpoint is over {size} entries, and the log has {found}"),
        format!("해당 항목이 없습니다. 체크포인트의 항목은 {size}개, 로그의 항목은 {found}개입니다"),
    )
    .hint(
        "entries are counted from 1, as `planb audit show` prints them; --from names the older checkpoint",
        "항목 번호는 `planb audit show`가 출력하는 순서로 1부터 셉니다. --from에는 더 오래된 체크포인트를 지정하세요",
    )
}

fn unproven(file: Option<&Path>, why: Unproven) -> CliError {
    let ko = match why {
        Unproven::Format => "PlanB가 쓴 증명 또는 체크포인트가 아니거나 손상되었습니다",
        Unproven::Signature => "체크포인트가 이 키로 서명되지 않았습니다",
        Unproven::Root => "서명된 루트에 이르지 않습니다",
        Unproven::Kept => "보관해 둔 체크포인트에 대한 증명이 아닙니다",
    };
    let of = file.map_or(String::new(), |path| format!("{}: ", path.display()));
    CliError::new(
        Exit::CheckFailed,
        "PB-AUDIT-PROOF",
        format!("{of}{why}"),
        format!("{of}{ko}"),
    )
    .hint(
        "name the key of this log and the checkpoint the proof was made for; when they are right, the entry or the log was changed: `planb audit verify` says where",
        "이 로그의 키와 증명을 만들 때 쓴 체크포인트를 지정하세요. 둘 다 맞다면 항목이나 로그가 변경된 것입니다. `planb audit verify`로 위치를 확인하세요",
    )
}
