//! Words for problems of the shape.

use super::suggest::nearest;
use super::view::{Kind, View};
use super::{Structure, join};
use crate::Text;
use crate::plan::excerpt::is_secret_name;
use crate::plan::scalar::shown;
use crate::plan::tree::{Entry, Node, Spot, Value};

impl Structure<'_> {
    pub(super) fn inline_secret(&mut self, node: &Node, path: &str) {
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

    pub(super) fn duplicate(&mut self, first: &Entry, entry: &Entry, field: &str) {
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

    /// Adds an unknown field; returns the field that was probably meant.
    pub(super) fn unknown<'n>(
        &mut self,
        entry: &Entry,
        names: &[&'n str],
        field: &str,
        path: &str,
    ) -> Option<&'n str> {
        let key = shown(&entry.key);
        let place = if path.is_empty() {
            "the document"
        } else {
            path
        };
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
        meant
    }

    pub(super) fn missing(&mut self, view: View<'_>, name: &str, path: &str, anchor: Spot) {
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

    pub(super) fn wrong_type(&mut self, view: View<'_>, kind: Kind, node: &Node, path: &str) {
        let found = found(&node.value);
        let is_free = matches!(view.format(), "" | "planb-text");
        let quotable = matches!(kind, Kind::Text)
            && is_free
            && matches!(
                node.value,
                Value::Integer(_) | Value::Float(_) | Value::Bool(_)
            );
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
            Text::new(
                format!("for example `{example}`"),
                format!("예: `{example}`"),
            )
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

/// What a value is, for messages. Its content is not shown: it may be a secret
/// in the wrong place.
fn found(value: &Value) -> Text {
    match value {
        Value::Null => Text::new("nothing", "빈 값이"),
        Value::Bool(b) => Text::new(
            format!("the truth value `{b}`"),
            format!("참·거짓 값 `{b}` 항목이"),
        ),
        Value::Integer(_) | Value::Float(_) => Text::new("a number", "숫자가"),
        Value::Text(_) => Text::new("a text", "텍스트가"),
        Value::List(_) => Text::new("a list", "목록이"),
        Value::Map(_) => Text::new("a map of fields", "하위 항목 묶음이"),
    }
}
