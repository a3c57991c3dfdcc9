//! Everything this crate says when something is wrong with a vault.

use planb_model::recovery::LogPosition;
use planb_model::{Epoch, SiteName};
use planb_ports::{ErrorKind, PortError};
use std::fmt::Display;
use std::path::Path;

/// The code of [`corrupt`].
pub(crate) const CORRUPT: &str = "PB-REPO-CORRUPT";

/// An object does not hold what its name or another object says.
pub(crate) fn corrupt(key: &str, what: impl Display) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        CORRUPT,
        format!("object {key} of the vault is damaged: {what}"),
    )
    .hint(
        "put the object back from a copy of the vault; PlanB never changes objects, \
         so look at the storage and at who else can write to it",
        "볼트 복사본에서 해당 객체를 되돌려 놓으세요. PlanB는 객체를 변경하지 않으므로 \
         저장소 상태와 쓰기 권한이 있는 다른 주체를 확인하세요",
    )
}

/// An object that others need is not there.
pub(crate) fn missing(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-REPO-MISSING",
        format!("object {key} of the vault is missing, and others depend on it"),
    )
    .hint(
        "put the object back from a copy of the vault",
        "볼트 복사본에서 해당 객체를 되돌려 놓으세요",
    )
}

/// A snapshot beside the log does not stand in it. The log was being opened
/// again just then, or is lost, which its reader will say.
pub(crate) fn other_log() -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-REPO-OTHER-LOG",
        "the snapshot does not stand in the log that is shipped",
    )
}

/// Password hashes would lie in the vault for everybody who can read it.
pub(crate) fn accounts_in_the_open() -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-REPO-USERS-IN-THE-OPEN",
        "users are not stored in a vault that is not encrypted: their password hashes are secrets",
    )
    .hint(
        "encrypt the vault (--recipient, or spec.data.vault.encryption), or leave users out",
        "볼트를 암호화하거나(--recipient 또는 spec.data.vault.encryption) 사용자를 저장하지 마세요",
    )
}

/// A newer program wrote it.
pub(crate) fn unknown_format(key: &str, format: u64) -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-REPO-FORMAT",
        format!("object {key} has vault format {format}, which this version does not know"),
    )
    .hint(
        "use the version of PlanB that wrote the vault, or a newer one",
        "이 볼트를 기록한 버전 또는 그보다 새로운 버전의 PlanB를 사용하세요",
    )
}

/// The object is encrypted, and there is no key.
pub(crate) fn no_identity(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Unauthenticated,
        "PB-REPO-NO-IDENTITY",
        format!("object {key} is encrypted and the plan names no age identity"),
    )
    .hint(
        "name the age identity in the plan's vault settings",
        "계획 파일의 볼트 설정에 age 개인 키(identity)를 지정하세요",
    )
}

/// The object is encrypted to others.
pub(crate) fn wrong_identity(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Unauthenticated,
        "PB-REPO-WRONG-IDENTITY",
        format!("object {key} is encrypted, and not to the age identity of the plan"),
    )
    .hint(
        "use the identity whose public key was among the recipients when it was written",
        "객체를 기록할 당시 수신자 목록에 있던 공개 키의 개인 키(identity)를 사용하세요",
    )
}

/// A key of the plan is not an age key, or the pair does not fit.
pub(crate) fn bad_key(what: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Invalid, "PB-REPO-KEY", what).hint(
        "recipients look like age1…, identities like AGE-SECRET-KEY-1…; make a pair with age-keygen",
        "수신자는 age1…, 개인 키는 AGE-SECRET-KEY-1… 형식입니다. age-keygen으로 키 쌍을 만드세요",
    )
}

/// A signing key is not one, or the keys do not fit together.
pub(crate) fn bad_signing_key(what: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Invalid, "PB-REPO-SIGNING-KEY", what).hint(
        "make a key with `openssl genpkey -algorithm ed25519`, its public half with `openssl pkey -pubout`",
        "`openssl genpkey -algorithm ed25519`로 키를 만들고 `openssl pkey -pubout`으로 공개 키를 얻으세요",
    )
}

/// Signatures are checked, and this object has none.
pub(crate) fn unsigned(key: &str) -> PortError {
    signature(format!("object {key} of the vault is not signed"))
}

/// Signatures are checked, and this one is of nobody who may sign.
pub(crate) fn forged(key: &str) -> PortError {
    signature(format!(
        "the signature of object {key} of the vault is not by a pinned key"
    ))
}

/// Signatures are checked, and nobody who may sign vouches for this log.
pub(crate) fn unsigned_log(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-REPO-UNSIGNED-LOG",
        format!("the log from object {key} on is not signed"),
    )
    .hint(
        "restore to a moment before with --at; what comes after may be by anybody who can write to the vault, so take it without --trust-signer only if you know who wrote it",
        "--at으로 그 이전 시점까지 복구하세요. 그 뒤의 로그는 볼트에 쓸 수 있는 누구든 작성했을 수 있으므로, 작성자를 확인한 경우에만 --trust-signer 없이 복구하세요",
    )
}

fn signature(message: String) -> PortError {
    PortError::new(ErrorKind::Corrupt, "PB-REPO-SIGNATURE", message).hint(
        "somebody else wrote to the vault, or the key was changed without pinning the old one as well",
        "다른 주체가 볼트에 기록했거나, 이전 공개 키를 함께 등록하지 않고 키를 변경했습니다",
    )
}

/// Another object was signed at this place of the log.
pub(crate) fn forged_log(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-REPO-FORGED-LOG",
        format!("object {key} of the log is not the one a pinned key signed at its place"),
    )
    .hint(
        "somebody else wrote to the vault: keep it for evidence, put the log back from a copy, or \
         restore to a moment before with --at",
        "다른 주체가 볼트에 기록했습니다. 증거로 보존하고, 복사본에서 로그를 되돌리거나 \
         --at으로 그 이전 시점까지 복구하세요",
    )
}

/// Somebody else writes where we write.
pub(crate) fn other_writer(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-REPO-OTHER-WRITER",
        format!("another writer has taken {key}"),
    )
    .hint(
        "two control planes protect one service under one epoch; stop one of them",
        "두 컨트롤 플레인이 같은 에포크로 같은 서비스를 보호하고 있습니다. 하나를 중지하세요",
    )
}

/// A snapshot beside log whose positions cannot be compared.
pub(crate) fn unordered_log() -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-REPO-UNORDERED",
        "the service has log in the vault, and where a snapshot stands in it cannot be told for this engine",
    )
    .hint(
        "leave snapshots to the running stream, or back up under another --service",
        "스냅샷은 실행 중인 stream에 맡기거나 다른 --service 이름으로 백업하세요",
    )
}

/// The chain was closed while a snapshot was taken.
pub(crate) fn chain_ended(epoch: Epoch) -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-REPO-CHAIN-ENDED",
        format!("a newer epoch ended the log of epoch {epoch} while the snapshot was taken"),
    )
}

/// Somebody else has this epoch.
pub(crate) fn claimed_by_other(epoch: Epoch, claimant: &str, site: &SiteName) -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-REPO-CLAIMED",
        format!("epoch {epoch} belongs to {claimant} at {site}"),
    )
}

/// Nobody has this epoch, and something acts under it.
pub(crate) fn not_claimed(epoch: Epoch) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-REPO-NOT-CLAIMED",
        format!("epoch {epoch} is not claimed in the vault"),
    )
}

/// The vault has no snapshot to begin with.
pub(crate) fn nothing_to_restore() -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-REPO-EMPTY",
        "the vault has no snapshot of this service yet",
    )
    .hint(
        "wait for the first snapshot; `planb status` shows how far it is",
        "첫 스냅샷이 끝날 때까지 기다리세요. 진행 상황은 `planb status`로 확인할 수 있습니다",
    )
}

/// The asked snapshot is not there.
pub(crate) fn no_such_snapshot(id: &str) -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-REPO-NO-SNAPSHOT",
        format!("the vault has no snapshot '{id}'"),
    )
    .hint(
        "`planb points` lists what can be restored",
        "`planb points`로 복원할 수 있는 시점을 확인하세요",
    )
}

/// A snapshot was to be deleted that something depends on.
pub(crate) fn snapshot_needed(id: &str, why: &str) -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-REPO-NEEDED",
        format!("snapshot '{id}' stays: {why}"),
    )
    .hint(
        "take a new snapshot (`planb backup`) and verify it (`planb verify`), then try again; \
         what exact points start from goes when `--keep-for` is over",
        "새 스냅샷을 만들고(`planb backup`) 검증한(`planb verify`) 뒤 다시 시도하세요. \
         임의 시점 복구의 시작인 스냅샷은 `--keep-for` 기간이 지나면 삭제됩니다",
    )
}

/// The asked point is older than everything in the vault.
pub(crate) fn before_oldest(point: &impl Display, oldest: &str) -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-REPO-TOO-OLD",
        format!("{point} is before the oldest snapshot of the vault, {oldest}"),
    )
    .hint(
        "`planb points` lists what can be restored",
        "`planb points`로 복원할 수 있는 시점을 확인하세요",
    )
}

/// The asked place is not in the vault yet, or never will be.
pub(crate) fn behind_the_log(point: &str, end: &LogPosition) -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-REPO-NOT-SHIPPED",
        format!("{point} is behind the end of the vault's log, {end}"),
    )
    .hint(
        "restore the newest point, or wait until the log is shipped",
        "최신 시점으로 복원하거나 로그가 전송될 때까지 기다리세요",
    )
}

/// The engine cannot tell where the asked place is.
pub(crate) fn unknown_point(point: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-REPO-POINT",
        format!("'{point}' is no place in the log of this vault"),
    )
    .hint(
        "give a place as `planb points` shows it, a moment, or a snapshot",
        "`planb points`에 표시되는 위치, 시각, 또는 스냅샷을 지정하세요",
    )
}

/// What was loaded is not what the manifest says.
pub(crate) fn mismatch(snapshot: &str, what: impl Display) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-REPO-MISMATCH",
        format!("the tables loaded from snapshot {snapshot} differ from its manifest: {what}"),
    )
    .hint(
        "the target was not opened; restore another snapshot and report this",
        "대상 데이터베이스는 열리지 않았습니다. 다른 스냅샷을 복원하고 이 문제를 제보해 주세요",
    )
}

/// The target has log the vault does not have.
pub(crate) fn target_ahead(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-REPO-TARGET-AHEAD",
        format!("the target has log applied that the vault does not have, from {key} on"),
    )
    .hint(
        "this is not the vault it was restored from, or the vault lost objects",
        "이 대상이 복원된 볼트가 아니거나 볼트에서 객체가 유실되었습니다",
    )
}

/// The source broke the contract of its port.
pub(crate) fn bad_source(what: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Internal, "PB-REPO-SOURCE", what)
}

/// A file of the spool is not what it should be.
pub(crate) fn bad_spool(file: &str, what: impl Display) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-REPO-SPOOL",
        format!("{file} of the local spool cannot be used: {what}"),
    )
    .hint(
        "the log is read from the source again; look at the disk the spool is on",
        "로그는 소스에서 다시 읽습니다. 스풀이 있는 디스크를 확인하세요",
    )
}

/// A spool would fill its file system.
pub(crate) fn spool_space(directory: &Path, free: u64, keep: u64) -> PortError {
    PortError::new(
        ErrorKind::NoSpace,
        "PB-REPO-SPOOL-SPACE",
        format!(
            "the file system of {} has {free} bytes left, and the spool leaves {keep} of them free",
            directory.display()
        ),
    )
    .hint(
        "free some space there, or put the spool on another file system",
        "해당 파일 시스템의 공간을 확보하거나 스풀을 다른 파일 시스템으로 옮기세요",
    )
}

/// Something of ours that cannot fail did.
pub(crate) fn internal(
    what: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-REPO-INTERNAL",
        format!("cannot {what}"),
    )
    .source(source)
}
