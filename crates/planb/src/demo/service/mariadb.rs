//! Orders in a MariaDB server, as an ordinary web service would keep them.

use super::{Order, Orders};
use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Opts, Pool};
use std::time::Duration;

/// Longest wait for a connection or an answer. A service that waits longer
/// than its load balancer only collects dead requests.
const ANSWER_TIMEOUT_MS: u64 = 2_000;

pub struct MariadbOrders {
    pool: Pool,
}

impl MariadbOrders {
    pub fn open(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            pool: Pool::new(Opts::from_url(url)?),
        })
    }

    async fn bounded<T>(work: impl Future<Output = mysql_async::Result<T>>) -> anyhow::Result<T> {
        Ok(tokio::time::timeout(Duration::from_millis(ANSWER_TIMEOUT_MS), work).await??)
    }
}

#[async_trait]
impl Orders for MariadbOrders {
    async fn insert(&self, order: Order) -> anyhow::Result<()> {
        Self::bounded(async {
            let mut connection = self.pool.get_conn().await?;
            connection
                .exec_drop(
                    "INSERT INTO orders (id, item, quantity) VALUES (?, ?, ?)",
                    (order.id, order.item, order.quantity),
                )
                .await
        })
        .await
    }

    async fn all(&self) -> anyhow::Result<Vec<Order>> {
        let mut connection = self.pool.get_conn().await?;
        let rows = connection
            .query_map(
                "SELECT id, item, quantity FROM orders ORDER BY id",
                |(id, item, quantity)| Order { id, item, quantity },
            )
            .await?;
        Ok(rows)
    }

    async fn ping(&self) -> anyhow::Result<()> {
        Self::bounded(async {
            let mut connection = self.pool.get_conn().await?;
            connection.query_drop("SELECT 1").await
        })
        .await
    }
}
