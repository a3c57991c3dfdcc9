//! Cheap rules about source files: each says what it is for, and none is endless.

use crate::sh;
use anyhow::Result;
use std::path::Path;

/// Longest source file. Above 300 lines an author should ask whether there is a
/// second idea inside; above this there is.
const FILE_LINES_MAX: usize = 500;

/// Every broken rule, one sentence each.
pub fn problems(root: &Path) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for folder in ["crates", "connectors", "stores", "xtask"] {
        for path in sh::files_below(&root.join(folder), ".rs")? {
            let text = sh::read(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            wrong.extend(file_problems(&name.to_string(), &text));
        }
    }
    Ok(wrong)
}

fn file_problems(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with("//!") {
        wrong.push(format!(
            "{name} does not open with `//!` saying what it is for"
        ));
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        wrong.push(format!(
            "{name} has {lines} lines, more than {FILE_LINES_MAX}"
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_or_endless_file_is_refused() {
        assert_eq!(file_problems("a.rs", "//! Good.\n"), Vec::<String>::new());
        assert_eq!(file_problems("a.rs", "use x;\n//! Late.\n").len(), 1);
        let endless = format!("//! Long.\n{}", "\n".repeat(FILE_LINES_MAX));
        assert_eq!(file_problems("a.rs", &endless).len(), 1);
    }
}
