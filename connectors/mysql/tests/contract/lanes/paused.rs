//! A group of log that stands right before its decision: all lanes have applied
//! their rows, and none has committed.

use crate::support::{DEADLINE, Site};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_connector_mysql::MysqlDatabase;
use planb_ports::{Database, LogSegment, PortResult, SegmentEnd};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const DECIDES: &str = "INFO LIKE 'REPLACE INTO planb.lanes%'";

pub struct Paused {
    holder: Conn,
    task: JoinHandle<PortResult<(usize, SegmentEnd)>>,
    /// The connections of all lanes but the one that decides.
    pub others: Vec<u64>,
}

/// MariaDB shows transactions as they were when it was last asked, if that is
/// less than 100 ms ago (`INFORMATION_SCHEMA.INNODB_TRX`).
const ASK_EVERY: Duration = Duration::from_millis(120);

/// Asks until the answer is 1.
pub async fn wait(site: &Site, sql: &str) {
    let until = Instant::now() + DEADLINE;
    while site.one(sql).await.as_deref() != Some("1") {
        assert!(Instant::now() < until, "never: {sql}");
        tokio::time::sleep(ASK_EVERY).await;
    }
}

impl Paused {
    /// Applies until there.
    pub async fn at_decision(
        target: &Site,
        database: MysqlDatabase,
        segments: &[LogSegment],
    ) -> Self {
        let mut holder = target.connect().await;
        // As the first group makes it; whoever holds all of it holds a decision up.
        let table = "CREATE TABLE IF NOT EXISTS planb.lanes (\
                     scope CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
                     token CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, \
                     lanes INT UNSIGNED NOT NULL, \
                     mark TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL) ENGINE=InnoDB";
        for sql in [table, "BEGIN", "SELECT * FROM planb.lanes FOR UPDATE"] {
            holder.query_drop(sql).await.expect(sql);
        }
        let segments = segments.to_vec();
        let task = tokio::spawn(async move { database.apply_segments(&segments, None).await });
        let there =
            format!("SELECT COUNT(*) = 1 FROM information_schema.PROCESSLIST WHERE {DECIDES}");
        wait(target, &there).await;
        let others: Vec<u64> = holder
            .query(format!(
                "SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX \
                 WHERE trx_rows_modified > 0 AND trx_mysql_thread_id NOT IN \
                 (SELECT ID FROM information_schema.PROCESSLIST WHERE {DECIDES})"
            ))
            .await
            .expect("asked");
        Self {
            holder,
            task,
            others,
        }
    }

    /// Ends the connections of so many lanes.
    pub async fn end_lanes(&self, target: &Site, count: usize) {
        for id in self.others.iter().take(count) {
            target.run(&[&format!("KILL CONNECTION {id}")]).await;
            let gone =
                format!("SELECT COUNT(*) = 0 FROM information_schema.PROCESSLIST WHERE ID = {id}");
            wait(target, &gone).await;
        }
    }

    /// Ends PlanB.
    pub async fn end_planb(self) {
        self.task.abort();
        self.task.await.expect_err("was at work");
        self.holder.disconnect().await.expect("lets go");
    }

    /// Lets it decide, and says how it ended.
    pub async fn go_on(self) -> PortResult<(usize, SegmentEnd)> {
        drop(self.holder);
        self.task.await.expect("did not panic")
    }
}
