//! The small order-taking web service of the demo: HTTP in front of SQLite or
//! MariaDB. It runs as a process of its own at the active site and knows
//! nothing of PlanB.
//!
//! - `POST /orders` with `{"id", "item", "quantity"}` answers 201 only after
//!   the order is committed durably.
//! - `GET /orders` answers every order as NDJSON, by id.
//! - `GET /healthz` answers 200 when the database answers and can be written.

mod mariadb;
mod sqlite;

use crate::cli::DemoServiceArgs;
use crate::error::{CliError, CliResult, Exit};
use async_trait::async_trait;
use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use sqlite::SCHEMA as SQLITE_SCHEMA;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Order {
    /// Given by the client, unique.
    pub id: i64,
    /// What is ordered.
    pub item: String,
    /// How many.
    pub quantity: i64,
}

/// Where orders are kept.
#[async_trait]
trait Orders: Send + Sync {
    /// Commits an order; the same id again is an error.
    async fn insert(&self, order: Order) -> anyhow::Result<()>;
    /// Every order, by id.
    async fn all(&self) -> anyhow::Result<Vec<Order>>;
    /// Whether reads and writes work.
    async fn ping(&self) -> anyhow::Result<()>;
}

/// Runs the service until it is stopped.
pub async fn run(args: DemoServiceArgs) -> CliResult<Exit> {
    let orders: Arc<dyn Orders> = match args.database.strip_prefix("sqlite:") {
        Some(path) => Arc::new(sqlite::SqliteOrders::open(path).map_err(failed)?),
        None => Arc::new(mariadb::MariadbOrders::open(&args.database).map_err(failed)?),
    };
    let app = Router::new()
        .route("/orders", post(take_order).get(list_orders))
        .route("/healthz", get(health))
        .with_state(orders);
    let listener = tokio::net::TcpListener::bind(&args.listen)
        .await
        .map_err(failed)?;
    axum::serve(listener, app)
        .with_graceful_shutdown(stop_signal())
        .await
        .map_err(failed)?;
    Ok(Exit::Done)
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::io("run the order service", "주문 서비스를 실행", error)
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        terminate.recv().await;
    }
}

async fn take_order(State(orders): State<Arc<dyn Orders>>, Json(order): Json<Order>) -> Response {
    match orders.insert(order).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(error) => unavailable(&error),
    }
}

async fn list_orders(State(orders): State<Arc<dyn Orders>>) -> Response {
    let rows = match orders.all().await {
        Ok(rows) => rows,
        Err(error) => return unavailable(&error),
    };
    let mut body = String::new();
    for row in rows {
        match serde_json::to_string(&row) {
            Ok(line) => {
                body.push_str(&line);
                body.push('\n');
            }
            Err(error) => return unavailable(&error.into()),
        }
    }
    ([("content-type", "application/x-ndjson")], body).into_response()
}

async fn health(State(orders): State<Arc<dyn Orders>>) -> Response {
    match orders.ping().await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &anyhow::Error) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}\n")).into_response()
}
