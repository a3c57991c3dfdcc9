//! The commands of docs/how-to/restore-by-hand.md, as they stand there: nothing
//! but `age`, `zstd`, `jq` and the database's own client touches the vault.

use crate::bench::Bench;
use std::path::Path;
use std::process::{Command, Output};

/// The shell block behind the text `after`.
pub fn block(after: &str) -> String {
    let page = include_str!("../../../../docs/how-to/restore-by-hand.md");
    let (_, rest) = page.split_once(after).expect("the heading");
    let (_, rest) = rest.split_once("```sh\n").expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// Puts the encrypted vault and its keys into `folder`; gives the commands that
/// unpack it there.
pub fn unpack(bench: &Bench, folder: &Path) -> String {
    let vault = folder.join("vault");
    bench.write_to(&vault);
    std::fs::write(folder.join("key.txt"), bench.identity()).expect("written");
    std::fs::write(folder.join("public.pem"), bench.public_key()).expect("written");
    format!(
        "set -eu\n{}\n{}\n",
        block("in an empty folder:").replace("/path/to/the/copy", &vault.display().to_string()),
        block("## 1. Unpack"),
    )
}

/// Runs `script` in `folder` and demands that it goes well; what it said.
pub fn run(folder: &Path, script: &str) -> String {
    let output = bash(folder, script);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn bash(folder: &Path, script: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(folder);
    command.output().expect("bash runs")
}

/// Hashes and signatures of what `unpack` unpacked, by `b3sum` and `openssl`; and
/// that one changed byte is found.
pub fn trust(bench: &Bench, folder: &Path) {
    let hashes = block("To check before you trust it:");
    let signatures = block("In a signed vault");
    let check = unpack(bench, folder) + &hashes + &signatures;
    let said = run(folder, &check);
    let parts = bench.newest_manifest().parts.len();
    assert_eq!(said.matches(": OK").count(), parts, "{said}");
    let log = std::fs::read_dir(folder.join("log")).expect("unpacked");
    let unpacked = log.count();
    let good = said.matches("Signature Verified Successfully").count();
    assert!(
        unpacked > 1 && good > unpacked,
        "each segment and the manifest: {said}"
    );
    assert!(!said.contains("damaged"), "{said}");

    // The last segment is still there as `segment`: what the format's page says
    // about one gives the same digits twice.
    let format = include_str!("../../../../docs/formats/vault.md");
    let (_, commands) = format
        .split_once("and the hash it is over by `b3sum`:\n")
        .expect("told");
    let (commands, _) = commands.split_once("```").expect("their end");
    let said = run(folder, &format!("set -eu\n{commands}"));
    let digits: Vec<&str> = said.lines().filter_map(|line| line.get(..64)).collect();
    assert!(digits.len() == 2 && digits[0] == digits[1], "{said}");

    let plain = std::fs::read(folder.join("segment")).expect("there");
    for (name, at) in [("hash", 20), ("signature", plain.len() - 1)] {
        let mut changed = plain.clone();
        changed[at] ^= 1;
        std::fs::write(folder.join("segment"), changed).expect("written");
        let output = bash(folder, &format!("set -eu\n{commands}"));
        let said = String::from_utf8_lossy(&output.stdout);
        let digits: Vec<&str> = said.lines().filter_map(|line| line.get(..64)).collect();
        let same = digits.len() == 2 && digits[0] == digits[1];
        assert!(!output.status.success() || !same, "{name}: {said}");
    }
}
