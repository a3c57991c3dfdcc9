//! Checks the shape of a document against the plan's JSON Schema: fields,
//! types, single values. Unlike serde it goes on after a problem.

mod suggest;
mod view;

use super::excerpt::is_secret_name;
use super::problems::Problems;
use super::scalar::{self, shown};
use super::tree::{Entry, Node, Spot, Value};
use crate::Text;
use serde_json::Value as Json;
use suggest::nearest;
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
        self.node(View::new(self.root, self.root), node, "", Spot { len: 0, ..node.spot });
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
            (Kind::Any, _) => {}
            (kind, _) => self.wrong_type(view, kind, node, path),
        }
    }

    fn map(&mut self, view: View<'_>, entries: &[Entry], path: &str, anchor: Spot) {
        let names: Vec<&str> = view.properties().map(|(name, _)| name).collect();
        for (index, entry) in entries.iter().enumerate() {
            let field = join(path, &entry.key);
            if let Some(first) = entries[..index].iter().find(|e| e.key == entry.key) {
                self.duplicate(first, entry, &field);
                continue;
            }
            if let Some(property) = view.property(&entry.key) {
                self.node(property, &entry.node, &field, entry.key_spot);
            } else if let Some(values) = view.additional() {
                self.free_name(view, entry, &field);
                self.node(values, &entry.node, &field, entry.key_spot);
            } else {
                self.unknown(entry, &names, &field, path);
            }
        }
        for name in view.required() {
            if !entries.iter().any(|e| e.key == name) {
                self.missing(view, name, path, anchor);
            }
        }
        let given = names.iter().filter(|n| entries.iter().any(|e| e.key == **n)).count();
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
                    "PlanB를 실행하는 환경에 변수를 설정하면 명령이 그대로 물려받습니다. 저장소 옵션은 `secretOptions`에 `{ env: 이름 }` 또는 `{ file: /경로 }`로 적으세요",
                ),
            );
        }
    }

    fn inline_secret(&mut self, node: &Node, path: &str) {
        self.problems.hide(node.spot);
        self.problems.hide(node.defined);
        self.problems.add(
            "PB-PLAN-INLINE-SECRET",
            node.spot,
            path,
            Text::new(
                "a secret must be referred to, not written into the plan",
                "비밀 값은 계획 파일에 직접 적지 않고 참조해야 합니다",
            ),
            Text::new(
                "write `{ env: NAME }` or `{ file: /path }`, and change the secret if the file was ever copied",
                "`{ env: 이름 }` 또는 `{ file: /경로 }`로 적으세요. 파일이 복사된 적이 있다면 비밀 값도 변경하세요",
            ),
        );
    }

    fn duplicate(&mut self, first: &Entry, entry: &Entry, field: &str) {
        let line = first.key_spot.line;
        self.problems.add(
            "PB-PLAN-DUPLICATE-FIELD",
            entry.key_spot,
            field,
            Text::new(
                format!("`{}` is given twice, first on line {line}", entry.key),
                format!("`{}` 항목이 두 번 나옵니다(처음: {line}행)", entry.key),
            ),
            Text::new("keep one of the two", "둘 중 하나만 남기세요"),
        );
    }

    fn unknown(&mut self, entry: &Entry, names: &[&str], field: &str, path: &str) {
        let key = shown(&entry.key);
        let place = if path.is_empty() { "the document" } else { path };
        let place_ko = if path.is_empty() { "문서" } else { path };
        let meant = nearest(&entry.key, names);
        let hint = match meant {
            Some(name) => Text::new(
                format!("did you mean `{name}`?"),
                format!("`{name}` 항목을 적으려던 것인가요?"),
            ),
            None => Text::new(
                format!("it has the fields `{}`", names.join("`, `")),
                format!("여기에 쓸 수 있는 항목: `{}`", names.join("`, `")),
            ),
        };
        // A misspelt `password` holds a secret all the same.
        if is_secret_name(&entry.key) || meant.is_some_and(is_secret_name) {
            self.problems.hide(entry.node.spot);
        }
        self.problems.add(
            "PB-PLAN-UNKNOWN-FIELD",
            entry.key_spot,
            field,
            Text::new(
                format!("unknown field {key} in {place}"),
                format!("{place_ko}에 알 수 없는 항목 {key} 있음"),
            ),
            hint,
        );
    }

    fn missing(&mut self, view: View<'_>, name: &str, path: &str, anchor: Spot) {
        let example = view.property(name).and_then(|p| p.example());
        let hint = match example {
            Some(example) => Text::new(
                format!("add it, for example `{name}: {example}`"),
                format!("항목을 추가하세요. 예: `{name}: {example}`"),
            ),
            None => Text::new(
                "add it; docs/reference/plan-file.md describes it",
                "항목을 추가하세요. 설명은 docs/reference/plan-file.md에 있습니다",
            ),
        };
        self.problems.add(
            "PB-PLAN-MISSING-FIELD",
            anchor,
            &join(path, name),
            Text::new(
                format!("the field `{name}` is missing"),
                format!("필수 항목 `{name}` 없음"),
            ),
            hint,
        );
    }

    fn list(&mut self, view: View<'_>, items: &[Node], node: &Node, path: &str) {
        let bounds = view.size_bounds("minItems", "maxItems");
        if let Some((min, max)) = bounds.filter(|(min, max)| items.len() < *min || items.len() > *max) {
            let wanted = if min == max { min.to_string() } else { format!("{min}–{max}") };
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
            self.node(view, item, &format!("{path}[{index}]"), Spot { len: 0, ..item.spot });
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

    fn wrong_type(&mut self, view: View<'_>, kind: Kind, node: &Node, path: &str) {
        let found = found(&node.value);
        let quotable = matches!(kind, Kind::Text)
            && matches!(node.value, Value::Integer(_) | Value::Float(_) | Value::Bool(_));
        let needs_unit = matches!(node.value, Value::Integer(_))
            && matches!(view.format(), "planb-duration" | "planb-size");
        let hint = if let (true, Some(example)) = (needs_unit, view.example()) {
            Text::new(
                format!("add a unit, as in `{example}`"),
                format!("단위를 붙이세요. 예: `{example}`"),
            )
        } else if quotable {
            Text::new("put it in quotes", "따옴표로 묶으세요")
        } else if let Some(example) = view.example() {
            Text::new(format!("for example `{example}`"), format!("예: `{example}`"))
        } else {
            Text::new(
                "docs/reference/plan-file.md describes the field",
                "항목 설명은 docs/reference/plan-file.md에 있습니다",
            )
        };
        let wanted = kind.wanted();
        self.problems.add(
            "PB-PLAN-TYPE",
            node.spot,
            path,
            Text::new(
                format!("{} is expected here, not {}", wanted.en, found.en),
                format!("{} 자리에 {} 있음", wanted.ko, found.ko),
            ),
            hint,
        );
    }
}

fn join(path: &str, key: &str) -> String {
    const KEY_CHARS_MAX: usize = 40;
    let key: String = key.chars().filter(|c| !c.is_control()).take(KEY_CHARS_MAX).collect();
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// What a value is, for messages. Its content is not shown: it may be a secret
/// in the wrong place.
fn found(value: &Value) -> Text {
    match value {
        Value::Null => Text::new("nothing", "빈 값이"),
        Value::Bool(b) => Text::new(format!("`{b}`"), format!("참/거짓 값 `{b}`이(가)")),
        Value::Integer(_) | Value::Float(_) => Text::new("a number", "숫자가"),
        Value::Text(_) => Text::new("a text", "텍스트가"),
        Value::List(_) => Text::new("a list", "목록이"),
        Value::Map(_) => Text::new("a map of fields", "하위 항목 묶음이"),
    }
}
