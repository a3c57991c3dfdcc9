//! Checks the shape of a document against the plan's JSON Schema: fields,
//! types, single values. Unlike serde it goes on after a problem.

mod report;
mod suggest;
mod view;

use super::excerpt::is_secret_name;
use super::problems::Problems;
use super::scalar::{self, shown};
use super::tree::{Entry, Node, Spot, Value};
use crate::Text;
use serde_json::Value as Json;
pub use suggest::nearest;
use view::{Kind, View};

/// Checks documents against one schema.
pub(super) struct Structure<'a> {
    root: &'a Json,
    problems: &'a mut Problems,
}

impl<'a> Structure<'a> {
    /// A checker that adds to `problems`.
    pub fn new(root: &'a Json, problems: &'a mut Problems) -> Self {
        Self { root, problems }
    }

    /// Checks a whole document.
    pub fn document(&mut self, node: &Node) {
        let view = View::new(self.root, self.root);
        let is_other = |name: &str| {
            let choices = view.property(name).map(|v| v.choices()).unwrap_or_default();
            let given = node.get(name).map(|e| &e.node.value);
            matches!(given, Some(Value::Text(text)) if !choices.contains(&text.as_str()))
        };
        if is_other("apiVersion") || is_other("kind") {
            // Not a plan of ours: what else is in it would only be noise.
            for name in ["apiVersion", "kind"] {
                if let (Some(view), Some(entry)) = (view.property(name), node.get(name)) {
                    self.node(view, &entry.node, name, entry.key_spot);
                }
            }
            return;
        }
        self.node(
            view,
            node,
            "",
            Spot {
                len: 0,
                ..node.spot
            },
        );
    }

    /// Checks one value. `anchor` is where its key stands, for what is missing in it.
    fn node(&mut self, view: View<'_>, node: &Node, path: &str, anchor: Spot) {
        if view.is_secret() && !matches!(node.value, Value::Map(_)) {
            return self.inline_secret(node, path);
        }
        if matches!(node.value, Value::Null) && view.is_optional() {
            return;
        }
        match (view.kind(), &node.value) {
            (Kind::Object, Value::Map(entries)) => self.map(view, entries, path, anchor),
            (Kind::Array, Value::List(items)) => self.list(view, items, node, path),
            (Kind::Choice, Value::Text(text)) => self.choice(view, text, node, path),
            (Kind::Text, Value::Text(text)) => self.text(view, text, node, path),
            (Kind::Integer, Value::Integer(number)) => self.integer(view, *number, node, path),
            (Kind::Boolean, Value::Bool(_)) | (Kind::Any, _) => {}
            (kind, _) => self.wrong_type(view, kind, node, path),
        }
    }

    fn map(&mut self, view: View<'_>, entries: &[Entry], path: &str, anchor: Spot) {
        let names: Vec<&str> = view.properties().map(|(name, _)| name).collect();
        let mut meant = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let field = join(path, &entry.key);
            if let Some(first) = entries[..index].iter().find(|e| e.key == entry.key) {
                self.duplicate(first, entry, &field);
                continue;
            }
            if let Some(property) = view.property(&entry.key) {
                // Neither place of a secret is required, and the one that is
                // named must say where.
                if view.is_secret() && matches!(entry.node.value, Value::Null) {
                    self.wrong_type(property, Kind::Text, &entry.node, &field);
                    continue;
                }
                self.node(property, &entry.node, &field, entry.key_spot);
            } else if let Some(values) = view.additional() {
                self.free_name(view, entry, &field);
                self.node(values, &entry.node, &field, entry.key_spot);
            } else {
                meant.extend(self.unknown(entry, &names, &field, path));
            }
        }
        for name in view.required() {
            // A misspelt field is one problem, not two.
            if !entries.iter().any(|e| e.key == name) && !meant.contains(&name) {
                self.missing(view, name, path, anchor);
            }
        }
        let given = names
            .iter()
            .filter(|n| entries.iter().any(|e| e.key == **n))
            .count();
        let bounds = view.size_bounds("minProperties", "maxProperties");
        if bounds.is_some_and(|(min, max)| given < min || given > max) {
            let list = names.join("`, `");
            self.problems.add(
                "PB-PLAN-CONFLICT",
                anchor,
                path,
                Text::new(
                    format!("exactly one of `{list}` is needed, {given} are given"),
                    format!("`{list}` 중 정확히 하나가 필요한데 {given}개가 있습니다"),
                ),
                Text::new("keep the one that is meant", "사용할 항목 하나만 남기세요"),
            );
        }
    }

    /// Checks a key that people choose: a variable or an option of a store.
    fn free_name(&mut self, view: View<'_>, entry: &Entry, field: &str) {
        let key = &entry.key;
        let is_name = !key.is_empty()
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !key.starts_with(|c: char| c.is_ascii_digit());
        if !is_name {
            self.problems.add(
                "PB-PLAN-VALUE",
                entry.key_spot,
                field,
                Text::new(
                    format!("{} is not a name", shown(key)),
                    format!("{} 값은 이름으로 쓸 수 없습니다", shown(key)),
                ),
                Text::new(
                    "names here have letters, digits and '_', and do not begin with a digit",
                    "영문자, 숫자, '_'만 쓸 수 있으며 숫자로 시작할 수 없습니다",
                ),
            );
        }
        if view.is_without_secrets() && is_secret_name(key) {
            self.problems.hide(entry.node.defined);
            self.problems.hide(entry.node.spot);
            self.problems.add(
                "PB-PLAN-INLINE-SECRET",
                entry.key_spot,
                field,
                Text::new(
                    "a secret written into the plan",
                    "계획 파일에 비밀 값이 직접 적혀 있습니다",
                ),
                Text::new(
                    "set the variable in PlanB's own environment, which commands inherit; for a vault use `secretOptions` with `{ env: NAME }` or `{ file: /path }`",
                    "PlanB를 실행하는 환경에 변수를 설정하면 명령이 그대로 물려받습니다. 볼트 옵션은 `secretOptions`에 `{ env: 이름 }` 또는 `{ file: /경로 }`로 적으세요",
                ),
            );
        }
    }

    fn list(&mut self, view: View<'_>, items: &[Node], node: &Node, path: &str) {
        let bounds = view.size_bounds("minItems", "maxItems");
        if let Some((min, max)) =
            bounds.filter(|(min, max)| items.len() < *min || items.len() > *max)
        {
            let wanted = if min == max {
                min.to_string()
            } else {
                format!("{min}–{max}")
            };
            let count = items.len();
            self.problems.add(
                "PB-PLAN-VALUE",
                node.spot,
                path,
                Text::new(
                    format!("{count} entries where {wanted} belong"),
                    format!("항목이 {wanted}개여야 하는데 {count}개입니다"),
                ),
                Text::new(
                    format!("give {wanted}"),
                    format!("항목 수를 {wanted}개로 맞추세요"),
                ),
            );
        }
        let Some(view) = view.items() else { return };
        for (index, item) in items.iter().enumerate() {
            self.node(
                view,
                item,
                &format!("{path}[{index}]"),
                Spot {
                    len: 0,
                    ..item.spot
                },
            );
        }
    }

    fn text(&mut self, view: View<'_>, text: &str, node: &Node, path: &str) {
        if let Err(bad) = scalar::check(view.format(), text) {
            if bad.secret {
                self.problems.hide(node.spot);
                self.problems.hide(node.defined);
            }
            self.problems.add_bad(node.spot, path, bad);
        }
    }

    fn choice(&mut self, view: View<'_>, text: &str, node: &Node, path: &str) {
        let choices = view.choices();
        if choices.contains(&text) {
            return;
        }
        let list = choices.join("`, `");
        let hint = match nearest(text, &choices) {
            Some(name) => Text::new(
                format!("did you mean `{name}`?"),
                format!("`{name}` 값을 적으려던 것인가요?"),
            ),
            None => Text::new(format!("use `{list}`"), format!("쓸 수 있는 값: `{list}`")),
        };
        self.problems.add(
            "PB-PLAN-VALUE",
            node.spot,
            path,
            Text::new(
                format!("{} is not one of `{list}`", shown(text)),
                format!("{} 값은 쓸 수 없습니다(가능한 값: `{list}`)", shown(text)),
            ),
            hint,
        );
    }

    fn integer(&mut self, view: View<'_>, number: i128, node: &Node, path: &str) {
        let (min, max) = view.number_bounds();
        if number < min || number > max {
            self.problems.add(
                "PB-PLAN-VALUE",
                node.spot,
                path,
                Text::new(
                    format!("{number} is not between {min} and {max}"),
                    format!("{number} 값은 {min}~{max} 범위를 벗어납니다"),
                ),
                Text::new(
                    format!("give a whole number from {min} to {max}"),
                    format!("{min}~{max} 사이의 정수를 적으세요"),
                ),
            );
        }
    }
}

fn join(path: &str, key: &str) -> String {
    const KEY_CHARS_MAX: usize = 40;
    let key: String = key
        .chars()
        .filter(|c| !c.is_control())
        .take(KEY_CHARS_MAX)
        .collect();
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}
