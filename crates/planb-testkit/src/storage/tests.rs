//! Tests of the memory storage's faults.

use super::*;
use crate::Fault;

fn keys(list: PortResult<Vec<ObjectInfo>>) -> Vec<String> {
    list.expect("listed").into_iter().map(|i| i.key).collect()
}

#[tokio::test(start_paused = true)]
async fn create_is_conditional_also_after_a_timeout() {
    let link = Link::direct();
    let storage = MemoryStorage::new().through(link.clone());
    link.script("create", 1, Fault::TimeoutAfter);
    let lost = storage.create("a", Bytes::from_static(b"1")).await;
    assert_eq!(lost.expect_err("lost").kind(), ErrorKind::Timeout);
    let again = storage.create("a", Bytes::from_static(b"2")).await;
    assert_eq!(again.expect_err("there").kind(), ErrorKind::AlreadyExists);
    assert_eq!(storage.read("a").await.expect("there"), "1");
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_whole_or_not_there() {
    let link = Link::direct();
    let storage = MemoryStorage::new().through(link.clone());
    link.script("upload-finish", 1, Fault::Unavailable);
    for there in [false, true] {
        let mut upload = storage.upload("big").await.expect("begun");
        for _ in 0..3 {
            let chunk = Bytes::from(vec![7; CHUNK_BYTES]);
            upload.write(chunk).await.expect("taken");
            assert!(storage.keys().is_empty());
        }
        assert_eq!(upload.finish().await.is_ok(), there);
        assert_eq!(storage.peek("big").is_some(), there);
    }
    let chunks = storage.read_stream("big").await.expect("there");
    assert_eq!(chunks.count().await, 3);
}

#[tokio::test(start_paused = true)]
async fn listings_are_sorted_bounded_and_may_be_stale() {
    let storage = MemoryStorage::new();
    for key in ["log/2", "log/1", "other", "log/3"] {
        storage.plant(key, "x");
    }
    assert_eq!(
        keys(storage.list("log/", Some("log/1")).await),
        ["log/2", "log/3"]
    );
    storage.set_list_lag(Duration::from_secs(5));
    assert!(keys(storage.list("", None).await).is_empty());
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(keys(storage.list("", None).await).len(), 4);
}

#[tokio::test]
async fn a_damaged_object_differs_and_a_full_storage_says_so() {
    let storage = MemoryStorage::new();
    storage.plant("a", "hello");
    assert!(storage.corrupt("a") && !storage.corrupt("b"));
    assert_ne!(storage.peek("a").expect("there"), "hello");
    storage.set_capacity_bytes(Some(6));
    let full = storage.create("b", Bytes::from_static(b"xx")).await;
    assert_eq!(full.expect_err("full").kind(), ErrorKind::NoSpace);
}

#[tokio::test(start_paused = true)]
async fn a_torn_call_does_half() {
    let link = Link::direct();
    let storage = MemoryStorage::new().through(link.clone());
    for (method, nth) in [("upload-write", 1), ("upload-finish", 1), ("create", 1)] {
        link.script(method, nth, Fault::Torn);
    }
    let mut upload = storage.upload("big").await.expect("begun");
    let torn = upload.write(Bytes::from(vec![7; 10])).await;
    assert_eq!(torn.expect_err("torn").kind(), ErrorKind::Timeout);
    let torn = upload.finish().await.expect_err("torn");
    assert_eq!(torn.kind(), ErrorKind::Timeout);
    let torn = storage.create("small", Bytes::from_static(b"12")).await;
    assert_eq!(torn.expect_err("torn").kind(), ErrorKind::Timeout);
    assert!(storage.keys().is_empty(), "nothing is visible of it");

    storage.plant("old", vec![7; 2 * CHUNK_BYTES]);
    tokio::time::advance(Duration::from_secs(1)).await;
    storage.plant("new", "x");
    link.script("list", 1, Fault::Torn);
    assert_eq!(keys(storage.list("", None).await), ["old"]);
    assert_eq!(keys(storage.list("", None).await), ["new", "old"]);
    link.script("read-chunk", 1, Fault::Torn);
    let chunks = storage.read_stream("old").await.expect("there");
    let read: Vec<_> = chunks.collect().await;
    let lengths = read.into_iter().map(|chunk| chunk.expect("a chunk").len());
    assert_eq!(lengths.sum::<usize>(), CHUNK_BYTES + CHUNK_BYTES / 2);
}
