//! The HTTP API and the status page, on loopback.
//!
//! Reading needs nothing; changing needs the token from the state directory,
//! because everybody on the machine can reach loopback and not everybody may
//! move a service. Requests must name a loopback host, so that a web page
//! cannot reach the API by DNS rebinding.

pub mod problem;
pub mod types;

use crate::control::ControlPlane;
use crate::page;
use axum::Router;
use axum::extract::{Json, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use planb_model::execution::Trigger;
use planb_model::status::{ExecutionHistory, ExecutionStatus, ServiceStatus};
use planb_model::{ExecutionId, Lang, Secret, ServiceName};
use problem::Problem;
use std::sync::Arc;
use types::{ExecutionChange, Opened, Planned, StartRequest};

/// Executions in one answer of the history.
const HISTORY_ENTRIES_MAX: usize = 100;

/// What the handlers share.
#[derive(Clone)]
pub struct ApiState {
    /// The services.
    pub control: Arc<ControlPlane>,
    /// What callers that change something must present.
    pub token: Secret,
}

/// The routes.
pub fn router(state: ApiState) -> Router {
    let changing = Router::new()
        .route("/v1/services/{service}/executions", post(start))
        .route("/v1/executions/{id}/changes", post(change))
        .route_layer(middleware::from_fn_with_state(state.clone(), need_token));
    Router::new()
        .route("/", get(status_page))
        .route("/healthz", get(async || "ok\n"))
        .route("/v1/services", get(services))
        .route("/v1/services/{service}/runbook", post(plan))
        .route("/v1/executions", get(executions))
        .route("/v1/executions/{id}", get(execution))
        .merge(changing)
        .layer(middleware::from_fn(only_loopback_host))
        .with_state(state)
}

async fn only_loopback_host(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        next.run(request).await
    } else {
        Problem::new(
            StatusCode::FORBIDDEN,
            "PB-API-HOST",
            "the API answers only requests to a loopback name",
        )
        .into_response()
    }
}

async fn need_token(
    State(state): State<ApiState>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "))
        .unwrap_or_default();
    if same_secret(given, state.token.expose()) {
        next.run(request).await
    } else {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "PB-API-TOKEN",
            "this request needs the token from api.json in the state directory",
        )
        .into_response()
    }
}

/// Compares without telling by its time where the first difference is.
fn same_secret(given: &str, expected: &str) -> bool {
    given.len() == expected.len()
        && given
            .bytes()
            .zip(expected.bytes())
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

async fn status_page(
    State(state): State<ApiState>,
    Query(query): Query<types::PageQuery>,
    headers: HeaderMap,
) -> Html<String> {
    let accepted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let lang = Lang::from_tag(query.lang.as_deref().unwrap_or(accepted));
    Html(page::render(&state.control.statuses(), lang))
}

async fn services(State(state): State<ApiState>) -> Json<Vec<ServiceStatus>> {
    Json(state.control.statuses())
}

async fn plan(
    State(state): State<ApiState>,
    Path(service): Path<ServiceName>,
    Json(request): Json<StartRequest>,
) -> Result<Json<Planned>, Problem> {
    let service = state.control.service(&service)?;
    let runbook = service.plan(request.kind, request.override_fence).await?;
    Ok(Json(Planned {
        hash: runbook.hash(),
        runbook,
    }))
}

async fn start(
    State(state): State<ApiState>,
    Path(service): Path<ServiceName>,
    Json(request): Json<StartRequest>,
) -> Result<(StatusCode, Json<Opened>), Problem> {
    let service = state.control.service(&service)?;
    let trigger = Trigger::Operator {
        who: request.who.clone().unwrap_or_else(|| "api".to_owned()),
    };
    let approval = request.approval();
    let id = service
        .start(request.kind, trigger, approval, request.override_fence)
        .await?;
    Ok((StatusCode::CREATED, Json(Opened { id })))
}

async fn executions(State(state): State<ApiState>) -> Result<Json<Vec<ExecutionStatus>>, Problem> {
    Ok(Json(state.control.history(HISTORY_ENTRIES_MAX).await?))
}

async fn execution(
    State(state): State<ApiState>,
    Path(id): Path<ExecutionId>,
) -> Result<Json<ExecutionHistory>, Problem> {
    Ok(Json(state.control.execution(&id).await?))
}

async fn change(
    State(state): State<ApiState>,
    Path(id): Path<ExecutionId>,
    Json(change): Json<ExecutionChange>,
) -> Result<StatusCode, Problem> {
    state.control.change(&id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_compare_by_value() {
        assert!(same_secret("abc", "abc"));
        for wrong in ["", "ab", "abd", "abcd"] {
            assert!(!same_secret(wrong, "abc"), "{wrong}");
        }
    }
}
