//! The commands of docs/how-to/restore-by-hand.md, as they stand there: nothing
//! but `age`, `zstd`, `jq` and the database's own client touches the vault.

use crate::bench::Bench;
use std::path::Path;
use std::process::Command;

/// The shell block behind the text `after`.
pub fn block(after: &str) -> String {
    let page = include_str!("../../../../docs/how-to/restore-by-hand.md");
    let (_, rest) = page.split_once(after).expect("the heading");
    let (_, rest) = rest.split_once("```sh\n").expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// Puts the encrypted vault and its key into `folder`; gives the commands that
/// unpack it there.
pub fn unpack(bench: &Bench, folder: &Path) -> String {
    let vault = folder.join("vault");
    bench.write_to(&vault);
    std::fs::write(folder.join("key.txt"), bench.identity()).expect("written");
    format!(
        "set -eu\n{}\n{}\n",
        block("in an empty folder:").replace("/path/to/the/copy", &vault.display().to_string()),
        block("## 1. Unpack"),
    )
}

/// Runs `script` in `folder` and demands that it goes well.
pub fn run(folder: &Path, script: &str) {
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
