//! The dependencies between our crates, and which of them the layers refuse.

use super::table::{ADAPTERS_SEE_UP_TO, EXCEPTIONS, Kind, ROOMS, Room, WALLS};
use crate::sh;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;

/// The part of `cargo metadata` that is looked at.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for normal ones, else `dev` or `build`.
    kind: Option<String>,
}

/// Asks cargo about the workspace of `manifest`.
pub fn read(manifest: &Path) -> Result<Metadata> {
    let json = sh::capture(
        sh::cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .arg("--manifest-path")
            .arg(manifest),
    )?;
    serde_json::from_str(&json).context("cannot read the output of cargo metadata")
}

/// Every broken rule, one sentence each.
pub fn problems(metadata: &Metadata) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(from) = room(&package.name) else {
            wrong.push(format!(
                "{} has no layer; add it to xtask/src/layers/table.rs",
                package.name
            ));
            continue;
        };
        let counted = package
            .dependencies
            .iter()
            .filter(|d| d.kind.as_deref() != Some("dev"));
        for dependency in counted {
            wrong.extend(refusal(from, &dependency.name));
        }
    }
    wrong
}

fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|r| r.name == name)
}

/// Why `from` may not depend on `name`, if it may not.
fn refusal(from: &Room, name: &str) -> Option<String> {
    let Some(to) = room(name) else {
        return wall(from, name);
    };
    let excepted = EXCEPTIONS
        .iter()
        .any(|(a, b, _)| *a == from.name && *b == to.name);
    if excepted {
        return None;
    }
    let why = match (from.kind, to.kind) {
        (Kind::Tool, _) | (_, Kind::Tool) => "tools stand outside the layers".to_owned(),
        (Kind::Layer(_), Kind::TestOnly(_)) => {
            format!("{} is for tests only", to.name)
        }
        (Kind::Layer(a) | Kind::TestOnly(a), Kind::Layer(b) | Kind::TestOnly(b)) => {
            let limit = if a == 4 { ADAPTERS_SEE_UP_TO + 1 } else { a };
            if b < limit {
                return None;
            }
            format!("layer {a} depends only on layers below {limit}, and this is layer {b}")
        }
    };
    Some(format!(
        "{} must not depend on {}: {why}",
        from.name, to.name
    ))
}

/// Why `from` may not have the foreign crate `name`, if it may not.
fn wall(from: &Room, name: &str) -> Option<String> {
    let Kind::Layer(layer) = from.kind else {
        return None;
    };
    WALLS
        .iter()
        .find(|(up_to, names, _)| layer <= *up_to && names.contains(&name))
        .map(|(_, _, why)| format!("{} must not depend on {name}: {why}", from.name))
}

#[cfg(test)]
mod tests;
