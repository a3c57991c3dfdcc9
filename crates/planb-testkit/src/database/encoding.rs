//! Bytes of the fake database: one JSON line per row or transaction.

use super::state::Record;
use crate::fake_error;
use planb_ports::{ErrorKind, PortResult};

/// One line per record.
pub(super) fn encode<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut text = String::new();
    for record in records {
        let (kind, key, value) = match record {
            Record::Put(key, value) => ("put", key, value),
            Record::Canary(service, mark) => ("canary", service, mark),
        };
        text.push_str(&serde_json::json!([kind, key, value]).to_string());
        text.push('\n');
    }
    text
}

/// Reads what [`encode`] wrote; `Corrupt` when it is anything else.
pub(super) fn decode(bytes: &[u8]) -> PortResult<Vec<Record>> {
    let corrupt = || fake_error(ErrorKind::Corrupt, "these are not the bytes of a fake");
    let text = std::str::from_utf8(bytes).map_err(|_| corrupt())?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(corrupt());
    }
    let decode_line = |line: &str| {
        let (kind, key, value): (String, String, String) =
            serde_json::from_str(line).map_err(|e| corrupt().source(e))?;
        match kind.as_str() {
            "put" => Ok(Record::Put(key, value)),
            "canary" => Ok(Record::Canary(key, value)),
            _ => Err(corrupt()),
        }
    };
    text.lines().map(decode_line).collect()
}
