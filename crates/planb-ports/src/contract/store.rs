//! The contract of [`Store`], for any implementation.

use crate::{ErrorKind, PortError, PortResult, Store};
use async_trait::async_trait;
use futures::future::BoxFuture;
use jiff::Timestamp;
use planb_model::execution::{Execution, ExecutionState, JournalEntry, Trigger};
use planb_model::runbook::{Runbook, RunbookKind};
use planb_model::{Epoch, ExecutionId, ServiceName, SiteName};
use std::sync::Arc;

/// Opens one state again and again.
#[async_trait]
pub trait StoreFactory: Send + Sync {
    /// Opens the state: empty the first time, later as it was left. Handles
    /// from before are dropped.
    async fn open(&self) -> PortResult<Arc<dyn Store>>;
}

/// One case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// Runs it on an empty state of its own.
    pub run: for<'a> fn(&'a dyn StoreFactory) -> BoxFuture<'a, ()>,
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        /// Every case.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            run: |factory| Box::pin($name(factory)),
        }),*];
    };
}

cases![
    registering_twice_keeps_the_first_record,
    an_unknown_service_is_not_found,
    of_two_claimants_one_gets_the_epoch,
    the_same_execution_claims_the_same_epoch_again,
    a_claim_based_on_an_older_epoch_is_fenced,
    a_claim_ahead_of_the_state_is_refused,
    activation_refuses_an_older_epoch,
    a_service_has_one_unfinished_execution,
    an_execution_id_is_taken_once,
    a_journal_place_is_taken_once,
    a_journal_has_no_gaps,
    unfinished_lists_what_has_no_end,
    executions_come_newest_first,
    everything_is_there_after_a_reopen,
];

/// Runs every case, each on a state that `make` makes for it.
pub async fn run_all<F: StoreFactory>(make: impl Fn(&'static str) -> F) {
    for case in CASES {
        (case.run)(&make(case.name)).await;
    }
}

async fn registering_twice_keeps_the_first_record(factory: &dyn StoreFactory) {
    let store = open(factory).await;
    let first = ok(store.register(&service(), &site("seoul"), at(1)).await);
    assert_eq!(first.epoch, Epoch::FIRST);
    assert_eq!(first.active_epoch, Epoch::FIRST);
    assert_eq!(first.active, site("seoul"));
    assert_eq!(first.claimed_by, None);
    let again = ok(store.register(&service(), &site("busan"), at(2)).await);
    assert_eq!(again, first, "a second register changed the record");
}

async fn an_unknown_service_is_not_found(factory: &dyn StoreFactory) {
    let store = open(factory).await;
    let kind = |e: PortError| e.kind();
    assert_eq!(
        store.service(&service()).await.map_err(kind),
        Err(ErrorKind::NotFound)
    );
    let claimed = store
        .claim_epoch(&service(), Epoch::FIRST, &id("a"), at(1))
        .await;
    assert_eq!(claimed.map_err(kind), Err(ErrorKind::NotFound));
    assert_eq!(
        store.execution(&id("a")).await.map_err(kind),
        Err(ErrorKind::NotFound)
    );
    assert_eq!(
        store
            .append(&id("a"), 1, &paused(), at(1))
            .await
            .map_err(kind),
        Err(ErrorKind::NotFound)
    );
}

async fn of_two_claimants_one_gets_the_epoch(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    let (service, a, b) = (service(), id("a"), id("b"));
    let (first, second) = futures::join!(
        store.claim_epoch(&service, Epoch::FIRST, &a, at(2)),
        store.claim_epoch(&service, Epoch::FIRST, &b, at(2)),
    );
    let won = [first.is_ok(), second.is_ok()];
    assert!(
        won == [true, false] || won == [false, true],
        "winners: {won:?}"
    );
    let (winner, lost) = if won[0] { (a, second) } else { (b, first) };
    let current = Epoch(2);
    assert_eq!(
        lost.map_err(|e| e.kind()),
        Err(ErrorKind::Fenced { current })
    );
    let record = ok(store.service(&service).await);
    assert_eq!(record.epoch, current);
    assert_eq!(record.claimed_by, Some(winner));
    assert_eq!(
        record.active_epoch,
        Epoch::FIRST,
        "a claim activates nothing"
    );
}

async fn the_same_execution_claims_the_same_epoch_again(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    for moment in [2, 3] {
        let epoch = ok(store
            .claim_epoch(&service(), Epoch::FIRST, &id("a"), at(moment))
            .await);
        assert_eq!(epoch, Epoch(2));
    }
    assert_eq!(ok(store.service(&service()).await).epoch, Epoch(2));
}

async fn a_claim_based_on_an_older_epoch_is_fenced(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    ok(store
        .claim_epoch(&service(), Epoch(1), &id("a"), at(2))
        .await);
    ok(store
        .claim_epoch(&service(), Epoch(2), &id("b"), at(3))
        .await);
    for execution in ["a", "c"] {
        let late = store
            .claim_epoch(&service(), Epoch(1), &id(execution), at(4))
            .await;
        let current = Epoch(3);
        assert_eq!(
            late.map_err(|e| e.kind()),
            Err(ErrorKind::Fenced { current })
        );
    }
}

async fn a_claim_ahead_of_the_state_is_refused(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    let ahead = store
        .claim_epoch(&service(), Epoch(5), &id("a"), at(2))
        .await;
    assert!(ahead.is_err(), "an epoch was skipped");
    assert_eq!(ok(store.service(&service()).await).epoch, Epoch::FIRST);
}

async fn activation_refuses_an_older_epoch(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    ok(store
        .claim_epoch(&service(), Epoch(1), &id("a"), at(2))
        .await);
    let late = store
        .activate(&service(), &site("seoul"), Epoch(1), at(3))
        .await;
    let current = Epoch(2);
    assert_eq!(
        late.map_err(|e| e.kind()),
        Err(ErrorKind::Fenced { current })
    );
    let record = ok(store
        .activate(&service(), &site("busan"), Epoch(2), at(4))
        .await);
    assert_eq!(record.active, site("busan"));
    assert_eq!(record.active_epoch, Epoch(2));
    let never_claimed = store
        .activate(&service(), &site("seoul"), Epoch(9), at(5))
        .await;
    assert!(never_claimed.is_err(), "activated under an unclaimed epoch");
    assert_eq!(ok(store.service(&service()).await), record);
}

async fn a_service_has_one_unfinished_execution(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    ok(store.open_execution(&execution("a")).await);
    let second = store.open_execution(&execution("b")).await;
    assert_eq!(second.map_err(|e| e.kind()), Err(ErrorKind::Conflict));
    ok(store.append(&id("a"), 1, &finished(), at(3)).await);
    ok(store.open_execution(&execution("b")).await);
}

async fn an_execution_id_is_taken_once(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    ok(store.open_execution(&execution("a")).await);
    ok(store.append(&id("a"), 1, &finished(), at(3)).await);
    let again = store.open_execution(&execution("a")).await;
    assert_eq!(again.map_err(|e| e.kind()), Err(ErrorKind::AlreadyExists));
}

async fn a_journal_place_is_taken_once(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    ok(store.open_execution(&execution("a")).await);
    let (id, entry) = (id("a"), paused());
    let (first, second) = futures::join!(
        store.append(&id, 1, &entry, at(3)),
        store.append(&id, 1, &entry, at(4)),
    );
    let won = [first.is_ok(), second.is_ok()];
    assert!(
        won == [true, false] || won == [false, true],
        "winners: {won:?}"
    );
    let lost = if won[0] { second } else { first };
    assert_eq!(lost.map_err(|e| e.kind()), Err(ErrorKind::Conflict));
    assert_eq!(ok(store.journal(&id).await).len(), 1);
}

async fn a_journal_has_no_gaps(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    ok(store.open_execution(&execution("a")).await);
    for place in [0, 2, u64::MAX] {
        let gap = store.append(&id("a"), place, &paused(), at(3)).await;
        assert_eq!(
            gap.map_err(|e| e.kind()),
            Err(ErrorKind::Conflict),
            "{place}"
        );
    }
    for place in 1..=5 {
        let record = ok(store.append(&id("a"), place, &paused(), at(4)).await);
        assert_eq!(record.seq, place);
    }
    let journal = ok(store.journal(&id("a")).await);
    let places: Vec<u64> = journal.iter().map(|r| r.seq).collect();
    assert_eq!(places, [1, 2, 3, 4, 5]);
}

async fn unfinished_lists_what_has_no_end(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    assert_eq!(ok(store.unfinished().await), []);
    ok(store.open_execution(&execution("a")).await);
    ok(store.append(&id("a"), 1, &paused(), at(3)).await);
    assert_eq!(ok(store.unfinished().await), [execution("a")]);
    ok(store.append(&id("a"), 2, &finished(), at(4)).await);
    assert_eq!(ok(store.unfinished().await), []);
}

async fn executions_come_newest_first(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    for name in ["b", "c", "a"] {
        ok(store.open_execution(&execution(name)).await);
        ok(store.append(&id(name), 1, &finished(), at(3)).await);
    }
    let newest = ok(store.executions(&service(), 2).await);
    assert_eq!(newest, [execution("a"), execution("c")]);
    let other = ServiceName::new("other").expect("a name");
    assert_eq!(ok(store.executions(&other, 2).await), []);
}

async fn everything_is_there_after_a_reopen(factory: &dyn StoreFactory) {
    let store = registered(factory).await;
    ok(store
        .claim_epoch(&service(), Epoch(1), &id("a"), at(2))
        .await);
    ok(store.open_execution(&execution("a")).await);
    for place in 1..=3 {
        ok(store.append(&id("a"), place, &paused(), at(3)).await);
    }
    let record = ok(store.service(&service()).await);
    let journal = ok(store.journal(&id("a")).await);
    drop(store);

    let store = open(factory).await;
    assert_eq!(ok(store.service(&service()).await), record);
    assert_eq!(ok(store.journal(&id("a")).await), journal);
    assert_eq!(ok(store.execution(&id("a")).await), execution("a"));
    assert_eq!(ok(store.unfinished().await), [execution("a")]);
}

fn ok<T>(result: PortResult<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}: {}", error.code(), error.chain()),
    }
}

async fn open(factory: &dyn StoreFactory) -> Arc<dyn Store> {
    ok(factory.open().await)
}

async fn registered(factory: &dyn StoreFactory) -> Arc<dyn Store> {
    let store = open(factory).await;
    ok(store.register(&service(), &site("seoul"), at(1)).await);
    store
}

fn service() -> ServiceName {
    ServiceName::new("orders").expect("a name")
}

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

fn id(name: &str) -> ExecutionId {
    ExecutionId::new(name).expect("a name")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn paused() -> JournalEntry {
    JournalEntry::Paused {
        by: "수진".to_owned(),
    }
}

fn finished() -> JournalEntry {
    JournalEntry::Finished {
        state: ExecutionState::Completed,
    }
}

/// An execution of an empty runbook; the store does not look inside.
pub fn execution(name: &str) -> Execution {
    let runbook = Runbook {
        kind: RunbookKind::Failover,
        service: service(),
        from: site("seoul"),
        to: site("busan"),
        based_on: Epoch(1),
        epoch: Epoch(2),
        fence_override: None,
        steps: Vec::new(),
    };
    Execution {
        id: id(name),
        hash: runbook.hash(),
        runbook,
        trigger: Trigger::Operator {
            who: "수진".to_owned(),
        },
        opened_at: at(2),
    }
}
