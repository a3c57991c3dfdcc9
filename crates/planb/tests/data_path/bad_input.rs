//! What users and broken vaults give the verbs: a clear error, the right exit
//! code, and nothing lost.

use crate::desk::{Desk, count, sqlite};
use std::path::{Path, PathBuf};

fn desk() -> Desk {
    let desk = Desk::new();
    sqlite(
        &desk.path("a.db"),
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('one'), ('two')",
    );
    desk
}

fn files(dir: &Path, wanted: &str, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, wanted, out);
        } else if path.to_string_lossy().contains(wanted) {
            out.push(path);
        }
    }
}

fn objects(desk: &Desk, wanted: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    files(&desk.path("vault"), wanted, &mut out);
    out.sort();
    assert!(!out.is_empty(), "{wanted}");
    out
}

#[test]
fn addresses_that_are_none() {
    let desk = desk();
    let database = desk.sqlite("a.db");
    for url in [
        "nope",
        "",
        "http://h/x",
        "mariadb://u@h",
        "sqlite:",
        "mariadb://u@h/a?x=1",
    ] {
        desk.refused(&["backup", "--database", url], 2, "PB-CLI-ADDRESS");
    }
    for vault in ["nope", "ftp://h/x", "file://relative"] {
        let arguments = ["backup", "--database", &database, "--vault", vault];
        desk.refused(&arguments, 2, "PB-CLI-ADDRESS");
    }
    let to = desk.sqlite("b.db");
    let at = ["restore", "--to", &to, "--at", "yesterday"];
    desk.refused(&at, 2, "PB-CLI-POINT");
    let service = ["backup", "--database", &database, "--service", "Not A Name"];
    desk.refused(&service, 2, "PB-SERVICE-NAME");
}

#[test]
fn secrets_on_the_command_line_are_refused_and_not_shown() {
    let desk = desk();
    for arguments in [
        ["backup", "--database", "mariadb://u:hunter2@h/a"],
        ["backup", "--database", "mysql://u@h/a?password=hunter2"],
    ] {
        let said = desk.refused(&arguments, 2, "PB-CLI-SECRET");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let database = desk.sqlite("a.db");
    let secret = [
        "backup",
        "--database",
        &database,
        "--vault-secret",
        "key=hunter2",
    ];
    let said = desk.refused(&secret, 2, "PB-CLI-SECRET");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn nothing_there() {
    let desk = desk();
    let (missing, to) = (desk.sqlite("missing/x.db"), desk.sqlite("b.db"));
    let output = desk.run(&["backup", "--database", &missing]);
    assert_eq!(output.status.code(), Some(1));
    desk.refused(&["restore", "--to", &to], 1, "PB-REPO-EMPTY");
    desk.refused(&["verify"], 1, "PB-REPO-EMPTY");
    assert_eq!(desk.json(&["points"]), serde_json::json!([]));
    assert!(!desk.path("b.db").exists());
    // The mistake has not taken the vault for a database that is not there.
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
}

#[test]
fn another_engine() {
    let desk = desk();
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    let port = crate::common::free_port();
    let to = format!("mariadb://root@127.0.0.1:{port}/x");
    let output = desk.run(&["restore", "--to", &to]);
    assert_eq!(output.status.code(), Some(1), "nobody listens there");
}

#[test]
fn an_empty_database_comes_back_empty() {
    let desk = Desk::new();
    sqlite(&desk.path("a.db"), "");
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    let restored = desk.json(&["restore", "--to", &desk.sqlite("b.db")]);
    assert_eq!(restored["transactionsApplied"], 0);
}

#[test]
fn keys_that_are_lost_or_wrong() {
    let desk = desk();
    let key = |name: &str| -> (String, String) {
        let path = desk.path(name);
        let made = std::process::Command::new("age-keygen")
            .arg("-o")
            .arg(&path)
            .output()
            .expect("age-keygen runs");
        assert!(made.status.success());
        let text = std::fs::read_to_string(&path).expect("a key");
        let public = text.lines().find_map(|l| l.strip_prefix("# public key: "));
        (
            path.display().to_string(),
            public.expect("a key").to_owned(),
        )
    };
    let ((mine, public), (other, _)) = (key("mine.txt"), key("other.txt"));
    let (database, to) = (desk.sqlite("a.db"), desk.sqlite("b.db"));
    desk.json(&[
        "backup",
        "--database",
        &database,
        "--recipient",
        &public,
        "--identity",
        &mine,
    ]);
    desk.refused(&["restore", "--to", &to], 1, "PB-REPO-NO-IDENTITY");
    let wrong = ["restore", "--to", &to, "--identity", &other];
    desk.refused(&wrong, 1, "PB-REPO-WRONG-IDENTITY");
    desk.refused(
        &["restore", "--to", &to, "--identity", "none.txt"],
        1,
        "PB-SECRET-MISSING",
    );
    assert!(!desk.path("b.db").exists(), "the target was not touched");
    desk.json(&["restore", "--to", &to, "--identity", &mine]);
    assert_eq!(count(&desk.path("b.db"), "SELECT count(*) FROM t"), 2);
}

#[test]
fn a_truncated_part() {
    let desk = desk();
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    let part = &objects(&desk, "/snapshot/")[0];
    let bytes = std::fs::read(part).expect("a part");
    std::fs::write(part, &bytes[..bytes.len() / 2]).expect("half of it");
    let to = desk.sqlite("b.db");
    desk.refused(&["restore", "--to", &to], 1, "PB-REPO-CORRUPT");
    assert!(!desk.path("b.db").exists(), "nothing half was left");
    let points = desk.json(&["points"]);
    assert!(points[0]["snapshot"]["damage"].is_string(), "{points}");
}

#[test]
fn parts_of_two_snapshots_exchanged() {
    let desk = desk();
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    sqlite(&desk.path("a.db"), "INSERT INTO t VALUES ('six')");
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    let parts = objects(&desk, "/snapshot/");
    let (one, two) = (&parts[0], &parts[1]);
    let (a, b) = (
        std::fs::read(one).expect("one"),
        std::fs::read(two).expect("two"),
    );
    std::fs::write(one, b).expect("exchanged");
    std::fs::write(two, a).expect("exchanged");
    let to = desk.sqlite("b.db");
    desk.refused(&["restore", "--to", &to], 1, "PB-REPO-CORRUPT");
    assert!(!desk.path("b.db").exists());
}

#[test]
fn a_forged_manifest() {
    let desk = desk();
    desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
    let manifest = &objects(&desk, "/manifest/")[0];
    let text = std::fs::read_to_string(manifest).expect("a manifest");
    std::fs::write(manifest, text.replace("\"rows\": 2", "\"rows\": 3")).expect("forged");
    let to = desk.sqlite("b.db");
    desk.refused(&["restore", "--to", &to], 1, "PB-REPO-CORRUPT");
    desk.refused(&["verify"], 1, "PB-REPO-CORRUPT");
    assert!(!desk.path("b.db").exists());
}

/// A whole manifest of a format that is not known, under its right name.
fn newer_format(desk: &Desk) {
    let path = objects(desk, "/manifest/").remove(0);
    let text = std::fs::read_to_string(&path).expect("a manifest");
    let newer = text.replacen("\"format\": 1", "\"format\": 2", 1);
    assert_ne!(text, newer);
    let name = path.file_name().expect("a name").to_string_lossy();
    let (stem, _) = name.rsplit_once('-').expect("a hash");
    let hash = planb_model::recovery::ObjectHash::of(newer.as_bytes());
    let renamed = path.with_file_name(format!("{stem}-{}.json", hash.short()));
    std::fs::remove_file(&path).expect("gone");
    std::fs::write(renamed, newer).expect("written");
}

#[test]
fn broken_vaults_are_told_in_english_and_in_korean() {
    type Damage = fn(&Desk);
    let damages: [(&str, Damage, &str, &str); 4] = [
        (
            "PB-REPO-CORRUPT",
            |desk| {
                let part = &objects(desk, "/snapshot/")[0];
                let bytes = std::fs::read(part).expect("a part");
                std::fs::write(part, &bytes[..bytes.len() / 2]).expect("half of it");
            },
            "from a copy of the vault",
            "볼트 복사본에서",
        ),
        (
            "PB-REPO-MISSING",
            |desk| std::fs::remove_file(&objects(desk, "/snapshot/")[0]).expect("gone"),
            "from a copy of the vault",
            "볼트 복사본에서",
        ),
        (
            "PB-REPO-CORRUPT",
            |desk| {
                let manifest = &objects(desk, "/manifest/")[0];
                let text = std::fs::read_to_string(manifest).expect("a manifest");
                let forged = text.replace("\"rows\": 2", "\"rows\": 3");
                std::fs::write(manifest, forged).expect("forged");
            },
            "from a copy of the vault",
            "볼트 복사본에서",
        ),
        (
            "PB-REPO-FORMAT",
            newer_format,
            "use the version of PlanB that wrote the vault",
            "이 볼트를 기록한 버전",
        ),
    ];
    for (code, damage, english, korean) in damages {
        let desk = desk();
        desk.json(&["backup", "--database", &desk.sqlite("a.db")]);
        damage(&desk);
        let to = desk.sqlite("b.db");
        let restore = ["restore", "--to", &to, "--lang"];
        let said = desk.refused(&[&restore[..], &["en"]].concat(), 1, code);
        assert!(said.contains(english), "{code}: {said}");
        assert!(!said.chars().any(|c| ('가'..='힣').contains(&c)), "{said}");
        let said = desk.refused(&[&restore[..], &["ko"]].concat(), 1, code);
        assert!(said.contains(korean), "{code}: {said}");
        assert!(
            !desk.path("b.db").exists(),
            "{code}: the target was touched"
        );
    }
}

#[test]
fn koreans_read_korean() {
    let desk = desk();
    let to = desk.sqlite("b.db");
    let said = desk.refused(
        &["restore", "--to", &to, "--lang", "ko"],
        1,
        "PB-REPO-EMPTY",
    );
    assert!(
        said.contains("스냅샷이 없습니다") && said.contains("원문"),
        "{said}"
    );
}
