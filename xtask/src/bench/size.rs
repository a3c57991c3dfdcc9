//! What the assessment adds to the binary.
//!
//! The release binary is built twice in one folder: as it is shipped, and
//! without its feature `assess`. Both are stripped files of the same sources,
//! profile and dependencies, so the difference is what the assessment brings
//! along: its code, its rules, and whatever only it needs. An attribution of
//! symbols would miss generic code, strings and tables of relocations.

use super::Table;
use crate::sh;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the assessment may add, in bytes: 3 MB (issue 4), decimal, which is the
/// smaller reading.
const GROWTH_BYTES_MAX: u64 = 3_000_000;
/// Fewer digits would hide a few kilobytes.
const MB: f64 = 1_000_000.0;

/// What was measured, in bytes.
struct Sizes {
    with: u64,
    without: u64,
    /// Data files of the methods, which are inside `with`.
    rules: u64,
}

/// Builds both binaries and compares them.
pub fn measure() -> Result<Table> {
    let folder = sh::root().join("target/bench-size");
    let sizes = Sizes {
        without: size(&folder, &["--no-default-features"], false)?,
        with: size(&folder, &[], true)?,
        rules: rules(&sh::root().join("crates/planb-assess/rules"))?,
    };
    Ok(Table {
        name: "size".to_owned(),
        markdown: sizes.table(),
    })
}

/// Bytes of the binary with `features`. It must know the verb, or must not:
/// a build that ignored the feature would show a growth of nothing.
fn size(folder: &Path, features: &[&str], assesses: bool) -> Result<u64> {
    sh::show(
        sh::cargo()
            .env("CARGO_TARGET_DIR", folder)
            .args(["build", "--release", "--locked", "--package", "planb"])
            .args(features),
    )?;
    let binary = folder.join("release/planb");
    let status = Command::new(&binary)
        .args(["assess", "list"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    if status.success() != assesses {
        bail!("`planb assess list` of the build with {features:?}: {status}");
    }
    bytes(&binary)
}

fn bytes(path: &Path) -> Result<u64> {
    let data = std::fs::metadata(path).with_context(|| format!("cannot see {}", path.display()))?;
    Ok(data.len())
}

/// Bytes of all data files below `folder`.
fn rules(folder: &Path) -> Result<u64> {
    let files: Vec<PathBuf> = sh::files_below(folder, ".yaml")?;
    files.iter().map(|file| bytes(file)).sum()
}

impl Sizes {
    fn table(&self) -> String {
        let growth = self.with.saturating_sub(self.without);
        let verdict = if growth <= GROWTH_BYTES_MAX {
            "met"
        } else {
            "MISSED"
        };
        let mb = |bytes: u64| format!("{:.3}", bytes as f64 / MB);
        format!(
            "Release binary, stripped, with and without the feature `assess` (`planb assess` and `planb report`).\n\n\
             | figure | MB (10⁶ bytes) | limit | |\n|---|---:|---:|---|\n\
             | binary | {} | | |\n\
             | without the assessment | {} | | |\n\
             | growth | {} | ≤ {:.0} | {verdict} |\n\
             | of it, rules and texts of the methods (YAML) | {} | | |\n",
            mb(self.with),
            mb(self.without),
            mb(growth),
            GROWTH_BYTES_MAX as f64 / MB,
            mb(self.rules),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(with: u64, without: u64) -> String {
        let rules = 250_400;
        Sizes {
            with,
            without,
            rules,
        }
        .table()
    }

    #[test]
    fn the_growth_is_held_against_its_limit() {
        let met = table(35_000_000, 32_000_000);
        assert!(met.contains("| growth | 3.000 | ≤ 3 | met |"), "{met}");
        assert!(met.contains("(YAML) | 0.250 | | |"), "{met}");
        let missed = table(35_000_001, 32_000_000);
        assert!(missed.contains("| MISSED |"), "{missed}");
    }

    #[test]
    fn the_rules_are_found() {
        let folder = sh::root().join("crates/planb-assess/rules");
        let all = rules(&folder).expect("rules");
        let one = bytes(&folder.join("cost.yaml")).expect("one of them");
        assert!(all > one && one > 0);
    }
}
