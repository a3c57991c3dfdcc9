//! Error codes: each one in the sources has a line in docs/errors/codes, each
//! line has a code in the sources, and every line is in both languages.

use crate::sh;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One line of a file in docs/errors/codes: `CODE|English|Korean`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    pub code: String,
    /// What it means and what to do.
    pub en: String,
    /// The same in Korean.
    pub ko: String,
}

/// What the files in docs/errors/codes say.
pub struct Listed {
    /// Codes by the name of their file, without `.txt`.
    pub files: BTreeMap<String, Vec<Code>>,
    /// A sentence for everything that is wrong with the lines.
    pub wrong: Vec<String>,
}

/// Reads every file in docs/errors/codes.
pub fn listed(root: &Path) -> Result<Listed> {
    let mut files = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in sh::files_below(&root.join("docs/errors/codes"), ".txt")? {
        let file = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (codes, bad) = parse(&file, &sh::read(&path)?);
        wrong.extend(bad);
        files.insert(file, codes);
    }
    let mut seen = BTreeMap::new();
    for (file, codes) in &files {
        for code in codes {
            if let Some(first) = seen.insert(code.code.clone(), file) {
                wrong.push(format!(
                    "{} is listed in {first}.txt and in {file}.txt",
                    code.code
                ));
            }
        }
    }
    Ok(Listed { files, wrong })
}

fn parse(file: &str, text: &str) -> (Vec<Code>, Vec<String>) {
    let mut codes = Vec::new();
    let mut wrong = Vec::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
        let mut fields = line.splitn(3, '|').map(|f| f.trim().to_owned());
        let (Some(code), Some(en), Some(ko)) = (fields.next(), fields.next(), fields.next()) else {
            wrong.push(format!("{file}.txt:{}: not CODE|English|Korean", index + 1));
            continue;
        };
        let code = Code { code, en, ko };
        if let Some(what) = fault_of(&code) {
            wrong.push(format!("{file}.txt:{}: {what}", index + 1));
        }
        codes.push(code);
    }
    (codes, wrong)
}

fn fault_of(code: &Code) -> Option<&'static str> {
    if code.code != *literal_prefix(&code.code) || code.code.len() <= "PB-".len() {
        Some("a code has the form PB-[A-Z0-9-]+")
    } else if code.en.is_empty() || has_hangul(&code.en) {
        Some("the second field is English")
    } else if !has_hangul(&code.ko) {
        Some("the third field is Korean")
    } else {
        None
    }
}

/// Whether `text` has a Korean syllable.
pub fn has_hangul(text: &str) -> bool {
    text.chars().any(|c| ('가'..='힣').contains(&c))
}

/// Fails when the list and the sources do not match.
pub fn check() -> Result<()> {
    let root = sh::root();
    let Listed { files, mut wrong } = listed(&root)?;
    let known: BTreeSet<String> = files.into_values().flatten().map(|c| c.code).collect();
    let mut emitted = BTreeMap::new();
    for folder in ["crates", "connectors", "stores"] {
        for path in sh::files_below(&root.join(folder), ".rs")? {
            let name = path
                .strip_prefix(&root)
                .unwrap_or(&path)
                .display()
                .to_string();
            if !is_test(&name) {
                for code in codes_in(product_part(&sh::read(&path)?)) {
                    emitted
                        .entry(code.to_owned())
                        .or_insert_with(|| name.clone());
                }
            }
        }
    }
    for (code, name) in &emitted {
        if !known.contains(code) {
            wrong.push(format!(
                "{code} ({name}) is not listed in docs/errors/codes"
            ));
        }
    }
    for code in known.iter().filter(|c| !emitted.contains_key(*c)) {
        wrong.push(format!(
            "{code} is listed, but nothing in the sources emits it"
        ));
    }
    for line in &wrong {
        eprintln!("error codes: {line}");
    }
    if wrong.is_empty() {
        eprintln!(
            "error codes: {} codes, all listed and all emitted",
            known.len()
        );
        return Ok(());
    }
    bail!("{} problems with error codes", wrong.len());
}

/// Whether a file holds only tests or examples; they may invent codes and texts.
pub fn is_test(name: &str) -> bool {
    let folders = ["/tests/", "/benches/", "/examples/"];
    folders.iter().any(|folder| name.contains(folder)) || name.ends_with("tests.rs")
}

/// A source file without its unit tests, which stand at its end.
pub fn product_part(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ")
        .map_or(text, |at| &text[..at])
}

/// Codes in string literals. Codes in comments are not emitted by anything.
fn codes_in(text: &str) -> Vec<&str> {
    text.match_indices("\"PB-")
        .map(|(at, _)| literal_prefix(&text[at + 1..]))
        // The start of every code is none itself.
        .filter(|code| *code != "PB-")
        .collect()
}

/// The longest start of `text` that only has characters of a code.
fn literal_prefix(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-'))
        .unwrap_or(text.len());
    if text.starts_with("PB-") {
        &text[..end]
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_need_a_code_and_both_languages() {
        let (codes, wrong) = parse(
            "x",
            "# note\nPB-A-1|what|무엇|more\n\nPB-B|두|둘\nPB-C|two\npb-d|a|가\nPB-E|a|b\n",
        );
        assert_eq!(codes[0].ko, "무엇|more");
        let lines: Vec<_> = wrong
            .iter()
            .map(|w| w.split(": ").next().unwrap())
            .collect();
        assert_eq!(lines, ["x.txt:4", "x.txt:5", "x.txt:6", "x.txt:7"]);
    }

    #[test]
    fn codes_are_found_where_they_are_emitted() {
        let text = "/// `PB-DOC`\nnew(\"PB-ONE\"); f(\"PB-TWO-2\", \"x\", \"PB-\")\n#[cfg(test)]\nmod tests { \"PB-TEST\" }";
        assert_eq!(codes_in(product_part(text)), ["PB-ONE", "PB-TWO-2"]);
        assert!(!is_test("connectors/mysql/src/lib.rs"));
        assert!(is_test("connectors/mysql/tests/contract.rs"));
    }
}
