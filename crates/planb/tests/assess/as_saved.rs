//! Answers files as people save them, and what is said about those that are none.

use super::{example, planb, stderr, stdout};

/// "CSV (comma delimited)" of a Korean Excel, and "Unicode text" of any.
#[test]
fn an_inventory_is_read_as_excel_saves_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let cp949 = b"\xc0\xcc\xb8\xa7,owner\r\n\xc6\xf7\xc5\xd0,a\r\n";
    let mut utf16 = vec![0xFF, 0xFE];
    let units = "이름\towner\r\n포털\ta\r\n".encode_utf16();
    utf16.extend(units.flat_map(u16::to_le_bytes));
    for (bytes, note) in [(&cp949[..], "CP949"), (&utf16, "")] {
        std::fs::write(folder.path().join("i.csv"), bytes).expect("written");
        let output = planb(folder.path(), &["assess", "triage", "-f", "i.csv"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(stdout(&output).contains("포털"), "{}", stdout(&output));
        // A guess is told.
        assert!(said.contains(note) && (said.is_empty() == note.is_empty()));
    }
}

#[test]
fn a_file_that_is_no_text_or_too_large_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("i.csv");
    let refused = |code: &str, words: &str, lang: &str| {
        let asked = ["assess", "triage", "-f", "i.csv", "--lang", lang];
        let output = planb(folder.path(), &asked);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(code) && said.contains(words), "{said}");
        assert_eq!(stdout(&output), "");
    };
    std::fs::write(&path, b"name,owner\ncaf\xe9,a\n").expect("written");
    refused("PB-ANSWERS-ENCODING", "line 2", "en");
    refused("PB-ANSWERS-ENCODING", "2번째 줄", "ko");
    // A workbook under another name, and UTF-16 without its mark.
    std::fs::write(&path, b"PK\x03\x04\x14\0\x06\0").expect("written");
    refused("PB-ANSWERS-ENCODING", ".xlsx", "en");
    std::fs::write(&path, b"n\0a\0m\0e\0").expect("written");
    refused("PB-ANSWERS-ENCODING", "CSV UTF-8", "en");
    // A gigabyte costs no more than its first bytes: there is nothing on the disk.
    let file = std::fs::File::create(&path).expect("made");
    file.set_len(1 << 30).expect("a length");
    refused("PB-ANSWERS-TOO-LARGE", "16 MiB", "en");
    refused("PB-ANSWERS-TOO-LARGE", "16MiB", "ko");
}

#[test]
fn answers_of_another_assessment_are_named_once() {
    let folder = tempfile::tempdir().expect("a folder");
    example(folder.path(), "gpu");
    let output = planb(folder.path(), &["assess", "traffic", "-f", "gpu.yaml"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("planb assess gpu -f"), "{said}");
    assert_eq!(said.matches("error[").count(), 1, "{said}");
}
