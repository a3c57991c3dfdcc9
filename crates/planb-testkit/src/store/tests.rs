//! Tests of the memory store's promises.

use super::*;
use crate::Fault;
use planb_model::execution::{ExecutionState, Trigger};
use planb_model::runbook::{Runbook, RunbookKind};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn service() -> ServiceName {
    ServiceName::new("orders").expect("a name")
}

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

fn id(name: &str) -> ExecutionId {
    ExecutionId::new(name).expect("a name")
}

fn execution(name: &str) -> Execution {
    let runbook = Runbook {
        kind: RunbookKind::Failover,
        service: service(),
        from: site("seoul"),
        to: site("busan"),
        based_on: Epoch(1),
        epoch: Epoch(2),
        fence_override: None,
        steps: vec![],
    };
    Execution {
        id: id(name),
        hash: runbook.hash(),
        runbook,
        trigger: Trigger::Operator { who: "kim".into() },
        opened_at: NOW,
    }
}

async fn registered() -> MemoryStore {
    let store = MemoryStore::new();
    let registered = store.register(&service(), &site("seoul"), NOW).await;
    assert_eq!(registered.expect("new").epoch, Epoch::FIRST);
    store
}

#[tokio::test]
async fn an_epoch_has_one_claimant() {
    let store = registered().await;
    let claim = async |who: &str, based_on| {
        let (service, id) = (service(), id(who));
        let claimed = store.claim_epoch(&service, Epoch(based_on), &id, NOW);
        claimed.await.map_err(|e| e.kind())
    };
    let fenced = Err(ErrorKind::Fenced { current: Epoch(2) });
    assert_eq!(claim("a", 1).await, Ok(Epoch(2)));
    assert_eq!(claim("a", 1).await, Ok(Epoch(2)), "the same again");
    assert_eq!(claim("b", 1).await, fenced);
    assert_eq!(claim("b", 2).await, Ok(Epoch(3)));
    let again = store.register(&service(), &site("busan"), NOW).await;
    assert_eq!(again.expect("there").active, site("seoul"));
}

#[tokio::test]
async fn an_older_epoch_does_not_activate() {
    let store = registered().await;
    let claimed = store.claim_epoch(&service(), Epoch(1), &id("a"), NOW).await;
    assert_eq!(claimed.expect("free"), Epoch(2));
    let activate = async |name, epoch| {
        let (service, site) = (service(), site(name));
        let done = store.activate(&service, &site, Epoch(epoch), NOW);
        done.await.map(|r| r.active).map_err(|e| e.kind())
    };
    let fenced = Err(ErrorKind::Fenced { current: Epoch(2) });
    assert_eq!(activate("busan", 1).await, fenced);
    assert_eq!(activate("busan", 2).await, Ok(site("busan")));
    assert_eq!(activate("busan", 3).await, Err(ErrorKind::Conflict));
}

#[tokio::test]
async fn a_service_has_one_open_execution_and_a_journal_one_writer() {
    let store = registered().await;
    let open = async |name: &str| {
        let opened = store.open_execution(&execution(name)).await;
        opened.map_err(|e| e.kind())
    };
    let append = async |seq, entry: &JournalEntry| {
        let appended = store.append(&id("a"), seq, entry, NOW).await;
        appended.map(|r| r.seq).map_err(|e| e.kind())
    };
    assert_eq!(open("a").await, Ok(()));
    assert_eq!(open("a").await, Err(ErrorKind::AlreadyExists));
    assert_eq!(open("b").await, Err(ErrorKind::Conflict));
    let entry = JournalEntry::Paused { by: "kim".into() };
    assert_eq!(append(1, &entry).await, Ok(1));
    assert_eq!(append(1, &entry).await, Err(ErrorKind::Conflict));
    assert_eq!(append(3, &entry).await, Err(ErrorKind::Conflict));
    let state = ExecutionState::Canceled;
    assert_eq!(append(2, &JournalEntry::Finished { state }).await, Ok(2));
    assert_eq!(open("b").await, Ok(()));
    let unfinished = store.unfinished().await.expect("readable");
    assert_eq!(unfinished, [execution("b")]);
    let newest = store.executions(&service(), 1).await.expect("readable");
    assert_eq!(newest, [execution("b")]);
}

#[tokio::test(start_paused = true)]
async fn an_append_without_an_answer_is_there_on_asking() {
    let store = registered().await;
    store.open_execution(&execution("a")).await.expect("free");
    let link = Link::direct();
    link.script("append", 1, Fault::TimeoutAfter);
    let far = store.through(link);
    let entry = JournalEntry::Paused { by: "kim".into() };
    let error = far
        .append(&id("a"), 1, &entry, NOW)
        .await
        .expect_err("lost");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let journal = far.journal(&id("a")).await.expect("readable");
    assert_eq!(journal[0].entry, entry);
}
