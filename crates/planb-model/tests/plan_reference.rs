//! The schema describes the plan file, and docs/reference/plan-file.md is made
//! from it: `UPDATE_EXPECT=1 cargo test -p planb-model` writes the page again.

#![expect(clippy::unwrap_used, reason = "tests")]

use expect_test::expect_file;
use planb_model::plan::schema;
use serde_json::Value;
use std::collections::BTreeSet;

const INTRO: &str = "\
# The plan file

<!-- Made from the JSON Schema by crates/planb-model/tests/plan_reference.rs. -->

A plan file (`planb.yaml`) is YAML 1.2 in UTF-8, at most 1 MiB. Each document in
it describes one service; documents are separated by `---`, at most 64 in a file.
`planb init` writes a commented file to begin with, `planb check` looks at it, and
`planb schema` prints the JSON Schema this page is made from.

- A field that is not on this page is an error, and so is a field given twice.
- **Durations** are whole numbers with units: `800ms`, `15m`, `1h30m`, `24h`, `7d`.
- **Sizes** are whole numbers with a unit: `64KiB`, `1MiB`, `10MB`.
- **Names** have 1 to 63 lower-case letters, digits and `-`, and begin and end
  with a letter or digit.
- **Secrets** are never written into a plan, only where they are (see
  [Secret](#secret)). A secret in a URL, in a variable, in an option or among the
  arguments of a command is an error, and no error message shows it.
- Anchors and aliases (`&name`, `*name`) work; merge keys (`<<`) do not exist in
  YAML 1.2.
";

/// The name of a definition for readers.
fn title(name: &str) -> &str {
    name.strip_prefix("Raw").unwrap_or(name)
}

fn definition(reference: &str) -> &str {
    reference.strip_prefix("#/$defs/").unwrap()
}

fn without_null(schema: &Value) -> &Value {
    let any = schema["anyOf"].as_array();
    any.and_then(|any| any.iter().find(|s| s["type"] != "null"))
        .unwrap_or(schema)
}

/// The texts and descriptions of a choice.
fn choices(schema: &Value) -> Vec<(String, Option<String>)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let one = |s: &Value| {
        (
            text(&s["const"]),
            s["description"].as_str().map(str::to_owned),
        )
    };
    match (&schema["oneOf"], &schema["enum"]) {
        (Value::Array(described), _) => described.iter().map(one).collect(),
        (_, Value::Array(listed)) => listed.iter().map(|v| (text(v), None)).collect(),
        _ => Vec::new(),
    }
}

/// How a type is called in the tables; adds the sections it needs to `queue`.
fn type_name(root: &Value, schema: &Value, queue: &mut Vec<String>) -> String {
    let schema = without_null(schema);
    if let Some(reference) = schema["$ref"].as_str() {
        let name = definition(reference);
        let target = &root["$defs"][name];
        if target["type"] == "object" {
            queue.push(name.to_owned());
            let title = title(name);
            return format!("[{title}](#{})", title.to_lowercase());
        }
        return type_name(root, target, queue);
    }
    let listed = choices(schema);
    if !listed.is_empty() {
        let texts: Vec<String> = listed.iter().map(|(text, _)| format!("`{text}`")).collect();
        return texts.join(", ");
    }
    let kind = match &schema["type"] {
        Value::Array(types) => types[0].as_str().unwrap(),
        one => one.as_str().unwrap(),
    };
    match (kind, schema["format"].as_str()) {
        ("array", _) => format!("list of {}", type_name(root, &schema["items"], queue)),
        ("object", _) => format!(
            "map of names to {}",
            type_name(root, &schema["additionalProperties"], queue)
        ),
        (_, Some("planb-duration")) => "duration".to_owned(),
        (_, Some("planb-size")) => "size".to_owned(),
        (_, Some("planb-name")) => "name".to_owned(),
        (_, Some(f)) if f.ends_with("url") || f == "planb-origin" || f == "planb-reachable" => {
            "URL".to_owned()
        }
        (_, Some("planb-listen")) => "`host:port`".to_owned(),
        ("string", _) => "text".to_owned(),
        ("boolean", _) => "`true` or `false`".to_owned(),
        ("integer", _) => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(min), Some(max)) => format!("whole number, {min} to {max}"),
            _ => "whole number".to_owned(),
        },
        other => panic!("no name for {other:?}"),
    }
}

fn default_text(name: &str, required: bool, schema: &Value) -> String {
    match &schema["default"] {
        _ if required => "**required**".to_owned(),
        Value::Null => "–".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        Value::Object(_) => "see there".to_owned(),
        Value::Array(items) if name == "observers" => format!("{} observers", items.len()),
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().map(|i| i.as_str().unwrap()).collect();
            format!("`[{}]`", items.join(", "))
        }
        other => format!("`{other}`"),
    }
}

/// One line; tables cannot have more.
fn flat(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn section(root: &Value, name: &str, schema: &Value, queue: &mut Vec<String>) -> String {
    let description = schema["description"].as_str().unwrap();
    let mut out = format!("\n## {}\n\n{description}\n\n", title(name));
    out.push_str("| field | type | default | meaning |\n|---|---|---|---|\n");
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|r| r.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let properties = schema["properties"].as_object().unwrap();
    // What must be given first, the rest by name.
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by_key(|n| !required.contains(&n.as_str()));
    for field in names {
        let property = &properties[field];
        let kind = type_name(root, property, queue);
        let mut meaning = flat(property["description"].as_str().unwrap_or_default());
        let inner = without_null(property);
        let target = match inner["$ref"].as_str() {
            Some(reference) => &root["$defs"][definition(reference)],
            None => inner,
        };
        for (text, described) in choices(target) {
            let described = described.unwrap_or_default();
            meaning.push_str(&format!("<br>`{text}`: {}", flat(&described)));
        }
        let default = default_text(field, required.contains(&field.as_str()), property);
        out.push_str(&format!("| `{field}` | {kind} | {default} | {meaning} |\n"));
    }
    out
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let root = schema();
    let mut queue = Vec::new();
    let mut page = INTRO.to_owned();
    page.push_str(&section(&root, "RawDocument", &root, &mut queue));
    let mut done = BTreeSet::new();
    while !queue.is_empty() {
        let name = queue.remove(0);
        if done.insert(name.clone()) {
            page.push_str(&section(&root, &name, &root["$defs"][&name], &mut queue));
        }
    }
    let objects = root["$defs"].as_object().unwrap();
    let all: BTreeSet<String> = objects
        .iter()
        .filter(|(_, schema)| schema["type"] == "object")
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(done, all, "every type has a section");
    expect_file!["../../../docs/reference/plan-file.md"].assert_eq(&page);
}

#[test]
fn every_field_of_the_schema_is_described_and_closed() {
    let root = schema();
    let definitions = root["$defs"].as_object().unwrap();
    for (name, schema) in definitions.iter().chain([(&"root".to_owned(), &root)]) {
        let Some(properties) = schema["properties"].as_object() else {
            continue;
        };
        assert_eq!(
            schema["additionalProperties"], false,
            "{name} takes unknown fields"
        );
        for (field, property) in properties {
            assert!(
                property["description"].is_string(),
                "{name}.{field} has no description"
            );
        }
    }
}
