//! Talks to a running control plane through its API.

use crate::error::{CliError, CliResult, Exit};
use planb_model::status::{ExecutionHistory, ExecutionStatus, ServiceStatus};
use planb_model::{ExecutionId, ServiceName};
use planb_server::api::problem::Problem;
use planb_server::api::types::{ApiAddress, ExecutionChange, Opened, Planned, StartRequest};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;

/// Longest wait for an answer of the control plane on the same machine, in milliseconds.
const ANSWER_TIMEOUT_MS: u64 = 10_000;

/// A control plane that runs on this machine.
pub struct Client {
    http: reqwest::Client,
    address: ApiAddress,
}

impl Client {
    /// Finds the control plane of a state directory; `None` when none runs.
    pub async fn find(state: &Path) -> CliResult<Option<Client>> {
        let path = state.join(planb_server::API_FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let what = format!("read {}", path.display());
                let ko = format!("{} 파일을 읽기를", path.display());
                return Err(CliError::io(&what, &ko, error));
            }
        };
        let address: ApiAddress = serde_json::from_slice(&text).map_err(|error| {
            CliError::io(
                &format!("understand {}", path.display()),
                &format!("{} 파일을 해석", path.display()),
                error,
            )
        })?;
        let client = Client {
            http: reqwest::Client::builder()
                .timeout(Duration::from_millis(ANSWER_TIMEOUT_MS))
                .no_proxy()
                .build()
                .map_err(|e| CliError::io("make an HTTP client", "HTTP 클라이언트를 준비", e))?,
            address,
        };
        // A control plane that was killed leaves its address behind.
        let alive = client.http.get(client.url("/healthz")).send().await;
        Ok(alive.is_ok().then_some(client))
    }

    /// Like [`Client::find`], but its absence is an error that says what to do.
    pub async fn need(state: &Path) -> CliResult<Client> {
        Self::find(state).await?.ok_or_else(|| {
            CliError::new(
                Exit::Failed,
                "PB-CLI-NOT-UP",
                format!("no control plane runs on the state in {}", state.display()),
                format!(
                    "{} 상태에서 실행 중인 컨트롤 플레인이 없습니다",
                    state.display()
                ),
            )
            .hint(
                "start it with `planb up`, or name its state directory with --state",
                "`planb up`으로 시작하거나 --state로 상태 디렉터리를 지정하세요",
            )
        })
    }

    /// How every service is.
    pub async fn statuses(&self) -> CliResult<Vec<ServiceStatus>> {
        self.get("/v1/services").await
    }

    /// The runbook that would run.
    pub async fn plan(&self, service: &ServiceName, request: &StartRequest) -> CliResult<Planned> {
        self.post(&format!("/v1/services/{service}/runbook"), request)
            .await
    }

    /// Opens an execution.
    pub async fn start(&self, service: &ServiceName, request: &StartRequest) -> CliResult<Opened> {
        self.post(&format!("/v1/services/{service}/executions"), request)
            .await
    }

    /// The newest executions.
    pub async fn history(&self) -> CliResult<Vec<ExecutionStatus>> {
        self.get_as("/v1/executions", ExecutionStatus::list_from_json)
            .await
    }

    /// One execution.
    pub async fn execution(&self, id: &ExecutionId) -> CliResult<ExecutionHistory> {
        self.get_as(&format!("/v1/executions/{id}"), ExecutionHistory::from_json)
            .await
    }

    /// Changes an execution.
    pub async fn change(&self, id: &ExecutionId, change: &ExecutionChange) -> CliResult<()> {
        let path = format!("/v1/executions/{id}/changes");
        let request = self.http.post(self.url(&path)).json(change);
        self.send(request).await.map(|_| ())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> CliResult<T> {
        self.get_as(path, |body| serde_json::from_slice(body)).await
    }

    async fn get_as<T>(
        &self,
        path: &str,
        read: fn(&[u8]) -> serde_json::Result<T>,
    ) -> CliResult<T> {
        let body = self.send(self.http.get(self.url(path))).await?;
        read(&body).map_err(strange)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> CliResult<T> {
        let body = self.send(self.http.post(self.url(path)).json(body)).await?;
        serde_json::from_slice(&body).map_err(strange)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> CliResult<Vec<u8>> {
        let failed = |e: reqwest::Error| {
            CliError::io(
                "talk to the control plane",
                "컨트롤 플레인과 통신",
                e.without_url(),
            )
        };
        let answer = request
            .bearer_auth(&self.address.token)
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(failed)?.to_vec();
        if status.is_success() {
            return Ok(body);
        }
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => shown(problem),
            Err(_) => CliError::io(
                "use the control plane",
                "컨트롤 플레인을 사용",
                format!("{status}: {}", String::from_utf8_lossy(&body)),
            ),
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address.url)
    }
}

fn strange(error: serde_json::Error) -> CliError {
    CliError::io(
        "understand the control plane (is it another version?)",
        "컨트롤 플레인의 응답을 해석(버전이 다를 수 있음)",
        error,
    )
}

fn shown(problem: Problem) -> CliError {
    let mut error = CliError::new(
        Exit::Failed,
        &problem.code,
        problem.detail.clone(),
        problem.detail,
    );
    error.hint = problem.hint.map(Box::new);
    error
}
