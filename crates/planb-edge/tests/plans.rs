//! Which plans are taken, and how long they last.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "tests damage files on purpose")]

mod support;

use async_trait::async_trait;
use planb_connector_system::{SystemClock, SystemDisk};
use planb_edge::Edge;
use planb_model::traffic::{Origin, TrafficMode, TrafficPlan};
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::disk::DiskFile;
use planb_ports::{Disk, ErrorKind, PortError, PortResult};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

async fn refused(edge: &Edge, plan: &TrafficPlan) -> (ErrorKind, &'static str) {
    let before = edge.traffic().current(&service()).await.unwrap();
    let error = edge.traffic().apply(plan).await.unwrap_err();
    assert!(error.hint_text().is_some(), "{error}");
    assert_eq!(edge.traffic().current(&service()).await.unwrap(), before);
    (error.kind(), error.code())
}

#[tokio::test]
async fn an_older_epoch_is_refused_whatever_its_revision() {
    let (old, new) = (well("old").await, well("new").await);
    let edge = edge_to(&[("seoul", old.address)]).await;
    edge.traffic()
        .apply(&plan(2, 1, &[("busan", new.address)]))
        .await
        .unwrap();
    let stale = plan(1, 99, &[("seoul", old.address)]);
    let fenced = ErrorKind::Fenced { current: Epoch(2) };
    assert_eq!(refused(&edge, &stale).await, (fenced, "PB-FENCED"));
    assert_eq!(get(&edge).await.body, "new");
    assert_eq!(old.count(), 0);
}

#[tokio::test]
async fn within_an_epoch_only_a_higher_revision_replaces() {
    let (a, b) = (well("a").await, well("b").await);
    let edge = start(config()).await;
    let held = plan(3, 5, &[("seoul", a.address)]);
    edge.traffic().apply(&held).await.unwrap();
    let conflict = (ErrorKind::Conflict, "PB-EDGE-CONFLICT");
    assert_eq!(
        refused(&edge, &plan(3, 5, &[("busan", b.address)])).await,
        conflict
    );
    assert_eq!(
        refused(&edge, &plan(3, 4, &[("busan", b.address)])).await,
        conflict
    );
    assert_eq!(get(&edge).await.body, "a");
    edge.traffic().apply(&held).await.unwrap();
    assert_eq!(edge.metrics().plans_applied, 1);
    edge.traffic()
        .apply(&plan(3, 6, &[("busan", b.address)]))
        .await
        .unwrap();
    assert_eq!(get(&edge).await.body, "b");
}

#[tokio::test]
async fn a_plan_by_which_nothing_could_be_served_is_refused() {
    let origin = well("well").await;
    let edge = edge_to(&[("seoul", origin.address)]).await;
    let empty = plan(9, 1, &[]);
    assert_eq!(
        refused(&edge, &empty).await,
        (ErrorKind::Invalid, "PB-EDGE-NOT-SERVABLE")
    );
    let many = vec![("seoul", origin.address); 17];
    assert_eq!(
        refused(&edge, &plan(9, 1, &many)).await.1,
        "PB-EDGE-NOT-SERVABLE"
    );
    let mut bad = plan(9, 1, &[]);
    let url = "https://somewhere:1".to_owned();
    let site = SiteName::new("seoul").unwrap();
    bad.mode = TrafficMode::Serve {
        origins: vec![Origin { site, url }],
    };
    assert_eq!(refused(&edge, &bad).await.1, "PB-EDGE-ORIGIN");
    let mut other = plan(9, 1, &[("seoul", origin.address)]);
    other.service = ServiceName::new("other").unwrap();
    assert_eq!(refused(&edge, &other).await.1, "PB-EDGE-OTHER-SERVICE");
    assert_eq!(edge.traffic().current(&other.service).await.unwrap(), None);
    assert_eq!(get(&edge).await.body, "well");
}

#[tokio::test]
async fn without_a_plan_there_is_the_maintenance_page() {
    let edge = start(config()).await;
    assert_eq!(edge.traffic().current(&service()).await.unwrap(), None);
    let reply = get(&edge).await;
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());
    assert_eq!(reply.header("x-planb-epoch"), None);
}

#[tokio::test]
async fn a_restarted_edge_goes_on_serving_its_plan_and_remembers_its_epoch() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config();
    config.state_file = Some(home.path().join("edge/orders.json"));
    let origin = well("well").await;
    let held = plan(4, 2, &[("seoul", origin.address)]);
    let edge = start(config.clone()).await;
    edge.traffic().apply(&held).await.unwrap();
    drop(edge);
    let edge = start(config).await;
    assert_eq!(get(&edge).await.body, "well");
    assert_eq!(
        edge.traffic().current(&service()).await.unwrap(),
        Some(held)
    );
    let fenced = ErrorKind::Fenced { current: Epoch(4) };
    assert_eq!(refused(&edge, &maintenance(3, 9)).await.0, fenced);
}

#[tokio::test]
async fn a_damaged_state_file_is_said_and_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("orders.json");
    let mut config = config();
    config.state_file = Some(path.clone());
    let edge = start(config.clone()).await;
    edge.traffic().apply(&maintenance(1, 1)).await.unwrap();
    drop(edge);
    let good = std::fs::read_to_string(&path).unwrap();
    let bad = [
        String::new(),
        good[..good.len() / 2].to_owned(),
        good.replace("\"format\": 1", "\"format\": 2"),
        good.replace("orders", "others"),
    ];
    for bad in bad {
        assert_ne!(bad, good);
        std::fs::write(&path, &bad).unwrap();
        let clock = Arc::new(SystemClock::new());
        let error = Edge::start(config.clone(), Arc::new(SystemDisk), clock)
            .await
            .err()
            .unwrap();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Corrupt, "PB-EDGE-STATE")
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), bad);
    }
}

/// A disk that is full until it is told otherwise.
#[derive(Default)]
struct FullDisk {
    has_space: AtomicBool,
}

#[async_trait]
impl Disk for FullDisk {
    async fn read(&self, path: &Path) -> PortResult<Vec<u8>> {
        SystemDisk.read(path).await
    }

    async fn write_atomic(&self, path: &Path, bytes: &[u8]) -> PortResult<()> {
        if self.has_space.load(Ordering::SeqCst) {
            SystemDisk.write_atomic(path, bytes).await
        } else {
            Err(PortError::new(ErrorKind::NoSpace, "PB-DISK-FULL", "full"))
        }
    }

    async fn read_up_to(&self, path: &Path, bytes_max: u64) -> PortResult<Vec<u8>> {
        SystemDisk.read_up_to(path, bytes_max).await
    }

    async fn list(&self, directory: &Path) -> PortResult<Vec<DiskFile>> {
        SystemDisk.list(directory).await
    }

    async fn remove(&self, path: &Path) -> PortResult<()> {
        SystemDisk.remove(path).await
    }

    async fn free_bytes(&self, _path: &Path) -> PortResult<u64> {
        Ok(0)
    }
}

#[tokio::test]
async fn a_plan_that_cannot_be_kept_is_not_served() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config();
    config.state_file = Some(home.path().join("orders.json"));
    let disk = Arc::new(FullDisk::default());
    let edge = Edge::start(config, disk.clone(), Arc::new(SystemClock::new()))
        .await
        .unwrap();
    let origin = well("well").await;
    let wanted = plan(1, 1, &[("seoul", origin.address)]);
    let error = edge.traffic().apply(&wanted).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!(get(&edge).await.status, 503);
    disk.has_space.store(true, Ordering::SeqCst);
    edge.traffic().apply(&wanted).await.unwrap();
    assert_eq!(get(&edge).await.body, "well");
}

#[tokio::test]
async fn a_new_plan_holds_at_once_and_requests_in_flight_end_well() {
    let go = Arc::new(Notify::new());
    let (reached, released) = (Arc::new(Notify::new()), go.clone());
    let arrived = reached.clone();
    let slow = scripted(move |mut stream, _| {
        let (arrived, released) = (arrived.clone(), released.clone());
        async move {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nold")
                .await
                .unwrap();
            arrived.notify_one();
            released.notified().await;
            stream.write_all(b"end").await.unwrap();
        }
    })
    .await;
    let new = well("new").await;
    let edge = edge_to(&[("seoul", slow)]).await;
    let mut client = connect(&edge).await;
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    client.write_all(request).await.unwrap();
    in_time(reached.notified()).await;
    edge.traffic().apply(&maintenance(1, 2)).await.unwrap();
    assert_eq!(get(&edge).await.status, 503);
    edge.traffic()
        .apply(&plan(2, 1, &[("busan", new.address)]))
        .await
        .unwrap();
    assert_eq!(get(&edge).await.body, "new");
    go.notify_one();
    let mut answer = vec![0; 4096];
    let mut read = 0;
    while !answer[..read].ends_with(b"oldend") {
        let more = in_time(client.read(&mut answer[read..])).await.unwrap();
        assert_ne!(more, 0, "{}", String::from_utf8_lossy(&answer[..read]));
        read += more;
    }
    // The same connection, kept alive, is now served by the new plan.
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    in_time(client.read_to_end(&mut rest)).await.unwrap();
    let reply = Reply::parse(&rest).unwrap();
    assert_eq!(
        (reply.body.as_str(), reply.header("x-planb-epoch")),
        ("new", Some("2"))
    );
}
