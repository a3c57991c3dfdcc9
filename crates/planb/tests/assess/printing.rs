//! Reports on paper: a real browser prints them.

use super::{example, planb, stderr};
use std::process::Command;

#[test]
fn a_pdf_is_printed_by_a_browser_or_refused_with_another_way() {
    let folder = tempfile::tempdir().expect("a folder");
    example(folder.path(), "self-diagnosis");
    let pdf = ["assess", "self-diagnosis", "--format", "pdf", "-o", "r.pdf"];
    let none = Command::new(env!("CARGO_BIN_EXE_planb"))
        .current_dir(folder.path())
        .env("PLANB_LANG", "en")
        .env("PATH", "")
        .args(pdf)
        .output()
        .expect("runs");
    assert_eq!(none.status.code(), Some(1));
    for needle in [
        "PB-PDF-NO-BROWSER",
        "apt-get install chromium",
        "--format html",
    ] {
        assert!(stderr(&none).contains(needle), "{}", stderr(&none));
    }
    assert!(!folder.path().join("r.pdf").exists());
    let nowhere = planb(folder.path(), &pdf[..4]);
    assert_eq!(nowhere.status.code(), Some(2), "{}", stderr(&nowhere));
    if !can_print() {
        return;
    }
    let printed = planb(folder.path(), &pdf);
    assert_eq!(printed.status.code(), Some(0), "{}", stderr(&printed));
    let bytes = std::fs::read(folder.path().join("r.pdf")).expect("printed");
    assert!(bytes.starts_with(b"%PDF-") && bytes.len() > 5_000);
    // A4 in points.
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("MediaBox [0 0 594") || text.contains("MediaBox [0 0 595"));
}

/// Whether there is a browser; says so when there is none.
fn can_print() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path).any(|f| names.iter().any(|n| f.join(n).is_file()));
    if !found {
        eprintln!("no Chromium on PATH: printing is not tested");
    }
    found
}

/// Every area has a point on the agenda, and none has anything on record.
const LONGEST_AGENDA: &str = "assess: decisions
answers:
  institution: Korea Agency of Public Information Resources, board of disaster recovery
  size: medium
  workloadOrder: { chosen: transaction }
  people: { chosen: newTeam }
  replication: { chosen: distributedSql }
  verification: { chosen: all }
  trial: { rto: 12.5m, resourcesSaved: 12.5%, policyPassed: no }
";

#[test]
fn the_boards_decisions_print_on_one_sheet() {
    if !can_print() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("full.yaml"), LONGEST_AGENDA).expect("written");
    for lang in ["en", "ko"] {
        let verb = ["--lang", lang, "assess", "decisions", "-f", "full.yaml"];
        let printed = planb(
            folder.path(),
            &[&verb[..], &["--format", "pdf", "-o", "r.pdf"]].concat(),
        );
        assert_eq!(printed.status.code(), Some(0), "{}", stderr(&printed));
        let bytes = std::fs::read(folder.path().join("r.pdf")).expect("printed");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("/Count 1\n"), "{lang}: not one sheet");
    }
}
