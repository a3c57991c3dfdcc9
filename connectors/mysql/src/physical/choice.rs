//! Rows or files: what a snapshot is made of, and why.
//!
//! Files come back several times faster and only into a server of the same major
//! version whose files PlanB may replace. So nobody who did not say that there is
//! such a place gets a snapshot that cannot be restored where it is needed.

use super::backup;
use crate::client::Client;
use planb_model::Text;
use planb_ports::{PortResult, SnapshotMethod, SnapshotOptions};

/// What a snapshot is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The server's files, not rows.
    pub files: bool,
    /// Why.
    pub why: Text,
}

/// Looks at the server only where that decides.
pub(crate) async fn choose(client: &Client, options: &SnapshotOptions) -> PortResult<Choice> {
    let mut obstacle = None;
    if options.method == SnapshotMethod::Auto && options.target_takes_files {
        let mut conn = client.connect().await?;
        match backup::ready(client, &mut conn).await {
            Ok(()) => {}
            Err(error) if is_about_files(error.code()) => obstacle = Some(error.chain()),
            Err(error) => return Err(error),
        }
    }
    Ok(decide(options, obstacle.as_deref()))
}

/// Whether rows could be copied all the same: not from the wrong server.
fn is_about_files(code: &str) -> bool {
    ["PB-MYSQL-PHYSICAL", "PB-MYSQL-PROGRAM"].contains(&code)
}

/// The rule.
fn decide(options: &SnapshotOptions, obstacle: Option<&str>) -> Choice {
    let (files, why) = match (options.method, options.target_takes_files, obstacle) {
        (SnapshotMethod::Physical, ..) => (
            true,
            Text::new("asked for (--physical)", "요청한 방식입니다(--physical)"),
        ),
        (SnapshotMethod::Logical, ..) => (
            false,
            Text::new("asked for (--logical)", "요청한 방식입니다(--logical)"),
        ),
        (SnapshotMethod::Auto, false, _) => (
            false,
            Text::new(
                "no address says that files may be replaced where it will be restored (data-dir, stop, start)",
                "복원할 곳의 서버 파일을 교체해도 된다고 지정한 주소(data-dir, stop, start)가 없습니다",
            ),
        ),
        (SnapshotMethod::Auto, true, Some(obstacle)) => (
            false,
            Text::new(
                format!("files cannot be copied: {obstacle}"),
                format!("파일을 복사할 수 없습니다: {obstacle}"),
            ),
        ),
        (SnapshotMethod::Auto, true, None) => (
            true,
            Text::new(
                "the tool is of the server's major version, and where it will be restored files may be replaced",
                "도구와 서버의 주 버전이 같고, 복원할 곳의 서버 파일을 교체할 수 있습니다",
            ),
        ),
    };
    Choice { files, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_by_themselves_only_where_they_can_be_taken_and_put() {
        let chosen = |method, target_takes_files, obstacle| {
            let options = SnapshotOptions {
                method,
                target_takes_files,
                ..SnapshotOptions::default()
            };
            let choice = decide(&options, obstacle);
            assert!(!choice.why.en.is_empty() && !choice.why.ko.is_empty());
            (choice.files, choice.why.en)
        };
        use SnapshotMethod::{Auto, Logical, Physical};
        for takes in [true, false] {
            assert!(chosen(Physical, takes, None).0);
            assert!(chosen(Physical, takes, Some("x")).0, "asked is asked");
            assert!(!chosen(Logical, takes, None).0);
        }
        assert!(chosen(Auto, true, None).0);
        assert!(!chosen(Auto, false, None).0, "nobody could restore it");
        let (files, why) = chosen(Auto, true, Some("no tool"));
        assert!(!files && why.contains("no tool"), "{why}");
    }

    #[test]
    fn the_wrong_server_is_no_reason_to_copy_rows() {
        assert!(is_about_files("PB-MYSQL-PHYSICAL"));
        assert!(!is_about_files("PB-MYSQL-VERSION"));
    }
}
