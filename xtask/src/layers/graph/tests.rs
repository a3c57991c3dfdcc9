//! The rules refuse what they should: on made-up metadata, and once on a real
//! workspace with an upward dependency added.

use super::*;
use std::path::PathBuf;

/// Metadata of one package `from` with one dependency.
fn problems_of(from: &str, to: &str, kind: Option<&str>) -> Vec<String> {
    let kind = kind.map_or("null".to_owned(), |k| format!("{k:?}"));
    let json = format!(
        r#"{{"packages":[{{"name":"{from}","dependencies":[{{"name":"{to}","kind":{kind}}}]}}]}}"#
    );
    problems(&serde_json::from_str(&json).unwrap())
}

#[track_caller]
fn refused(from: &str, to: &str, why: &str) {
    let wrong = problems_of(from, to, None);
    assert_eq!(wrong.len(), 1, "{from} -> {to}: {wrong:?}");
    assert!(wrong[0].contains(why), "{wrong:?}");
}

#[test]
fn downward_is_allowed() {
    for (from, to) in [
        ("planb-decide", "planb-model"),
        ("planb-engine", "planb-decide"),
        ("planb-connector-mysql", "planb-ports"),
        ("planb", "planb-launch"),
        ("planb", "planb-server"),
        ("planb-sim", "planb-testkit"),
        ("planb-connector-mysql", "mysql_async"),
    ] {
        assert_eq!(problems_of(from, to, None), Vec::<String>::new());
    }
}

#[test]
fn upward_and_sideways_are_refused() {
    refused("planb-model", "planb-decide", "layer 0");
    refused("planb-ports", "planb-engine", "layer 2");
    refused("planb-engine", "planb-vault", "layer 3");
    refused("planb-engine", "planb-connector-mysql", "layer 3");
    refused("planb-server", "planb", "layer 5");
}

#[test]
fn adapters_see_ports_only() {
    refused("planb-connector-mysql", "planb-vault", "below 3");
    refused("planb-connector-mysql", "planb-connector-sqlite", "below 3");
    refused("planb-store-sqlite", "planb-engine", "below 3");
    refused("planb-testkit", "planb-vault", "below 3");
}

#[test]
fn the_product_never_needs_test_crates_or_tools() {
    refused("planb-server", "planb-testkit", "tests only");
    refused("planb", "planb-sim", "tests only");
    refused("planb", "xtask", "tools");
    refused("xtask", "planb-model", "tools");
}

#[test]
fn foreign_crates_have_walls_too() {
    refused("planb-decide", "tokio", "no async");
    refused("planb-vault", "object_store", "layer 4");
    assert!(problems_of("planb-vault", "tokio", None).is_empty());
}

#[test]
fn build_dependencies_count_and_development_ones_do_not() {
    assert_eq!(
        problems_of("planb-model", "planb-engine", Some("build")).len(),
        1
    );
    assert!(problems_of("planb-model", "planb-engine", Some("dev")).is_empty());
}

#[test]
fn every_crate_has_a_layer() {
    let wrong = problems_of("planb-common", "serde", None);
    assert!(wrong[0].contains("has no layer"), "{wrong:?}");
}

#[test]
fn this_workspace_keeps_the_rules() {
    let metadata = read(&sh::root().join("Cargo.toml")).unwrap();
    assert_eq!(
        metadata.packages.len(),
        ROOMS.len(),
        "a room without a crate"
    );
    assert_eq!(problems(&metadata), Vec::<String>::new());
}

/// A workspace of two real crates in a folder of its own, gone afterwards.
struct Workspace(PathBuf);

impl Workspace {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("planb-xtask-{}-{name}", std::process::id()));
        let this = Self(root);
        this.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"model\", \"engine\"]\n",
        );
        this.krate("model", "planb-model", "");
        this.krate(
            "engine",
            "planb-engine",
            "planb-model = { path = \"../model\" }\n",
        );
        this
    }

    fn krate(&self, folder: &str, name: &str, dependencies: &str) {
        self.write(
            &format!("{folder}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                 [dependencies]\n{dependencies}"
            ),
        );
        self.write(&format!("{folder}/src/lib.rs"), "//! Nothing.\n");
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[test]
fn an_upward_dependency_in_a_real_workspace_is_refused() {
    let workspace = Workspace::new("upward");
    let manifest = workspace.0.join("Cargo.toml");
    crate::layers::check_workspace(&manifest).expect("downward is fine");

    workspace.krate("engine", "planb-engine", "");
    workspace.krate(
        "model",
        "planb-model",
        "up = { package = \"planb-engine\", path = \"../engine\" }\n",
    );
    let wrong = problems(&read(&manifest).unwrap());
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("planb-model must not depend on planb-engine"));
    assert!(crate::layers::check_workspace(&manifest).is_err());
}
