//! The SQL probe over the database port.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use planb_connector_probe::SqlProbe;
use planb_connector_system::SystemClock;
use planb_ports::{Database, ErrorKind, Probe};
use planb_testkit::{FakeDatabase, Fault, Link};
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a busy machine; only the last test waits for its own bound.
const LONG: Duration = Duration::from_secs(20);

fn probe(database: Arc<dyn Database>, timeout: Duration) -> SqlProbe {
    SqlProbe::new(database, "the database of seoul", timeout)
}

#[tokio::test]
async fn a_database_that_answers_is_well_and_one_that_died_is_not() {
    let database = FakeDatabase::new("seoul", SystemClock::new());
    let look = probe(Arc::new(database.clone()), LONG);
    assert_eq!(look.look().await.unwrap().status, None);
    database.kill();
    let own = database.ping().await.unwrap_err();
    let seen = look.look().await.unwrap_err();
    assert_eq!((seen.kind(), seen.code()), (own.kind(), own.code()));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_is_given_up_in_time() {
    let link = Link::new("seoul", 1, None);
    link.script("ping", 1, Fault::Delay(LONG * 3));
    let database = FakeDatabase::new("seoul", SystemClock::new()).through(link);
    let error = probe(Arc::new(database), LONG).look().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Timeout, "PB-PROBE-TIMEOUT")
    );
    assert!(
        error.to_string().starts_with("the database of seoul "),
        "{error}"
    );
}
