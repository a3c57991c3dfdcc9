//! Orders in a SQLite file, as an ordinary web service would keep them: WAL,
//! `synchronous=FULL`, the library's own checkpoints.

use super::{Order, Orders};
use async_trait::async_trait;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest wait for another connection's lock, in milliseconds.
const BUSY_TIMEOUT_MS: u64 = 5_000;

/// Creates the table an order service has.
pub const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0)
)";

pub struct SqliteOrders {
    connection: Arc<Mutex<Connection>>,
}

impl SqliteOrders {
    pub fn open(path: &str) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || work(&lock(&connection))).await?;
        Ok(done?)
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Orders for SqliteOrders {
    async fn insert(&self, order: Order) -> anyhow::Result<()> {
        self.with(move |connection| {
            connection
                .prepare_cached("INSERT INTO orders (id, item, quantity) VALUES (?1, ?2, ?3)")?
                .execute((order.id, order.item, order.quantity))
        })
        .await?;
        Ok(())
    }

    async fn all(&self) -> anyhow::Result<Vec<Order>> {
        self.with(|connection| {
            connection
                .prepare("SELECT id, item, quantity FROM orders ORDER BY id")?
                .query_map([], |row| {
                    Ok(Order {
                        id: row.get(0)?,
                        item: row.get(1)?,
                        quantity: row.get(2)?,
                    })
                })?
                .collect()
        })
        .await
    }

    async fn ping(&self) -> anyhow::Result<()> {
        self.with(|connection| {
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))
        })
        .await
    }
}
