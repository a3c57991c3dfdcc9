//! What any [`VaultStorage`] must do.
//!
//! Each check works below a folder of its own, so that they can run on one
//! storage one after the other, and again on the same storage under another root.

use crate::storage::ObjectInfo;
use crate::{ErrorKind, PortResult, VaultStorage};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use std::fmt::Debug;

/// More than one part of any multipart upload, so that joining is tested too.
const LARGE_BYTES: usize = 20 * 1024 * 1024 + 17;
/// Pieces the large object is written in.
const PIECE_BYTES: usize = 1024 * 1024;
/// Writers that race for one key.
const RACERS: usize = 8;

/// Runs every check below `root`, a folder nobody else uses.
pub async fn check_all(storage: &dyn VaultStorage, root: &str) {
    create_never_replaces(storage, &format!("{root}/create")).await;
    one_of_many_creators_wins(storage, &format!("{root}/race")).await;
    missing_objects_are_not_found(storage, &format!("{root}/missing")).await;
    listing_is_sorted_and_filtered(storage, &format!("{root}/list")).await;
    small_uploads(storage, &format!("{root}/small")).await;
    large_uploads(storage, &format!("{root}/large")).await;
    given_up_uploads_leave_nothing(storage, &format!("{root}/abort")).await;
    deleting_twice_is_no_error(storage, &format!("{root}/delete")).await;
}

async fn create_never_replaces(storage: &dyn VaultStorage, dir: &str) {
    let key = format!("{dir}/0000000001-abc");
    must("create", storage.create(&key, Bytes::from("one")).await);
    let again = storage.create(&key, Bytes::from("two")).await;
    must_fail("create over an object", again, ErrorKind::AlreadyExists);
    let same = storage.create(&key, Bytes::from("one")).await;
    must_fail("create the same again", same, ErrorKind::AlreadyExists);
    assert_eq!(must("read", storage.read(&key).await), "one");
    let empty = format!("{dir}/empty");
    must("create empty", storage.create(&empty, Bytes::new()).await);
    assert_eq!(must("read empty", storage.read(&empty).await), "");
    assert_eq!(stream(storage, &empty).await, "");
}

async fn one_of_many_creators_wins(storage: &dyn VaultStorage, dir: &str) {
    let key = format!("{dir}/key");
    let creates = (0..RACERS).map(|i| storage.create(&key, Bytes::from(format!("writer {i}"))));
    let results = join_all(creates).await;
    let winners: Vec<usize> = (0..RACERS).filter(|i| results[*i].is_ok()).collect();
    let [winner] = winners[..] else {
        panic!("exactly one creator must win, not {winners:?}");
    };
    for result in results.into_iter().filter(Result::is_err) {
        must_fail("lose a race", result, ErrorKind::AlreadyExists);
    }
    let content = must("read", storage.read(&key).await);
    assert_eq!(content, format!("writer {winner}"));
}

async fn missing_objects_are_not_found(storage: &dyn VaultStorage, dir: &str) {
    let key = format!("{dir}/nothing");
    must_fail("read", storage.read(&key).await, ErrorKind::NotFound);
    let stream = storage.read_stream(&key).await.map(|_| ());
    must_fail("read_stream", stream, ErrorKind::NotFound);
    assert_eq!(list(storage, dir, None).await, Vec::<String>::new());
}

async fn listing_is_sorted_and_filtered(storage: &dyn VaultStorage, dir: &str) {
    let names = ["b/2", "a-1", "a/1", "b/10", "b/1", "c"];
    for name in names {
        let key = format!("{dir}/{name}");
        must("create", storage.create(&key, Bytes::from(name)).await);
    }
    let full = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("{dir}/{name}")).collect()
    };
    let all = full(&["a-1", "a/1", "b/1", "b/10", "b/2", "c"]);
    assert_eq!(list(storage, &format!("{dir}/"), None).await, all);
    let folder = full(&["b/1", "b/10", "b/2"]);
    assert_eq!(list(storage, &format!("{dir}/b/"), None).await, folder);
    let prefix = full(&["b/1", "b/10"]);
    assert_eq!(list(storage, &format!("{dir}/b/1"), None).await, prefix);
    let after = format!("{dir}/b/1");
    let rest = full(&["b/10", "b/2"]);
    assert_eq!(
        list(storage, &format!("{dir}/b/"), Some(&after)).await,
        rest
    );
    let between = format!("{dir}/a/5");
    let later = full(&["b/1", "b/10", "b/2", "c"]);
    assert_eq!(
        list(storage, &format!("{dir}/"), Some(&between)).await,
        later
    );
    let one = must("list", storage.list(&format!("{dir}/c"), None).await);
    let expected = ObjectInfo {
        key: format!("{dir}/c"),
        size: 1,
    };
    assert_eq!(one, [expected]);
}

async fn small_uploads(storage: &dyn VaultStorage, dir: &str) {
    let key = format!("{dir}/part");
    let mut upload = must("upload", storage.upload(&key).await);
    must("write", upload.write(Bytes::from("hello ")).await);
    must("write", upload.write(Bytes::from("vault")).await);
    must_fail("read early", storage.read(&key).await, ErrorKind::NotFound);
    must("finish", upload.finish().await);
    assert_eq!(must("read", storage.read(&key).await), "hello vault");

    let mut second = must("upload", storage.upload(&key).await);
    must("write", second.write(Bytes::from("replaced")).await);
    must_fail("finish", second.finish().await, ErrorKind::AlreadyExists);
    assert_eq!(must("read", storage.read(&key).await), "hello vault");
}

async fn large_uploads(storage: &dyn VaultStorage, dir: &str) {
    let key = format!("{dir}/part");
    let content: Bytes = (0..LARGE_BYTES).map(|i| (i % 251) as u8).collect();
    upload_pieces(storage, &key, &content).await;
    let listed = must("list", storage.list(&format!("{dir}/"), None).await);
    let expected = ObjectInfo {
        key: key.clone(),
        size: LARGE_BYTES as u64,
    };
    assert_eq!(listed, [expected]);
    assert!(must("read", storage.read(&key).await) == content, "read");
    assert!(stream(storage, &key).await == content, "read_stream");

    let mut second = must("upload", storage.upload(&key).await);
    let zeros = Bytes::from(vec![0; LARGE_BYTES]);
    must("write", second.write(zeros).await);
    must_fail("finish", second.finish().await, ErrorKind::AlreadyExists);
    assert!(must("read", storage.read(&key).await) == content, "kept");
    assert_eq!(list(storage, &format!("{dir}/"), None).await, [key]);
}

async fn upload_pieces(storage: &dyn VaultStorage, key: &str, content: &Bytes) {
    let mut upload = must("upload", storage.upload(key).await);
    for start in (0..content.len()).step_by(PIECE_BYTES) {
        let end = content.len().min(start + PIECE_BYTES);
        must("write", upload.write(content.slice(start..end)).await);
    }
    must_fail("read early", storage.read(key).await, ErrorKind::NotFound);
    must("finish", upload.finish().await);
}

async fn given_up_uploads_leave_nothing(storage: &dyn VaultStorage, dir: &str) {
    for (name, bytes) in [("small", 10), ("large", LARGE_BYTES)] {
        let aborted = format!("{dir}/aborted-{name}");
        let mut upload = must("upload", storage.upload(&aborted).await);
        must("write", upload.write(Bytes::from(vec![1; bytes])).await);
        must("abort", upload.abort().await);
        let dropped = format!("{dir}/dropped-{name}");
        let mut upload = must("upload", storage.upload(&dropped).await);
        must("write", upload.write(Bytes::from(vec![1; bytes])).await);
        drop(upload);
        for key in [aborted, dropped] {
            must_fail("read", storage.read(&key).await, ErrorKind::NotFound);
        }
    }
    let left = list(storage, &format!("{dir}/"), None).await;
    assert_eq!(left, Vec::<String>::new());
}

async fn deleting_twice_is_no_error(storage: &dyn VaultStorage, dir: &str) {
    let key = format!("{dir}/key");
    must("create", storage.create(&key, Bytes::from("x")).await);
    must("delete", storage.delete(&key).await);
    must("delete again", storage.delete(&key).await);
    must_fail("read", storage.read(&key).await, ErrorKind::NotFound);
    must("create again", storage.create(&key, Bytes::from("y")).await);
}

async fn list(storage: &dyn VaultStorage, prefix: &str, after: Option<&str>) -> Vec<String> {
    let objects = must("list", storage.list(prefix, after).await);
    objects.into_iter().map(|object| object.key).collect()
}

async fn stream(storage: &dyn VaultStorage, key: &str) -> Bytes {
    let mut chunks = must("read_stream", storage.read_stream(key).await);
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await {
        all.extend_from_slice(&must("chunk", chunk));
    }
    all.into()
}

fn must<T>(what: &str, result: PortResult<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {}", error.chain()),
    }
}

fn must_fail<T: Debug>(what: &str, result: PortResult<T>, kind: ErrorKind) {
    match result {
        Ok(value) => panic!("{what}: {kind:?} was expected, not {value:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}: {}", error.chain()),
    }
}
