//! What an error code means, in the reader's language.
//!
//! Errors are written in English where they come to be: in libraries, journals
//! and logs. Their codes have a line in docs/errors/codes in both languages, and
//! those lines are in this program, so that a Korean reader gets the Korean
//! explanation beside the original words.

use planb_model::Lang;

/// docs/errors/codes, one file per crate: lines of `CODE|English|Korean`.
const TABLES: &[&str] = &[
    include_str!("../../../docs/errors/codes/planb-assess.txt"),
    include_str!("../../../docs/errors/codes/planb-connector-mysql.txt"),
    include_str!("../../../docs/errors/codes/planb-connector-object-store.txt"),
    include_str!("../../../docs/errors/codes/planb-connector-postgres.txt"),
    include_str!("../../../docs/errors/codes/planb-connector-probe.txt"),
    include_str!("../../../docs/errors/codes/planb-connector-process.txt"),
    include_str!("../../../docs/errors/codes/planb-connector-sqlite.txt"),
    include_str!("../../../docs/errors/codes/planb-connector-system.txt"),
    include_str!("../../../docs/errors/codes/planb-edge.txt"),
    include_str!("../../../docs/errors/codes/planb-engine.txt"),
    include_str!("../../../docs/errors/codes/planb-launch.txt"),
    include_str!("../../../docs/errors/codes/planb-model.txt"),
    include_str!("../../../docs/errors/codes/planb-ports.txt"),
    include_str!("../../../docs/errors/codes/planb-server.txt"),
    include_str!("../../../docs/errors/codes/planb-store-sqlite.txt"),
    include_str!("../../../docs/errors/codes/planb-testkit.txt"),
    include_str!("../../../docs/errors/codes/planb-vault.txt"),
    include_str!("../../../docs/errors/codes/planb.txt"),
];

/// What `code` means in `lang`.
pub fn code(code: &str, lang: Lang) -> Option<&'static str> {
    let lines = TABLES.iter().flat_map(|table| table.lines());
    lines
        .filter_map(|line| line.split_once('|'))
        .find(|(name, _)| *name == code)
        .and_then(|(_, texts)| texts.split_once('|'))
        .map(|(en, ko)| match lang {
            Lang::En => en,
            Lang::Ko => ko,
        })
}

/// `error` with its code, and for a Korean reader what that means.
pub fn with_code(name: Option<&str>, error: &str, lang: Lang) -> String {
    let Some(name) = name else {
        return error.to_owned();
    };
    match (lang, code(name, lang)) {
        (Lang::Ko, Some(meaning)) => format!("[{name}] {meaning} (원문: {error})"),
        _ => format!("[{name}] {error}"),
    }
}

/// An error that begins with its code in brackets.
pub fn text(error: &str, lang: Lang) -> String {
    match error
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
    {
        Some((name, words)) if name.starts_with("PB-") => with_code(Some(name), words, lang),
        _ => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_codes_is_in_the_program() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/codes");
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a table");
            assert!(
                TABLES.contains(&text.as_str()),
                "{} is not in the program",
                path.display()
            );
        }
    }

    #[test]
    fn a_korean_reader_sees_the_meaning_and_the_words() {
        let shown = with_code(Some("PB-REPO-EMPTY"), "no snapshot yet", Lang::Ko);
        assert!(shown.contains("스냅샷이 없습니다") && shown.contains("no snapshot yet"));
        let shown = with_code(Some("PB-REPO-EMPTY"), "no snapshot yet", Lang::En);
        assert_eq!(shown, "[PB-REPO-EMPTY] no snapshot yet");
        assert_eq!(with_code(None, "x", Lang::Ko), "x");
    }
}
