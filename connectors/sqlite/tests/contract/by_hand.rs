//! Restoring without PlanB, exactly as docs.md says: `zstd` and `sqlite3` only.

use crate::bench::{Site, Vault, order};
use crate::periodic::behind;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The commands of docs.md, run as they stand there.
fn commands() -> String {
    let docs = include_str!("../../docs.md");
    let block = docs.split("```sh\n").nth(1).expect("a block of commands");
    block.split("```").next().expect("its end").to_owned()
}

fn pack(bytes: &[u8], path: &Path) {
    let mut zstd = Command::new("zstd")
        .args(["-q", "-o"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("zstd is installed (cargo xtask services)");
    let mut into = zstd.stdin.take().expect("piped");
    into.write_all(bytes).expect("taken");
    drop(into);
    assert!(zstd.wait().expect("ended").success());
}

fn ask(path: &Path, sql: &str) -> String {
    let out = Command::new("sqlite3")
        .arg(path)
        .arg(sql)
        .output()
        .expect("sqlite3 is installed (cargo xtask services)");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("text")
}

/// Restores `vault` with the commands and compares with `source`.
fn restore_by_hand(vault: &Vault, source: &Site) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    pack(&vault.pages, &folder.path().join("pages.zst"));
    std::fs::create_dir(folder.path().join("log")).expect("made");
    for (index, (_, bytes)) in vault.segments.iter().enumerate() {
        pack(bytes, &folder.path().join(format!("log/{:010}", index + 1)));
    }
    let done = Command::new("sh")
        .args(["-e", "-c", &commands()])
        .current_dir(folder.path())
        .output()
        .expect("sh runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );

    let restored = folder.path().join("restored.db");
    assert_eq!(ask(&restored, "PRAGMA integrity_check").trim(), "ok");
    let all = "SELECT id, what, n FROM orders ORDER BY id";
    assert_eq!(ask(&restored, all), ask(&source.path(), all));
}

#[tokio::test]
async fn the_commands_of_the_documentation_restore_everything() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    let mut later = None;
    // Long enough for several WAL files, with a snapshot while the log is open.
    for round in 0..30 {
        writer
            .execute_batch(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
                 INSERT INTO orders (what) SELECT hex(randomblob(1000)) FROM n",
            )
            .expect("written");
        order(&writer, &format!("round {round}"));
        if round == 10 {
            // One transaction in several segments.
            let long = "INSERT INTO orders (what) VALUES (hex(randomblob(6000000)))";
            writer.execute_batch(long).expect("written");
        }
        if round == 20 {
            later = Some(Vault::snapshot(&source).await);
        }
        vault.ship(log.as_mut()).await;
    }
    assert!(!vault.end().at.starts_with("wal:0:"), "one WAL only");
    restore_by_hand(&vault, &source);
    // Without anything of what was before it.
    let later = behind(&later.expect("taken"), &vault);
    assert!(later.segments.len() < vault.segments.len() / 2);
    restore_by_hand(&later, &source);
}
