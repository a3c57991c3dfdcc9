//! `planb audit`: checks, shows and proves the audit log from the state on disk,
//! whether or not a control plane runs.

mod prove;

use crate::cli::{AuditArgs, AuditVerb};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_audit::{PublicKey, Verified};
use planb_connector_system::SystemDisk;
use planb_model::{Lang, Text};
use planb_ports::{Disk, ErrorKind, PortError};
use planb_server::audit::{CHECKPOINT_FILE, PUBLIC_KEY_FILE, read_public};
use planb_server::offline;
use std::path::{Path, PathBuf};

pub async fn run(args: AuditArgs, lang: Lang) -> CliResult<Exit> {
    match args.verb {
        AuditVerb::Verify {
            key,
            checkpoint,
            json,
        } => {
            let ends = Ends { key, checkpoint };
            let (public, verified) = verify(&args.state, &ends).await?;
            tell(&public, &verified, json, lang)?;
        }
        AuditVerb::Show { aside } => {
            let entries = match aside {
                Some(log) => offline::audit_aside(&args.state, log.into()).await?,
                None => offline::audit_log(&args.state).await?.entries,
            };
            entries.iter().for_each(|entry| output::data(entry));
        }
        AuditVerb::Checkpoint => {
            let log = offline::audit_log(&args.state).await?;
            output::data(log.checkpoints.last().map_or("", |note| note.trim_end()));
        }
        AuditVerb::Prove(asked) => prove::prove(&args.state, &asked, lang).await?,
        AuditVerb::CheckProof(asked) => prove::check(&asked, lang).await?,
    }
    Ok(Exit::Done)
}

/// What the log is held against.
pub struct Ends {
    /// File with the public key; that of the state when `None`.
    pub key: Option<PathBuf>,
    /// File with a kept checkpoint; that of the state, if any, when `None`.
    pub checkpoint: Option<PathBuf>,
}

/// Checks the log of `state`.
pub async fn verify(state: &Path, ends: &Ends) -> CliResult<(PublicKey, Verified)> {
    let own = state.join(PUBLIC_KEY_FILE);
    let public = read_public(ends.key.as_deref().unwrap_or(&own), &SystemDisk).await?;
    let kept = match &ends.checkpoint {
        Some(path) => Some(SystemDisk.read(path).await?),
        None => match SystemDisk.read(&state.join(CHECKPOINT_FILE)).await {
            Ok(kept) => Some(kept),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(e.into()),
        },
    };
    let kept = kept.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (_, verified) = offline::verify_audit(state, public, kept)
        .await
        .map_err(failed)?;
    Ok((public, verified))
}

/// A log that is not as it was signed is a check that found an error.
pub fn failed(error: PortError) -> CliError {
    let broken = error.kind() == ErrorKind::Corrupt;
    let shown = CliError::from(error);
    if broken {
        shown.with_exit(Exit::CheckFailed)
    } else {
        shown
    }
}

fn tell(key: &PublicKey, verified: &Verified, json: bool, lang: Lang) -> CliResult<()> {
    let newest = &verified.newest;
    if json {
        return output::json(&serde_json::json!({
            "ok": true,
            "log": newest.origin,
            "entries": newest.size,
            "root": newest.root.base64(),
            "time": newest.time,
            "keyFingerprint": key.fingerprint(),
        }));
    }
    let lines = [
        Text::new(
            format!(
                "verified: {} entries, the last of {}",
                newest.size, newest.time
            ),
            format!(
                "검증됨: 항목 {}개, 마지막 기록 {}",
                newest.size, newest.time
            ),
        ),
        Text::new(
            format!("log: {}", newest.origin),
            format!("로그: {}", newest.origin),
        ),
        Text::new(
            format!("root: {}", newest.root.base64()),
            format!("루트: {}", newest.root.base64()),
        ),
    ];
    lines.iter().for_each(|line| output::data(line.get(lang)));
    tell_of(key, lang);
    Ok(())
}

/// The key that was checked with, to be compared with one from elsewhere.
fn tell_of(key: &PublicKey, lang: Lang) {
    let fingerprint = key.fingerprint();
    let line = Text::new(
        format!("key (SHA-256): {fingerprint}"),
        format!("키(SHA-256): {fingerprint}"),
    );
    output::data(line.get(lang));
}
