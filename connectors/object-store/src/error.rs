//! What a store's errors mean to the port, without the secrets that may be in them.

use crate::VaultConfig;
use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};
use planb_model::Secret;
use planb_ports::{ErrorKind, PortError};
use std::error::Error;
use std::io;

/// Shorter secrets are not searched for: they would hit ordinary words.
const SECRET_BYTES_MIN: usize = 6;

/// Takes secrets out of the texts of errors below ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactor(Vec<Secret>);

impl Redactor {
    pub(crate) fn new(config: &VaultConfig) -> Self {
        let secrets = config.secret_options.values();
        Self(
            secrets
                .filter(|s| s.expose().len() >= SECRET_BYTES_MIN)
                .cloned()
                .collect(),
        )
    }

    pub(crate) fn text(&self, error: &dyn Error) -> String {
        // Stores answer in XML of many lines; errors here have one.
        let text = error.to_string();
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.0 {
            text = text.replace(secret.expose(), "***");
        }
        text
    }
}

/// What a call does, which decides what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Doing it again is harmless.
    Read,
    /// It may have happened although no answer came.
    Write,
    /// As `Read`; and a conflict is somebody's lock, not somebody's object.
    Delete,
}

/// An error while the client was made.
pub(crate) fn config(error: &StoreError, redactor: &Redactor) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-VAULT-CONFIG",
        "the vault's options do not make a working client",
    )
    .hint(
        "the text below names the option that is missing or wrong",
        "누락되었거나 잘못된 옵션은 아래 상세 메시지에 나와 있습니다",
    )
    .source(redactor.text(error))
}

/// The store does not list by key, as everything that pages needs.
pub(crate) fn unordered(key: &str) -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-VAULT-UNORDERED",
        format!("the store does not list objects in the order of their keys, at {key}"),
    )
    .hint(
        "use an ordinary bucket or container; directory buckets list without an order",
        "일반 버킷이나 컨테이너를 사용하세요. 디렉터리 버킷은 목록 순서를 보장하지 않습니다",
    )
}

/// An error of a call on `key`.
pub(crate) fn of(error: &StoreError, key: &str, call: Call, redactor: &Redactor) -> PortError {
    let text = redactor.text(error);
    let kind = kind(error, &text, call);
    let base = match kind {
        ErrorKind::NotFound if is_container_missing(&text) => return no_container(text),
        ErrorKind::NotFound => PortError::new(
            kind,
            "PB-VAULT-NOT-FOUND",
            format!("the vault has no object {key}"),
        ),
        ErrorKind::AlreadyExists => PortError::new(
            kind,
            "PB-VAULT-EXISTS",
            format!("the vault has an object {key} already"),
        ),
        ErrorKind::Unauthenticated => PortError::new(
            kind,
            "PB-VAULT-AUTH",
            "the vault does not accept the credentials",
        )
        .hint(
            "check the account name and the key or token the plan refers to",
            "계획 파일이 참조하는 계정 이름과 키 또는 토큰을 확인하세요",
        ),
        ErrorKind::PermissionDenied if is_locked(&text) => immutable(key),
        ErrorKind::PermissionDenied => PortError::new(
            kind,
            "PB-VAULT-DENIED",
            format!("the vault does not allow this on {key}"),
        )
        .hint(
            "PlanB needs to list, read, create and delete objects of the vault",
            "PlanB에는 볼트 객체의 목록 조회, 읽기, 생성, 삭제 권한이 필요합니다",
        ),
        ErrorKind::NoSpace => no_space(key),
        ErrorKind::Timeout => PortError::new(
            kind,
            "PB-VAULT-TIMEOUT",
            format!("the vault gave no clear answer about {key}"),
        ),
        ErrorKind::Unavailable => PortError::new(
            kind,
            "PB-VAULT-UNAVAILABLE",
            "the vault cannot be reached or is busy",
        )
        .hint(
            "check the network and the endpoint; PlanB goes on trying",
            "네트워크와 엔드포인트를 확인하세요. PlanB는 계속 재시도합니다",
        ),
        _ => PortError::new(
            kind,
            "PB-VAULT-REFUSED",
            format!("the vault refused a request about {key}"),
        ),
    };
    base.source(text)
}

pub(crate) fn no_space(key: &str) -> PortError {
    PortError::new(
        ErrorKind::NoSpace,
        "PB-VAULT-NO-SPACE",
        format!("no space is left in the vault for {key}"),
    )
    .hint(
        "free space where the vault is; nothing that was stored is lost",
        "볼트가 있는 저장소의 공간을 확보하세요. 이미 저장된 데이터는 손실되지 않습니다",
    )
}

/// Words of S3 and of Azure.
fn is_locked(text: &str) -> bool {
    ["object protected by object lock", "Immutable", "immutab"]
        .iter()
        .any(|mark| text.contains(mark))
}

fn immutable(key: &str) -> PortError {
    PortError::new(
        ErrorKind::PermissionDenied,
        "PB-VAULT-IMMUTABLE",
        format!("the vault keeps {key} from being changed or deleted"),
    )
    .hint(
        "this is what an immutable vault is for; it can be deleted when its lock has ended",
        "불변 볼트의 정상 동작입니다. 잠금이 끝나면 삭제할 수 있습니다",
    )
}

fn no_container(text: String) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-VAULT-NO-CONTAINER",
        "the container or bucket of the vault does not exist",
    )
    .hint(
        "create it first; PlanB does not create containers or buckets",
        "컨테이너 또는 버킷을 먼저 생성하세요. PlanB는 이를 대신 생성하지 않습니다",
    )
    .source(text)
}

fn is_container_missing(text: &str) -> bool {
    [
        "ContainerNotFound",
        "NoSuchBucket",
        "specified bucket does not exist",
    ]
    .iter()
    .any(|mark| text.contains(mark))
}

fn kind(error: &StoreError, text: &str, call: Call) -> ErrorKind {
    match error {
        StoreError::NotFound { .. } => ErrorKind::NotFound,
        // Azure answers 409 to who deletes what a policy keeps.
        StoreError::AlreadyExists { .. } if call == Call::Delete => ErrorKind::PermissionDenied,
        StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => {
            ErrorKind::AlreadyExists
        }
        StoreError::Unauthenticated { .. } => ErrorKind::Unauthenticated,
        StoreError::PermissionDenied { .. } => denied(text),
        StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => {
            ErrorKind::Unsupported
        }
        StoreError::InvalidPath { .. } | StoreError::UnknownConfigurationKey { .. } => {
            ErrorKind::Invalid
        }
        _ => below(error, text, call),
    }
}

/// Azure and S3 answer 403 to credentials they do not know.
fn denied(text: &str) -> ErrorKind {
    let unknown = [
        "AuthenticationFailed",
        "InvalidAuthenticationInfo",
        "AuthorizationFailure",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
    ];
    if unknown.iter().any(|mark| text.contains(mark)) {
        ErrorKind::Unauthenticated
    } else {
        ErrorKind::PermissionDenied
    }
}

/// Decides by the error below: of the disk, of HTTP, or a status in the text.
fn below(error: &StoreError, text: &str, call: Call) -> ErrorKind {
    let lost_answer = match call {
        Call::Read | Call::Delete => ErrorKind::Unavailable,
        Call::Write => ErrorKind::Timeout,
    };
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return io_kind(error);
        }
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return match error.kind() {
                HttpErrorKind::Connect => ErrorKind::Unavailable,
                _ => lost_answer,
            };
        }
        next = error.source();
    }
    // `object_store` keeps the status private; its Display has it.
    match text.split("status code: ").nth(1).and_then(|t| t.get(..3)) {
        Some("400" | "405" | "411" | "413" | "416") => ErrorKind::Invalid,
        Some("429" | "503") => ErrorKind::Unavailable,
        Some("507") => ErrorKind::NoSpace,
        Some(status) if status.starts_with('5') => lost_answer,
        _ => ErrorKind::Internal,
    }
}

/// What an error of the local file system means.
pub(crate) fn io_kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ErrorKind::PermissionDenied
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ErrorKind::NoSpace
        }
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename => ErrorKind::Invalid,
        // EIO, ESTALE, ENODEV and the like: a disk or mount that went away.
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl Error + Send + Sync + 'static) -> StoreError {
        StoreError::Generic {
            store: "test",
            source: Box::new(source),
        }
    }

    #[test]
    fn a_full_disk_is_no_space_and_not_retried() {
        const ENOSPC: i32 = 28;
        let error = generic(io::Error::from_raw_os_error(ENOSPC));
        let error = of(&error, "log/1", Call::Write, &Redactor::default());
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn a_lost_answer_is_unknown_for_writes_and_retried_for_reads() {
        let lost = || {
            generic(HttpError::new(
                HttpErrorKind::Timeout,
                io::Error::other("x"),
            ))
        };
        let kind = |call| of(&lost(), "log/1", call, &Redactor::default()).kind();
        assert_eq!(kind(Call::Write), ErrorKind::Timeout);
        assert_eq!(kind(Call::Read), ErrorKind::Unavailable);
        let refused = generic(HttpError::new(
            HttpErrorKind::Connect,
            io::Error::other("x"),
        ));
        let error = of(&refused, "log/1", Call::Write, &Redactor::default());
        assert_eq!(error.kind(), ErrorKind::Unavailable, "nothing was sent");
    }

    #[test]
    fn secrets_do_not_get_into_errors() {
        let mut vault = VaultConfig::default();
        let secret = Secret::new("s3cr3t-value");
        vault
            .secret_options
            .insert("azure_storage_sas_key".into(), secret);
        let error = generic(io::Error::other("https://host/?sig=s3cr3t-value failed"));
        let error = of(&error, "log/1", Call::Read, &Redactor::new(&vault));
        assert!(error.chain().contains("sig=***"), "{}", error.chain());
    }
}
