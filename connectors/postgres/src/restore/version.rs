//! Files of a server are read by its major version only.

use crate::client::{Client, major_version};
use crate::error::{file, protocol};
use planb_ports::{ErrorKind, PortError, PortResult};
use tokio::process::Command;

/// Refuses files of another major version than that of the programs here,
/// before anything is emptied for them.
pub(super) async fn require(client: &Client, snapshot: &str) -> PortResult<()> {
    let program = client.program("pg_ctl")?;
    let output = Command::new(&program).arg("--version").output().await;
    let output = output.map_err(|e| file(&program, e))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let here = major_of_program(&text)
        .ok_or_else(|| protocol(format!("pg_ctl does not say its version: {}", text.trim())))?;
    if major_version(snapshot) == Some(here) {
        return Ok(());
    }
    Err(PortError::new(
        ErrorKind::Unsupported,
        "PB-POSTGRES-OTHER-VERSION",
        format!("the snapshot has files of PostgreSQL {snapshot}, the programs here are of {here}"),
    )
    .hint(
        "install the snapshot's major version here and give its folder as `bin-dir` in the URL; to change the version, take a snapshot by `method=logical`",
        "스냅샷과 같은 주 버전을 설치하고 URL의 `bin-dir`로 폴더를 지정하세요. 버전을 바꾸려면 `method=logical`로 스냅샷을 만드세요",
    ))
}

/// `pg_ctl (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major_of_program(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    major_version(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_version_is_read() {
        let debian = "pg_ctl (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(major_of_program(debian), Some(15));
        assert_eq!(major_of_program("pg_ctl (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_of_program("something else"), None);
    }
}
