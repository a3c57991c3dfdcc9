//! The key of the audit log and where its newest checkpoint is kept.

use crate::secrets;
use planb_audit::{AuditKey, Break, PublicKey};
use planb_model::plan::{FailoverMode, ServicePlan};
use planb_model::{SecretRef, Text};
use planb_ports::{Disk, ErrorKind, PortError, PortResult};
use planb_store_sqlite::Audit;
use rustls::crypto::ring::default_provider;
use std::path::{Path, PathBuf};

/// File in the state directory with the key that signs, when no other is named.
pub const KEY_FILE: &str = "audit-key.pem";
/// File in the state directory with its public half.
pub const PUBLIC_KEY_FILE: &str = "audit-key.pub";
/// File in the state directory with the newest checkpoint, when no other is named.
pub const CHECKPOINT_FILE: &str = "audit.checkpoint";

/// What the command line says about the audit log.
#[derive(Debug, Clone, Default)]
pub struct AuditOptions {
    /// File with the Ed25519 key that signs; by default one in the state directory.
    pub key: Option<PathBuf>,
    /// File that gets every newest checkpoint; by default one in the state directory.
    pub checkpoint: Option<PathBuf>,
    /// The key the log was begun with is lost: begin a new log that says so.
    pub key_lost: bool,
}

/// Reads the key, or makes one the first time, and puts its public half beside
/// the state.
///
/// # Errors
/// When a key that was named cannot be read, or the state has lost its own: a
/// new one would hide that.
pub async fn open(options: &AuditOptions, state: &Path, disk: &dyn Disk) -> PortResult<Audit> {
    let own = state.join(KEY_FILE);
    let key = match &options.key {
        Some(path) => read(path, disk).await?,
        None => match read(&own, disk).await {
            Err(e) if e.code() == "PB-SECRET-MISSING" && (options.key_lost || !was_here(state)) => {
                let key = new_key()?;
                disk.write_atomic(&own, key.pem().expose().as_bytes())
                    .await?;
                key
            }
            other => other?,
        },
    };
    let public = key.public().pem();
    disk.write_atomic(&state.join(PUBLIC_KEY_FILE), public.as_bytes())
        .await?;
    let kept = options.checkpoint.clone();
    Ok(Audit {
        key,
        kept: kept.unwrap_or_else(|| state.join(CHECKPOINT_FILE)),
        key_lost: options.key_lost,
    })
}

/// What a control plane says as long as it goes on after a broken log.
pub fn notice(found: &Break) -> Text {
    let Break { log, why, .. } = found;
    Text::new(
        format!(
            "THE AUDIT LOG IS BROKEN ({why}); it was put aside as log {log}, and every failover needs an approval: what the state says may be wrong. `planb audit verify` tells more"
        ),
        format!(
            "감사 로그가 손상되었습니다({}). 로그 {log}(으)로 따로 보존했으며, 상태의 내용이 틀릴 수 있어 모든 페일오버에 승인이 필요합니다. 자세한 내용은 `planb audit verify`로 확인하세요",
            found.why
        ),
    )
}

/// Plans of a state whose log is broken: what it says, such as which site is
/// active, is not proven, so a person looks before a service is moved.
pub fn hold(plans: &mut [ServicePlan]) {
    for plan in plans {
        if plan.failover.mode == FailoverMode::Automatic {
            plan.failover.mode = FailoverMode::Approve;
        }
    }
}

/// Whether a log was begun here by a key that was public then.
fn was_here(state: &Path) -> bool {
    state.join(PUBLIC_KEY_FILE).exists()
}

/// Reads a private key.
///
/// # Errors
/// There is none, or it is no Ed25519 key.
pub async fn read(path: &Path, disk: &dyn Disk) -> PortResult<AuditKey> {
    let secret = secrets::resolve(&SecretRef::File(path.to_owned()), disk).await?;
    AuditKey::read(&secret).map_err(|e| bad_key(path, e))
}

/// Reads a public key.
///
/// # Errors
/// There is none, or it is no Ed25519 key.
pub async fn read_public(path: &Path, disk: &dyn Disk) -> PortResult<PublicKey> {
    let bytes = disk.read(path).await?;
    let text = String::from_utf8_lossy(&bytes);
    PublicKey::read(&text).map_err(|e| bad_key(path, e))
}

fn bad_key(path: &Path, error: planb_audit::KeyError) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-AUDIT-KEY",
        format!("{}: {error}", path.display()),
    )
    .hint(
        "make one with `openssl genpkey -algorithm ed25519 -out FILE`; `openssl pkey -in FILE -pubout` prints its public half",
        "`openssl genpkey -algorithm ed25519 -out 파일`로 만들고, 공개 키는 `openssl pkey -in 파일 -pubout`으로 출력하세요",
    )
}

fn new_key() -> PortResult<AuditKey> {
    let mut seed = [0u8; 32];
    default_provider()
        .secure_random
        .fill(&mut seed)
        .map_err(|_| {
            PortError::new(
                ErrorKind::Internal,
                "PB-API-RANDOM",
                "the system gives no random bytes",
            )
        })?;
    Ok(AuditKey::from_seed(seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_connector_system::SystemDisk;

    #[tokio::test]
    async fn a_key_is_made_once_and_a_lost_one_is_not_replaced() {
        let dir = tempfile::tempdir().expect("dir");
        let options = AuditOptions::default();
        let first = open(&options, dir.path(), &SystemDisk).await.expect("made");
        let again = open(&options, dir.path(), &SystemDisk).await.expect("read");
        assert_eq!(first.key.public(), again.key.public());
        let public = dir.path().join(PUBLIC_KEY_FILE);
        let public = read_public(&public, &SystemDisk).await.expect("read");
        assert_eq!(public, first.key.public());
        let own = dir.path().join(KEY_FILE);
        SystemDisk.write_atomic(&own, b"").await.expect("lost");
        let error = open(&options, dir.path(), &SystemDisk)
            .await
            .expect_err("lost");
        assert_eq!(error.code(), "PB-SECRET-MISSING");
    }
}
