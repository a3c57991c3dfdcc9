//! Locks of single objects: S3 object lock, Azure's immutability policies.

use crate::remote::{Answer, Remote, Signed, Signing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use object_store::Result as StoreResult;
use object_store::path::Path;
use planb_ports::storage::Immutability;
use reqwest::Method;

/// What the store tells about the lock of `path`.
pub(crate) async fn look(remote: &Remote, path: &Path) -> StoreResult<Immutability> {
    let answer = remote
        .send(Signed {
            method: Method::HEAD,
            path,
            query: vec![],
            headers: vec![],
            body: Bytes::new(),
        })
        .await?
        .success(path)?;
    Ok(match remote.signing {
        Signing::S3(_) => of_s3(&answer),
        Signing::Azure(_) => of_azure(&answer),
    })
}

fn of_s3(answer: &Answer) -> Immutability {
    let hold = answer.header("x-amz-object-lock-legal-hold");
    let mode = answer.header("x-amz-object-lock-mode");
    let until = answer.header("x-amz-object-lock-retain-until-date");
    kept(
        hold.is_some_and(|hold| hold.eq_ignore_ascii_case("ON")),
        until.and_then(|until| until.parse().ok()),
        !mode.is_some_and(|mode| mode.eq_ignore_ascii_case("COMPLIANCE")),
    )
}

fn of_azure(answer: &Answer) -> Immutability {
    let hold = answer.header("x-ms-legal-hold");
    let mode = answer.header("x-ms-immutability-policy-mode");
    let until = answer.header("x-ms-immutability-policy-until-date");
    kept(
        hold.is_some_and(|hold| hold.eq_ignore_ascii_case("true")),
        until.and_then(|until| rfc2822::parse(until).ok().map(|zoned| zoned.timestamp())),
        !mode.is_some_and(|mode| mode.eq_ignore_ascii_case("locked")),
    )
}

/// A hold has no end, and whoever may set one may lift it.
fn kept(hold: bool, until: Option<Timestamp>, liftable: bool) -> Immutability {
    match (hold, until) {
        (_, Some(until)) => Immutability::Until {
            until: Some(until),
            liftable,
        },
        (true, None) => Immutability::Until {
            until: None,
            liftable: true,
        },
        (false, None) => Immutability::No,
    }
}

/// Locks `path` until then, so that nobody can lift the lock. S3 only: Azure
/// wants a right for it that signed URLs of `object_store` do not have.
pub(crate) async fn set(remote: &Remote, path: &Path, until: Timestamp) -> StoreResult<()> {
    let body = format!(
        "<Retention><Mode>COMPLIANCE</Mode>\
         <RetainUntilDate>{until:.0}</RetainUntilDate></Retention>"
    );
    // S3 takes no request about locks without a checksum of its body.
    let checksum = BASE64.encode(crc32fast::hash(body.as_bytes()).to_be_bytes());
    remote
        .send(Signed {
            method: Method::PUT,
            path,
            query: vec![("retention", String::new())],
            headers: vec![("x-amz-checksum-crc32", checksum)],
            body: body.into(),
        })
        .await?
        .success(path)
        .map(drop)
}
