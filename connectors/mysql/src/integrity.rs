//! The server's own check of all user tables.

use crate::catalog::{self, Kind};
use crate::client::{Client, rows};
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_ports::PortResult;

/// `CHECK TABLE` over every table; what it reports besides `OK`. Where rows made
/// the tables, `QUICK`: their indexes were built a moment ago. In `files` that came
/// from elsewhere every index is walked.
pub(crate) async fn integrity(client: &Client, files: bool) -> PortResult<Vec<Finding>> {
    let how = if files { "" } else { "QUICK" };
    let mut conn = client.connect().await?;
    let mut findings = Vec::new();
    for table in catalog::read(client, &mut conn).await? {
        if table.kind != Kind::Base {
            continue;
        }
        let answers: Vec<(String, String, String, String)> = rows(
            &mut conn,
            &format!("check {}", table.label()),
            format!("CHECK TABLE {} {how}", table.quoted()),
        )
        .await?;
        for (_, _, kind, text) in answers {
            let bad = kind.eq_ignore_ascii_case("error")
                || (kind.eq_ignore_ascii_case("status") && text != "OK");
            // An engine without a check of its own says so in a note.
            if bad {
                findings.push(damaged(client, &table.label(), &text));
            }
        }
    }
    Ok(findings)
}

fn damaged(client: &Client, table: &str, text: &str) -> Finding {
    Finding::failed(
        "PB-MYSQL-DAMAGED",
        Severity::Error,
        client.config.subject(),
        Text::new(
            format!("the server finds {table} damaged: {text}"),
            format!("서버가 {table} 테이블의 손상을 발견했습니다: {text}"),
        ),
        Text::new(
            "restore this server from the vault",
            "이 서버를 볼트에서 다시 복원하세요",
        ),
    )
}
