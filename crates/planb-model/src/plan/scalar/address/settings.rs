//! What an address says about one engine alone, in its query.

use super::{Bad, shown};
use crate::plan::{PostgresqlSettings, ReplaceableFiles};
use std::path::PathBuf;
use url::Url;

/// Reads `?data-dir=/srv/postgresql&bin-dir=…&slot=…&method=logical`.
pub(super) fn postgresql(url: &Url) -> Result<PostgresqlSettings, Bad> {
    let mut settings = PostgresqlSettings::default();
    for (name, value) in url.query_pairs() {
        let path = value
            .starts_with('/')
            .then(|| PathBuf::from(value.as_ref()));
        match (name.as_ref(), value.as_ref(), path) {
            ("method", "logical", _) => settings.logical = true,
            ("method", "physical", _) => settings.logical = false,
            ("data-dir", _, Some(path)) => settings.data_dir = Some(path),
            ("bin-dir", _, Some(path)) => settings.bin_dir = Some(path),
            ("slot", slot, _) if is_slot(slot) => settings.slot = Some(slot.to_owned()),
            _ => return Err(not_a_setting(&name, &value)),
        }
    }
    Ok(settings)
}

/// Whether PostgreSQL takes it as the name of a replication slot.
fn is_slot(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(good)
}

fn not_a_setting(name: &str, value: &str) -> Bad {
    let pair = shown(&format!("{name}={value}"));
    Bad::new(
        format!("{pair} means nothing for PostgreSQL"),
        format!("PostgreSQL에 쓸 수 없는 설정입니다: {pair}"),
    )
    .hint(
        "write `data-dir=/absolute/path`, `bin-dir=/absolute/path`, `slot=lower_case_name` or `method=logical`",
        "`data-dir=/절대/경로`, `bin-dir=/절대/경로`, `slot=소문자_이름`, `method=logical` 중에서 적으세요",
    )
}

/// Reads `?data-dir=/var/lib/mysql&stop=systemctl stop mariadb&start=systemctl
/// start mariadb`: all three, or none. A command is words between spaces.
pub(super) fn files(url: &Url) -> Result<Option<ReplaceableFiles>, Bad> {
    let (mut data_dir, mut stop, mut start) = (PathBuf::new(), Vec::new(), Vec::new());
    for (name, value) in url.query_pairs() {
        let words = || value.split_whitespace().map(str::to_owned).collect();
        match name.as_ref() {
            "data-dir" if value.starts_with('/') => data_dir = PathBuf::from(value.as_ref()),
            "stop" => stop = words(),
            "start" => start = words(),
            _ => return Err(no_files(&format!("{name}={value}"))),
        }
    }
    if data_dir.as_os_str().is_empty() && stop.is_empty() && start.is_empty() {
        return Ok(None);
    }
    if data_dir.as_os_str().is_empty() || stop.is_empty() || start.is_empty() {
        return Err(no_files(url.query().unwrap_or_default()));
    }
    Ok(Some(ReplaceableFiles {
        data_dir,
        stop,
        start,
    }))
}

fn no_files(text: &str) -> Bad {
    let text = shown(text);
    Bad::new(
        format!("{text} does not say whose files may be replaced, and how"),
        format!("{text}: 교체할 서버 파일과 방법을 알 수 없습니다"),
    )
    .hint(
        "write all of `data-dir=/var/lib/mysql`, `stop=systemctl+stop+mariadb` and `start=systemctl+start+mariadb`, or nothing",
        "`data-dir=/var/lib/mysql`, `stop=systemctl+stop+mariadb`, `start=systemctl+start+mariadb`를 모두 적거나 모두 빼세요",
    )
}
