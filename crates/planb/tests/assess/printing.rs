//! Reports on paper, where there is no browser or no file.

use super::{example, planb, stderr};
use std::process::Command;

#[test]
fn a_pdf_without_a_browser_or_a_file_is_refused_with_another_way() {
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
}
