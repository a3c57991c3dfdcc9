//! The error every port returns: what kind, whether to retry, what to do.

use planb_model::{Epoch, Text};
use std::error::Error;
use std::fmt;

/// Result of a port's method.
pub type PortResult<T> = Result<T, PortError>;

/// What went wrong, as far as a caller decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for is not there.
    NotFound,
    /// A conditional create found something there.
    AlreadyExists,
    /// The target has seen a newer epoch; the caller must stop acting.
    Fenced {
        /// The epoch the target holds.
        current: Epoch,
    },
    /// Somebody else changed it first; read again and decide again.
    Conflict,
    /// The target does not know the credentials.
    Unauthenticated,
    /// The credentials are not allowed to do this.
    PermissionDenied,
    /// The target cannot be reached, or said that it is busy. Nothing happened.
    Unavailable,
    /// No answer in time. Whether it happened is **not known**.
    Timeout,
    /// Data is not what it should be: hash, format, checksum.
    Corrupt,
    /// What was asked for makes no sense to the target: bad configuration.
    Invalid,
    /// The target cannot do this at all.
    Unsupported,
    /// No space is left.
    NoSpace,
    /// The log that was asked for is gone; only a new snapshot helps.
    LogLost,
    /// The caller asked to stop.
    Canceled,
    /// A bug or something nobody thought of.
    Internal,
}

/// Whether the same call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: it would fail the same way.
    No,
    /// Yes, after a pause: nothing happened, or doing it twice is harmless.
    Safe,
    /// Only after asking the target whether it happened.
    AfterAsking,
}

/// An error of a port. `Display` is one lower-case sentence without the source.
#[derive(Debug)]
pub struct PortError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    hint: Option<Text>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error with a `code` that has a page in docs/errors, such as `PB-MYSQL-AUTH`.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            code,
            message: message.into(),
            hint: None,
            source: None,
        }))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, en: impl Into<String>, ko: impl Into<String>) -> Self {
        self.0.hint = Some(Text::new(en, ko));
        self
    }

    /// Adds the error below.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The target holds epoch `current`; whoever acts under an older one must stop.
    pub fn fenced(current: Epoch, what: impl fmt::Display, mine: Epoch) -> Self {
        Self::new(
            ErrorKind::Fenced { current },
            "PB-FENCED",
            format!("{what} is fenced at epoch {current}, refusing epoch {mine}"),
        )
        .hint(
            "another site has taken over; run `planb status` there",
            "다른 사이트가 이미 서비스를 인계받았습니다. 그쪽에서 `planb status`를 실행하세요",
        )
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Its code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What to do about it.
    pub fn hint_text(&self) -> Option<&Text> {
        self.0.hint.as_ref()
    }

    /// Whether the same call may be made again.
    pub fn retry(&self) -> Retry {
        match self.0.kind {
            ErrorKind::Unavailable => Retry::Safe,
            ErrorKind::Timeout => Retry::AfterAsking,
            _ => Retry::No,
        }
    }

    /// Whether the epoch check of the target refused the call.
    pub fn is_fenced(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Fenced { .. })
    }

    /// The message with every source below it, `: ` between them, for journals and logs.
    pub fn chain(&self) -> String {
        let mut text = self.0.message.clone();
        let mut below = self.source_dyn();
        while let Some(error) = below {
            let part = error.to_string();
            if !text.contains(&part) {
                text.push_str(": ");
                text.push_str(&part);
            }
            below = error.source();
        }
        text
    }

    fn source_dyn(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|e| e as &(dyn Error + 'static))
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source_dyn()
    }
}
