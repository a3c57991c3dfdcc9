//! Errors of the admin API on the wire: written by the edge, read by its client.

use planb_model::{Epoch, Text};
use planb_ports::{ErrorKind, PortError};
use serde::{Deserialize, Serialize};

/// Codes the edge can answer with; one that is not here was made by a newer edge.
const CODES: [&str; 12] = [
    "PB-EDGE-ORIGIN",
    "PB-EDGE-NOT-SERVABLE",
    "PB-EDGE-OTHER-SERVICE",
    "PB-EDGE-CONFLICT",
    "PB-EDGE-STATE",
    "PB-EDGE-ADMIN-TOKEN",
    "PB-EDGE-ADMIN-REQUEST",
    "PB-DISK-FULL",
    "PB-DISK-PERMISSION",
    "PB-DISK-PATH",
    "PB-DISK-IO",
    "PB-FENCED",
];

/// What a caller decides by, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum WireKind {
    Fenced { epoch: Epoch },
    Conflict,
    Invalid,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    NoSpace,
    Internal,
}

/// An error as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireError {
    #[serde(flatten)]
    kind: WireKind,
    code: String,
    message: String,
    hint: Option<Text>,
}

impl WireError {
    /// HTTP status and body for `error`.
    pub(crate) fn of(error: &PortError) -> (u16, Self) {
        let (status, kind) = match error.kind() {
            ErrorKind::Fenced { current } => (409, WireKind::Fenced { epoch: current }),
            ErrorKind::Conflict => (409, WireKind::Conflict),
            ErrorKind::Invalid => (422, WireKind::Invalid),
            ErrorKind::Unauthenticated => (401, WireKind::Unauthenticated),
            ErrorKind::PermissionDenied => (500, WireKind::PermissionDenied),
            ErrorKind::NotFound => (404, WireKind::NotFound),
            ErrorKind::NoSpace => (507, WireKind::NoSpace),
            _ => (500, WireKind::Internal),
        };
        let wire = Self {
            kind,
            code: error.code().to_owned(),
            message: error.chain(),
            hint: error.hint_text().cloned(),
        };
        (status, wire)
    }

    /// The error again, at the other side.
    pub(crate) fn into_error(self) -> PortError {
        let kind = match self.kind {
            WireKind::Fenced { epoch } => ErrorKind::Fenced { current: epoch },
            WireKind::Conflict => ErrorKind::Conflict,
            WireKind::Invalid => ErrorKind::Invalid,
            WireKind::Unauthenticated => ErrorKind::Unauthenticated,
            WireKind::PermissionDenied => ErrorKind::PermissionDenied,
            WireKind::NotFound => ErrorKind::NotFound,
            WireKind::NoSpace => ErrorKind::NoSpace,
            WireKind::Internal => ErrorKind::Internal,
        };
        let known = CODES.into_iter().find(|code| *code == self.code);
        let error = PortError::new(kind, known.unwrap_or("PB-EDGE-REMOTE"), self.message);
        match self.hint {
            Some(hint) => error.hint(hint.en, hint.ko),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        for error in [
            PortError::fenced(Epoch(7), "the edge", Epoch(6)),
            PortError::new(ErrorKind::Conflict, "PB-EDGE-CONFLICT", "no").hint("en", "ko"),
            PortError::new(ErrorKind::NoSpace, "PB-DISK-FULL", "full"),
        ] {
            let text = serde_json::to_string(&WireError::of(&error).1).unwrap();
            let back: WireError = serde_json::from_str(&text).unwrap();
            let back = back.into_error();
            assert_eq!(
                (back.kind(), back.code()),
                (error.kind(), error.code()),
                "{text}"
            );
            assert_eq!(back.hint_text(), error.hint_text());
        }
    }
}
