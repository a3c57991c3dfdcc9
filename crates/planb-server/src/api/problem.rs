//! Errors of the API, as RFC 9457 problem documents with PlanB's code and hint.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use planb_engine::EngineError;
use planb_model::Text;
use planb_ports::{ErrorKind, PortError};
use serde::{Deserialize, Serialize};

/// What went wrong, for machines and people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Code with a page in docs/errors.
    pub code: String,
    /// What happened.
    pub detail: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Text>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            hint: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, body).into_response()
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let status = match &error {
            EngineError::Port(port) => port_status(port),
            EngineError::NotPlannable(_)
            | EngineError::WrongHash { .. }
            | EngineError::WrongState { .. }
            | EngineError::NotSkippable { .. } => StatusCode::CONFLICT,
            EngineError::Stopping | EngineError::Lost { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = match &error {
            EngineError::Port(port) => port.chain(),
            other => other.to_string(),
        };
        let mut problem = Problem::new(status, error.code(), detail);
        problem.hint = error.hint();
        problem
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        EngineError::Port(error).into()
    }
}

fn port_status(error: &PortError) -> StatusCode {
    match error.kind() {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::Conflict | ErrorKind::Fenced { .. } => {
            StatusCode::CONFLICT
        }
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::Unavailable | ErrorKind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
