//! Reports that a browser prints.

use super::{example, planb, stderr, stdout};
use std::process::Command;

#[test]
fn a_korean_pdf_is_printed_on_a4_with_its_text() {
    let folder = tempfile::tempdir().expect("a folder");
    example(folder.path(), "self-diagnosis");
    let pdf = ["assess", "self-diagnosis", "--format", "pdf", "-o", "r.pdf"];
    let printed = planb(folder.path(), &[&["--lang", "ko"], &pdf[..]].concat());
    let said = stderr(&printed);
    let why = format!("Chromium is needed (`cargo xtask services` installs it): {said}");
    assert_eq!(printed.status.code(), Some(0), "{why}");
    let bytes = std::fs::read(folder.path().join("r.pdf")).expect("printed");
    assert!(bytes.starts_with(b"%PDF-") && bytes.len() > 5_000);
    // A4 in points.
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("MediaBox [0 0 594") || text.contains("MediaBox [0 0 595"));
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .expect("poppler-utils (`cargo xtask services` installs it)");
        assert!(output.status.success(), "{program}: {}", stderr(&output));
        stdout(&output)
    };
    let text = run("pdftotext", &["r.pdf", "-"]);
    assert!(text.contains("자가 진단"), "{text}");
    // Name, type, encoding, emb: every font goes along with the file.
    let fonts = run("pdffonts", &["r.pdf"]);
    let embedded = |line: &str| line.split_whitespace().rev().nth(4) == Some("yes");
    assert!(fonts.lines().count() > 2, "{fonts}");
    assert!(fonts.lines().skip(2).all(embedded), "{fonts}");
}
