//! `planb report evidence`: packs what an auditor needs into a signed zip, or
//! checks one.

use crate::cli::EvidenceArgs;
use crate::error::{CliError, CliResult, Exit};
use crate::evidence::{self, Checked, Contents, Flaw};
use crate::output;
use crate::verb::assess::compliance::{self, Asked};
use crate::verb::assess::{COMPLIANCE, files, method};
use planb_connector_system::SystemDisk;
use planb_model::plan::{DatabaseAddress, EdgeSettings, ServicePlan};
use planb_model::{Lang, SecretRef, Text};
use planb_server::audit::{KEY_FILE, read, read_public};
use planb_server::secrets;
use std::io::Read;
use std::path::Path;

/// Secrets shorter than this are not looked for: they would be found by chance.
const SECRET_BYTES_MIN: usize = 6;

pub async fn run(args: EvidenceArgs, lang: Lang) -> CliResult<Exit> {
    match &args.check {
        Some(zip) => check(zip, args.key.as_deref(), lang).await,
        None => Box::pin(make(&args, lang)).await,
    }
}

async fn make(args: &EvidenceArgs, lang: Lang) -> CliResult<Exit> {
    let asked = Asked {
        sources: &args.sources,
        answers: args.answers.as_deref(),
        policy: args.policy.as_deref(),
        drills: &args.drill,
    };
    let judged = compliance::judge(method(COMPLIANCE)?, &asked, lang).await?;
    let own = args.sources.state.join(KEY_FILE);
    let key = read(args.signing_key.as_deref().unwrap_or(&own), &SystemDisk).await?;
    let contents = Contents {
        assessed: &judged.assessed,
        found: &judged.found,
        answers: &judged.answers,
        policy: &judged.policy,
    };
    let zip = evidence::pack(&contents, &key).ok_or_else(too_large)?;
    let mut values = vec![key.pem()];
    if let Some(plan) = &judged.found.facts.plan {
        for reference in references(plan) {
            // A secret that cannot be read here cannot have got in here either.
            values.extend(secrets::resolve(reference, &SystemDisk).await.ok());
        }
    }
    let holds = |value: &str| {
        let value = value.trim().as_bytes();
        value.len() >= SECRET_BYTES_MIN && zip.windows(value.len()).any(|part| part == value)
    };
    if values.iter().any(|secret| holds(secret.expose())) {
        return Err(secret_inside());
    }
    // A state that changed while it was read does not get out.
    let checked = evidence::check(&zip, Some(key.public())).map_err(|flaw| broken("", &flaw))?;
    files::replace(&args.output, &zip)?;
    let path = args.output.display();
    let done = Text::new(
        format!("wrote {path}"),
        format!("{path} 파일을 만들었습니다"),
    );
    output::note(done.get(lang));
    tell(&checked, lang);
    Ok(Exit::Done)
}

/// Every secret the plan refers to.
fn references(plan: &ServicePlan) -> Vec<&SecretRef> {
    let mut all: Vec<&SecretRef> = plan.data.vault.secret_options.values().collect();
    all.extend(&plan.data.vault.identity);
    for site in plan.sites() {
        if let DatabaseAddress::Server { password, .. } = &site.database {
            all.extend(password);
        }
    }
    if let EdgeSettings::Remote { token, .. } = &plan.traffic.edge {
        all.extend(token);
    }
    all
}

async fn check(zip: &Path, key: Option<&Path>, lang: Lang) -> CliResult<Exit> {
    let shown = zip.display().to_string();
    let mut bytes = Vec::new();
    let limit = evidence::zip::ZIP_BYTES_MAX as u64 + 1;
    std::fs::File::open(zip)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|e| {
            CliError::io(
                &format!("read {shown}"),
                &format!("{shown} 파일을 읽기를"),
                e,
            )
        })?;
    let given = match key {
        Some(path) => Some(read_public(path, &SystemDisk).await?),
        None => None,
    };
    let checked = evidence::check(&bytes, given).map_err(|flaw| broken(&shown, &flaw))?;
    if given.is_none() {
        let text = Text::new(
            "checked by the key inside: compare its fingerprint with the one you were given, or name that key with --key",
            "묶음 안의 키로 확인했습니다. 지문을 따로 받은 값과 비교하거나 --key로 그 키를 지정하세요",
        );
        output::note(text.get(lang));
    }
    tell(&checked, lang);
    Ok(Exit::Done)
}

fn tell(checked: &Checked, lang: Lang) {
    let Checked {
        members,
        fingerprint,
        entries,
    } = checked;
    let log = match entries {
        Some(entries) => Text::new(
            format!("audit log: {entries} entries, as signed"),
            format!("감사 로그: 항목 {entries}개, 서명된 그대로"),
        ),
        None => Text::new("audit log: not in it", "감사 로그: 들어 있지 않음"),
    };
    let lines = [
        Text::new(
            format!("{members} files, as signed"),
            format!("파일 {members}개, 서명된 그대로"),
        ),
        log,
        Text::new(
            format!("key (SHA-256): {fingerprint}"),
            format!("키(SHA-256): {fingerprint}"),
        ),
    ];
    lines.iter().for_each(|line| output::data(line.get(lang)));
}

fn broken(file: &str, flaw: &Flaw) -> CliError {
    let text = flaw.text();
    CliError::new(
        Exit::CheckFailed,
        "PB-EVIDENCE-BROKEN",
        format!("{file}: {}", text.en),
        format!("{file}: {}", text.ko),
    )
    .hint(
        "ask for the zip again, and for its key on another way; when making one, try again",
        "묶음과 공개 키를 다시 받아 확인하세요. 만드는 중이었다면 다시 시도하세요",
    )
}

fn secret_inside() -> CliError {
    CliError::new(
        Exit::Failed,
        "PB-EVIDENCE-SECRET",
        "a secret of the plan would have been in the zip; nothing was written",
        "계획의 비밀 값이 묶음에 들어갈 뻔하여 파일을 만들지 않았습니다",
    )
    .hint(
        "look for it in answers, policy, journal reasons and drill files, take it out, and change it",
        "답변, 정책, 저널의 사유, 훈련 파일에서 찾아 지우고 해당 비밀 값을 변경하세요",
    )
}

fn too_large() -> CliError {
    CliError::new(
        Exit::Failed,
        "PB-EVIDENCE-LARGE",
        "the evidence is larger than 1 GiB",
        "증거가 1 GiB를 넘습니다",
    )
    .hint("name fewer drill files", "훈련 파일 수를 줄이세요")
}
