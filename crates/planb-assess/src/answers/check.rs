//! Compares a file with the questions: every answer is read, every problem gets
//! its place, what is missing is listed.

use super::{Answers, Assumed, Missing, read_scalar};
use crate::sheet::{Kind, List, Question, Sheet};
use planb_model::Text;
use planb_model::plan::tree::{Entry, Node, Spot, Value};
use planb_model::plan::{Problems, nearest};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// Reads all answers of a file.
pub(super) fn answers(sheet: &Sheet, tree: Node, problems: &mut Problems) -> Answers {
    let mut reader = Reader {
        problems,
        missing: Vec::new(),
        assumed: Vec::new(),
    };
    let json = Json::Object(reader.fields(&sheet.questions, &tree, ""));
    let (missing, assumed) = (reader.missing, reader.assumed);
    Answers {
        json,
        missing,
        assumed,
        tree,
    }
}

struct Reader<'p> {
    problems: &'p mut Problems,
    missing: Vec<Missing>,
    assumed: Vec<Assumed>,
}

impl Reader<'_> {
    /// Reads the fields of one map.
    fn fields(&mut self, questions: &[Question], node: &Node, path: &str) -> Map<String, Json> {
        let mut out = Map::new();
        let nothing = Vec::new();
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &nothing,
            _ => {
                self.wrong(
                    node,
                    path,
                    Text::new("not a set of fields", "항목의 모음이 아닙니다"),
                    Text::new(
                        "write `field: value` lines below it",
                        "아래에 `항목: 값`을 줄마다 적으세요",
                    ),
                );
                return out;
            }
        };
        self.unknown(questions, entries, path);
        for question in questions {
            let field = join(path, &question.id);
            let entry = entries.iter().find(|e| e.key == question.id);
            let answered = entry.filter(|e| !is_blank(&e.node.value));
            let value = match answered {
                Some(entry) => self.answer(question, &entry.node, &field),
                None => {
                    let line = entry.map_or(node.spot, |e| e.key_spot).line;
                    self.unanswered(question, &field, line)
                }
            };
            if let Some(value) = value {
                out.insert(question.id.clone(), value);
            }
        }
        out
    }

    /// Keys nobody asked for, and keys that are there twice.
    fn unknown(&mut self, questions: &[Question], entries: &[Entry], path: &str) {
        let names: Vec<&str> = questions.iter().map(|q| q.id.as_str()).collect();
        let mut seen: Vec<&str> = Vec::new();
        for entry in entries {
            let field = join(path, &entry.key);
            if seen.contains(&entry.key.as_str()) {
                self.problems.add(
                    "PB-ANSWERS-TWICE",
                    entry.key_spot,
                    &field,
                    Text::new("this field is there twice", "같은 항목이 두 번 있습니다"),
                    Text::new("keep one of them", "하나만 남기세요"),
                );
            }
            seen.push(&entry.key);
            if names.contains(&entry.key.as_str()) {
                continue;
            }
            let list = names.join("`, `");
            let hint = match nearest(&entry.key, &names) {
                Some(name) => Text::new(
                    format!("did you mean `{name}`?"),
                    format!("`{name}`을(를) 적으려던 것인가요?"),
                ),
                None => Text::new(
                    format!("fields here are `{list}`"),
                    format!("쓸 수 있는 항목: `{list}`"),
                ),
            };
            self.problems.add(
                "PB-ANSWERS-FIELD",
                entry.key_spot,
                &field,
                Text::new("there is no such field", "없는 항목입니다"),
                hint,
            );
        }
    }

    fn unanswered(&mut self, question: &Question, field: &str, line: usize) -> Option<Json> {
        if let Some(default) = &question.default {
            self.assumed.push(Assumed {
                field: field.to_owned(),
                ask: question.ask.clone(),
                value: default.clone(),
                source: question.source.clone().unwrap_or_default(),
            });
            // A default is written like an answer; the tests of the rules read each.
            return read_scalar(&question.kind, &as_value(default)).ok();
        }
        match &question.kind {
            // What is below may itself be left out.
            Kind::Group(fields) => {
                let nothing = Node {
                    spot: Spot {
                        line,
                        ..Spot::START
                    },
                    defined: Spot::START,
                    value: Value::Null,
                };
                if question.optional {
                    return None;
                }
                Some(Json::Object(self.fields(fields, &nothing, field)))
            }
            Kind::List(list) if list.min == 0 => Some(Json::Array(Vec::new())),
            _ if question.optional => None,
            _ => {
                self.missing.push(Missing {
                    field: field.to_owned(),
                    line,
                    ask: question.ask.clone(),
                    find: question.find.clone(),
                });
                None
            }
        }
    }

    fn answer(&mut self, question: &Question, node: &Node, field: &str) -> Option<Json> {
        match &question.kind {
            Kind::Group(fields) => Some(Json::Object(self.fields(fields, node, field))),
            Kind::List(list) => self.list(list, node, field),
            kind => match read_scalar(kind, &node.value) {
                Ok(value) => Some(value),
                Err(bad) => {
                    self.wrong(node, field, bad.message, bad.hint);
                    None
                }
            },
        }
    }

    fn list(&mut self, list: &List, node: &Node, field: &str) -> Option<Json> {
        let Value::List(items) = &node.value else {
            self.wrong(
                node,
                field,
                Text::new("not a list", "목록이 아닙니다"),
                Text::new("begin each entry with `- `", "각 항목을 `- `로 시작하세요"),
            );
            return None;
        };
        if items.len() < list.min || items.len() > list.max {
            let (count, min, max) = (items.len(), list.min, list.max);
            self.wrong(
                node,
                field,
                Text::new(
                    format!("{count} entries where {min} to {max} belong"),
                    format!("{min}~{max}개가 있어야 하는데 {count}개입니다"),
                ),
                Text::new("change the number of entries", "항목 수를 맞추세요"),
            );
            return None;
        }
        let mut rows = Vec::with_capacity(items.len());
        let mut names: HashMap<String, usize> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{field}[{index}]");
            let row = self.fields(&list.fields, item, &path);
            if let Some(unique) = &list.unique
                && let Some(Json::String(name)) = row.get(unique)
                && let Some(first) = names.insert(name.clone(), item.spot.line)
            {
                let place = item.get(unique).map_or(item, |e| &e.node);
                self.problems.add(
                    "PB-ANSWERS-TWICE",
                    place.spot,
                    &join(&path, unique),
                    Text::new(
                        format!("this name is already used on line {first}"),
                        format!("{first}번째 줄에서 이미 쓴 이름입니다"),
                    ),
                    Text::new("give each its own name", "서로 다른 이름을 붙이세요"),
                );
            }
            rows.push(Json::Object(row));
        }
        Some(Json::Array(rows))
    }

    fn wrong(&mut self, node: &Node, field: &str, message: Text, hint: Text) {
        self.problems
            .add("PB-ANSWERS-VALUE", node.spot, field, message, hint);
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        // A group of which nothing is filled in, as `init` writes it.
        Value::Map(entries) => entries.iter().all(|e| is_blank(&e.node.value)),
        _ => false,
    }
}

/// A value of a data file as if it stood in an answers file.
fn as_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    spot: Spot::START,
                    defined: Spot::START,
                    value: as_value(item),
                })
                .collect(),
        ),
        Json::Object(_) => Value::Null,
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
