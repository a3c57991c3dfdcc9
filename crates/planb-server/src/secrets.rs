//! Reads secrets from where the plan says they are.

use planb_model::{Secret, SecretRef};
use planb_ports::{Disk, ErrorKind, PortError, PortResult};

/// Reads one secret. Trailing line ends of a file do not belong to it.
pub async fn resolve(reference: &SecretRef, disk: &dyn Disk) -> PortResult<Secret> {
    let value = match reference {
        SecretRef::Env(name) => std::env::var(name).map_err(|_| missing(reference))?,
        SecretRef::File(path) => {
            let bytes = disk
                .read(path)
                .await
                .map_err(|error| missing(reference).source(error))?;
            String::from_utf8(bytes).map_err(|_| {
                PortError::new(
                    ErrorKind::Invalid,
                    "PB-SECRET-NOT-TEXT",
                    format!("the secret in {reference} is not UTF-8 text"),
                )
            })?
        }
    };
    let value = value.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(missing(reference));
    }
    Ok(Secret::new(value))
}

/// Reads a secret that may not be asked for.
pub async fn resolve_if_any(
    reference: Option<&SecretRef>,
    disk: &dyn Disk,
) -> PortResult<Option<Secret>> {
    match reference {
        Some(reference) => Ok(Some(resolve(reference, disk).await?)),
        None => Ok(None),
    }
}

fn missing(reference: &SecretRef) -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-SECRET-MISSING",
        format!("the secret in {reference} is missing or empty"),
    )
    .hint(
        format!("set {reference} for the process of PlanB"),
        format!("PlanB 프로세스에 {reference} 값을 설정하세요"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_connector_system::SystemDisk;
    use planb_model::SecretRef;

    #[tokio::test]
    async fn a_file_is_read_without_its_line_end_and_an_empty_one_is_missing() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("secret");
        let reference = SecretRef::File(path.clone());
        let disk = SystemDisk;
        for (content, expected) in [("s3cret\r\n", Some("s3cret")), ("\n", None)] {
            disk.write_atomic(&path, content.as_bytes())
                .await
                .expect("write");
            let read = resolve(&reference, &disk).await;
            assert_eq!(
                read.ok().map(|s| s.expose().to_owned()).as_deref(),
                expected
            );
        }
        let error = resolve(&SecretRef::File(dir.path().join("none")), &disk)
            .await
            .expect_err("no file");
        assert_eq!(error.code(), "PB-SECRET-MISSING");
    }
}
