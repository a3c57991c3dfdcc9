//! `planb up` with a signing key in its plan: what it writes is signed, and a
//! forged snapshot is refused and told.

mod common;

use common::{SITES, Stage, wait_shipped};
use planb_model::recovery::ObjectHash;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A stage whose plan signs, and the public key.
fn signed_stage() -> (Stage, String) {
    let stage = Stage::new("approve");
    let key = stage.dir.path().join("signing.pem");
    let public = make_key(&key);
    let signing = format!(
        "vault: {{ signing: {{ key: {{ file: \"{}\" }}, trusted: [\"{public}\"] }}, ",
        key.display()
    );
    stage.change_plan("vault: { ", &signing);
    (stage, public)
}

/// Makes a key pair, the public half as a file beside it; its middle line.
fn make_key(private: &Path) -> String {
    let made = openssl(&["genpkey", "-algorithm", "ed25519", "-out"], &[private]);
    assert!(made.status.success(), "{made:?}");
    let printed = openssl(&["pkey", "-pubout", "-in"], &[private]);
    std::fs::write(private.with_extension("pub"), &printed.stdout).expect("the public key");
    let text = String::from_utf8(printed.stdout).expect("PEM");
    text.lines().nth(1).expect("a middle line").to_owned()
}

fn openssl(arguments: &[&str], files: &[&Path]) -> std::process::Output {
    let mut command = Command::new("openssl");
    command.args(arguments).args(files);
    command.output().expect("openssl runs")
}

/// The only manifest, its `.sig` aside.
fn manifest(stage: &Stage) -> PathBuf {
    let folder = stage.dir.path().join("vault/orders/manifest");
    let files = std::fs::read_dir(folder).expect("manifests");
    let mut files = files.map(|file| file.expect("a file").path());
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|e| e == "json");
    files.find(is_manifest).expect("a manifest")
}

/// Writes the manifest under the name of a snapshot that is newer than all, as
/// somebody who can write to the vault would.
fn forge(manifest: &Path) -> PathBuf {
    let text = std::fs::read_to_string(manifest).expect("readable");
    let file = manifest.file_name().and_then(|n| n.to_str()).expect("name");
    let parts: Vec<&str> = file.split('-').collect();
    let [epoch, next, moment, random, _] = parts[..] else {
        panic!("{file}");
    };
    let newer = format!("2099{}", &moment[4..]);
    let forged = text.replacen(
        &format!("{moment}-{random}"),
        &format!("{newer}-{random}"),
        1,
    );
    let hash = ObjectHash::of(forged.as_bytes()).short().to_owned();
    let path = manifest.with_file_name(format!("{epoch}-{next}-{newer}-{random}-{hash}.json"));
    std::fs::write(&path, forged).expect("planted");
    path
}

#[test]
fn what_is_written_is_signed_and_a_forged_snapshot_is_refused_and_told() {
    let (stage, public) = signed_stage();
    let up = stage.up(&[]);
    let status = stage.wait_protected(SITES[0]);
    assert!(status["protection"]["vaultError"].is_null(), "{status}");
    wait_shipped(&stage);

    // By hand, with the public key alone.
    let manifest = manifest(&stage);
    let signature = PathBuf::from(format!("{}.sig", manifest.display()));
    let pem = stage.dir.path().join("signing.pub");
    let verified = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
        .arg(&pem)
        .arg("-in")
        .arg(&manifest)
        .arg("-sigfile")
        .arg(&signature)
        .output()
        .expect("openssl runs");
    assert!(verified.status.success(), "{verified:?}");
    // Snapshot and log, down to the newest segment.
    let vault = format!("file://{}", stage.dir.path().join("vault").display());
    let restore = |target: &str, key: &str| {
        let target = format!("sqlite:{}", stage.dir.path().join(target).display());
        let vault = ["restore", "--vault", &vault, "--service", "orders"];
        stage.run(&[&vault[..], &["--to", &target, "--trust-signer", key]].concat())
    };
    let restored = restore("copy.db", &public);
    assert!(restored.status.success(), "{restored:?}");
    let stranger = make_key(&stage.dir.path().join("stranger.pem"));
    let refused = restore("stranger.db", &stranger);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("PB-REPO-SIGNATURE"), "{said}");
    assert!(!stage.dir.path().join("stranger.db").exists());

    let forged = forge(&manifest);
    let told = |status: &serde_json::Value| {
        let error = status["protection"]["vaultError"].as_str();
        error.is_some_and(|text| text.contains("[PB-REPO-SIGNATURE]") && text.contains("2099"))
    };
    let status = stage.wait("the alarm", || stage.status().filter(|s| told(s)));
    assert_eq!(
        status["protection"]["state"], "protected",
        "the true one is there"
    );
    let shown = stage.run(&["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("! [PB-REPO-SIGNATURE]"), "{shown}");

    // Only the forged one is left: nothing can be restored, and nobody says so twice.
    for path in [&manifest, &signature] {
        std::fs::remove_file(path).expect("removed");
    }
    stage.wait("degraded protection", || {
        let status = stage.status()?;
        (told(&status) && status["protection"]["state"] == "degraded").then_some(())
    });
    assert!(forged.exists(), "evidence stays");
    let refused = restore("forged.db", &public);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("PB-REPO-SIGNATURE"), "{said}");
    assert!(!stage.dir.path().join("forged.db").exists());
    assert_eq!(up.stop(), Some(0));
}
