//! Reads `--at`.

use crate::error::{CliError, CliResult, Exit};
use jiff::{Timestamp, civil, tz::TimeZone};
use planb_ports::RestoreTo;

/// `latest`, a time, `snapshot:ID`, or whatever the engine calls a place in its
/// log. A time without a zone is one of this machine.
pub fn parse(text: &str) -> CliResult<RestoreTo> {
    let text = text.trim();
    if text == "latest" {
        return Ok(RestoreTo::Latest);
    }
    if let Some(id) = text.strip_prefix("snapshot:") {
        return Ok(RestoreTo::Snapshot(id.to_owned()));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(RestoreTo::Time(time));
    }
    if let Ok(local) = text.parse::<civil::DateTime>() {
        let zoned = local.to_zoned(TimeZone::system()).map_err(|_| bad(text))?;
        return Ok(RestoreTo::Time(zoned.timestamp()));
    }
    if is_place(text) && !is_like_a_time(text) {
        return Ok(RestoreTo::Position(text.to_owned()));
    }
    Err(bad(text))
}

/// A GTID, an LSN or `file:offset`: it has digits, and one of their separators.
fn is_place(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
        && text.contains([':', '-', '/'])
        && !text.contains(char::is_whitespace)
}

/// A date and a `T`: a time that does not exist, not a place.
fn is_like_a_time(text: &str) -> bool {
    let date = text.split_once(['T', 't']).map(|(date, _)| date);
    date.is_some_and(|date| {
        date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    })
}

fn bad(text: &str) -> CliError {
    CliError::new(
        Exit::Usage,
        "PB-CLI-POINT",
        format!("'{text}' is no recovery point"),
        format!("'{text}'은(는) 복구 시점이 아닙니다"),
    )
    .hint(
        "write `latest`, a time such as 2026-01-31T09:00:00+09:00, `snapshot:ID`, or a place in the log such as 0-1-42, 0/3000060 or binlog.000007:1234; `planb points` lists them",
        "`latest`, 2026-01-31T09:00:00+09:00 같은 시각, `snapshot:ID`, 또는 0-1-42, 0/3000060, binlog.000007:1234 같은 로그 위치를 적으세요. `planb points`로 목록을 볼 수 있습니다",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_told_apart() {
        let parsed = |text| parse(text).map_err(|e| e.code);
        assert_eq!(parsed("latest"), Ok(RestoreTo::Latest));
        let nine = "2026-01-31T00:00:00Z".parse().expect("a time");
        assert_eq!(
            parsed("2026-01-31T09:00:00+09:00"),
            Ok(RestoreTo::Time(nine))
        );
        assert!(matches!(parsed("2026-01-31 09:00"), Ok(RestoreTo::Time(_))));
        assert_eq!(parsed("snapshot:x"), Ok(RestoreTo::Snapshot("x".into())));
        for place in ["0-1-42", "0/3000060", "binlog.000007:1234", "wal:3:45032"] {
            assert_eq!(
                parsed(place),
                Ok(RestoreTo::Position(place.into())),
                "{place}"
            );
        }
        for bad in [
            "",
            "yesterday",
            "now",
            "2026-13-31T00:00:00Z garbage",
            "2026-02-30T00:00:00Z",
        ] {
            assert_eq!(parsed(bad), Err("PB-CLI-POINT".into()), "{bad}");
        }
    }
}
