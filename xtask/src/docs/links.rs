//! Links between our own pages: each one leads to a file.

use crate::sh;
use anyhow::Result;
use std::path::Path;

/// A sentence for every link to a file that is not there.
pub fn broken(root: &Path) -> Result<Vec<String>> {
    let mut pages = sh::files_below(&root.join("docs"), ".md")?;
    pages.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
        ]
        .map(|p| root.join(p)),
    );
    let mut broken = Vec::new();
    for page in pages {
        let folder = page.parent().unwrap_or(root);
        for target in targets(&sh::read(&page)?) {
            if !folder.join(target).exists() {
                let name = page.strip_prefix(root).unwrap_or(&page).display();
                broken.push(format!("{name} links to {target}, which is not there"));
            }
        }
    }
    Ok(broken)
}

/// Files that `[text](file#part)` and `![text](file)` lead to; no addresses
/// outside, no parts of the same page.
fn targets(text: &str) -> Vec<&str> {
    text.match_indices("](")
        .filter_map(|(at, _)| text[at + 2..].split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty() && !target.contains(':') && !target.contains(' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_are_followed() {
        let text = "[a](b.md#c) ![p](images/p.png) [x](https://e.org) [h](#here) `[i](j k)`";
        assert_eq!(targets(text), ["b.md", "images/p.png"]);
    }
}
