//! Asking the questions one by one: which comes next, what was said, what is
//! open. The terminal is the caller's.

use crate::answers::{Bad, example, form, read_scalar};
use crate::sheet::{Kind, Question, Sheet};
use planb_model::plan::tree::Value;
use planb_model::{Lang, Text};
use serde_json::{Map, Value as Json};

/// One step of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Field(String),
    Row(usize),
}

/// One place that takes an answer.
struct Slot<'s> {
    path: Vec<Key>,
    question: &'s Question,
    /// For the first field of a row that is not there yet: what a row is called.
    new_row: Option<&'s Text>,
    /// Whether the method does not work without an answer.
    needed: bool,
}

/// What is asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its place among the questions, from 1.
    pub number: usize,
    /// How many there are now; lists make it grow.
    pub count: usize,
    /// Its field in the answers file: `workloads[0].name`.
    pub field: String,
    /// The question.
    pub ask: Text,
    /// Where the answer is found.
    pub find: Option<Text>,
    /// What an answer looks like, in the language of the interview.
    pub form: String,
    /// The answer so far, as it was written.
    pub now: String,
    /// What the example says.
    pub example: String,
    /// Whether an empty answer ends a list here.
    pub ends_list: bool,
    /// Whether the method works without an answer.
    pub optional: bool,
}

/// An interview about one method.
pub struct Interview<'s> {
    sheet: &'s Sheet,
    lang: Lang,
    values: Map<String, Json>,
    examples: Json,
    at: usize,
}

impl<'s> Interview<'s> {
    /// Goes on with `values`: at the first needed answer that is missing, or
    /// after the last one that was given. What may be left out and was, in the
    /// rows before, is not asked again; a list that ends there is asked for one
    /// more row, because the file does not tell whether it was done.
    pub fn new(sheet: &'s Sheet, values: Map<String, Json>, lang: Lang) -> Self {
        let examples = Json::Object(example(sheet));
        let mut interview = Self {
            sheet,
            lang,
            values,
            examples,
            at: 0,
        };
        let slots = interview.slots();
        let open = |slot: &Slot<'_>| interview.value(&slot.path).is_none();
        let missing = slots.iter().position(|slot| slot.needed && open(slot));
        let given = slots.iter().rposition(|slot| !open(slot));
        let next = given.map_or(0, |last| last + 1);
        interview.at = missing.map_or(next, |missing| missing.min(next));
        interview
    }

    /// The answers so far, as they are written in files.
    pub fn values(&self) -> &Map<String, Json> {
        &self.values
    }

    /// What is asked now; `None` at the end.
    pub fn prompt(&self) -> Option<Prompt> {
        let slots = self.slots();
        let slot = slots.get(self.at)?;
        let now = self.value(&slot.path).map_or(String::new(), written);
        Some(Prompt {
            number: self.at + 1,
            count: slots.len(),
            field: named(&slot.path),
            ask: slot.question.ask.clone(),
            find: slot.question.find.clone(),
            form: form(&slot.question.kind, self.lang),
            now,
            example: at(&self.examples, &slot.path).map_or(String::new(), written),
            ends_list: slot.new_row.is_some(),
            optional: slot.question.may_be_left_out(),
        })
    }

    /// Takes an answer and goes on.
    ///
    /// # Errors
    /// Why it is not an answer; the question stays.
    pub fn answer(&mut self, said: &str) -> Result<(), Bad> {
        let (path, kind) = {
            let slots = self.slots();
            let Some(slot) = slots.get(self.at) else {
                return Ok(());
            };
            (slot.path.clone(), slot.question.kind.clone())
        };
        let read = read_scalar(&kind, &Value::Text(said.to_owned()))?;
        // What has a unit is kept as it was said; the rest in its plain form.
        let kept = match kind {
            Kind::Duration | Kind::Span | Kind::Date | Kind::Percent(_) => {
                Json::String(said.trim().to_owned())
            }
            _ => read,
        };
        let mut root = Json::Object(std::mem::take(&mut self.values));
        put(&mut root, &path, kept);
        if let Json::Object(values) = root {
            self.values = values;
        }
        self.at += 1;
        Ok(())
    }

    /// Leaves the answer as it is and goes on.
    pub fn skip(&mut self) {
        self.at += 1;
    }

    /// Takes the answer away.
    pub fn clear(&mut self) {
        let path = self.slots().get(self.at).map(|slot| slot.path.clone());
        if let Some(path) = path.filter(|path| self.value(path).is_some()) {
            let mut root = Json::Object(std::mem::take(&mut self.values));
            put(&mut root, &path, Json::Null);
            if let Json::Object(values) = root {
                self.values = values;
            }
        }
    }

    /// Goes one question back.
    pub fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    fn value(&self, path: &[Key]) -> Option<&Json> {
        let (Key::Field(first), rest) = path.split_first()? else {
            return None;
        };
        at(self.values.get(first)?, rest).filter(|value| !value.is_null())
    }

    fn slots(&self) -> Vec<Slot<'s>> {
        let mut out = Vec::new();
        self.gather(&self.sheet.questions, &[], &mut out);
        out
    }

    fn gather(&self, questions: &'s [Question], path: &[Key], out: &mut Vec<Slot<'s>>) {
        for question in questions {
            let mut path = path.to_vec();
            path.push(Key::Field(question.id.clone()));
            match &question.kind {
                Kind::Group(fields) => self.gather(fields, &path, out),
                Kind::List(list) => {
                    let rows = self
                        .value(&path)
                        .and_then(Json::as_array)
                        .map_or(0, Vec::len);
                    for row in 0..rows {
                        let mut path = path.clone();
                        path.push(Key::Row(row));
                        self.gather(&list.fields, &path, out);
                    }
                    if let Some(first) = list.fields.first().filter(|_| rows < list.max) {
                        path.extend([Key::Row(rows), Key::Field(first.id.clone())]);
                        out.push(Slot {
                            path,
                            question: first,
                            new_row: Some(&list.one),
                            needed: rows < list.min,
                        });
                    }
                }
                _ => out.push(Slot {
                    path,
                    question,
                    new_row: None,
                    needed: !question.may_be_left_out(),
                }),
            }
        }
    }
}

fn at<'j>(json: &'j Json, path: &[Key]) -> Option<&'j Json> {
    path.iter().try_fold(json, |json, key| match key {
        Key::Field(name) => json.get(name),
        Key::Row(index) => json.get(index),
    })
}

/// Sets the value at `path`; what is on the way is made.
fn put(json: &mut Json, path: &[Key], value: Json) {
    let Some((key, rest)) = path.split_first() else {
        *json = value;
        return;
    };
    let next = match key {
        Key::Field(name) => {
            if !json.is_object() {
                *json = Json::Object(Map::new());
            }
            json.as_object_mut()
                .map(|map| map.entry(name).or_insert(Json::Null))
        }
        Key::Row(index) => {
            if !json.is_array() {
                *json = Json::Array(Vec::new());
            }
            json.as_array_mut().and_then(|rows| {
                while rows.len() <= *index {
                    rows.push(Json::Null);
                }
                rows.get_mut(*index)
            })
        }
    };
    if let Some(next) = next {
        put(next, rest, value);
    }
}

fn named(path: &[Key]) -> String {
    let mut out = String::new();
    for key in path {
        match key {
            Key::Field(name) if out.is_empty() => out.push_str(name),
            Key::Field(name) => out.push_str(&format!(".{name}")),
            Key::Row(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

/// A value as it would be typed.
fn written(value: &Json) -> String {
    match value {
        Json::Null | Json::Object(_) => String::new(),
        Json::Bool(true) => "yes".to_owned(),
        Json::Bool(false) => "no".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        Json::Number(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: &str = "
title: { en: T, ko: 제목 }
summary: { en: S, ko: 요약 }
source: D
questions:
  - { id: fine, ask: { en: Fine, ko: 괜찮은가 }, kind: yes-no }
  - id: times
    ask: { en: Times, ko: 시간 }
    kind: { group: [{ id: boot, ask: { en: Boot, ko: 기동 }, kind: duration }] }
  - id: parts
    ask: { en: Parts, ko: 부분 }
    kind: { list: { one: { en: part, ko: 부분 }, fields: [
      { id: name, ask: { en: Name, ko: 이름 }, kind: text },
      { id: colour, ask: { en: Colour, ko: 색 }, kind: text, optional: true },
      { id: weight, ask: { en: Weight, ko: 무게 }, kind: { number: { unit: { same: kg }, max: 10 } } } ] } }
";

    fn field(interview: &Interview<'_>) -> String {
        interview.prompt().map_or("end".to_owned(), |p| p.field)
    }

    #[test]
    fn every_answer_leads_to_the_next_question() {
        let sheet = Sheet::read(SHEET).unwrap();
        let mut talk = Interview::new(&sheet, Map::new(), Lang::En);
        let mut seen = Vec::new();
        for said in ["y", "30m", "door", "red", "2.5", "wall", "red", "3"] {
            seen.push(field(&talk));
            talk.answer(said).unwrap();
        }
        assert_eq!(
            seen,
            [
                "fine",
                "times.boot",
                "parts[0].name",
                "parts[0].colour",
                "parts[0].weight",
                "parts[1].name",
                "parts[1].colour",
                "parts[1].weight"
            ]
        );
        assert!(talk.prompt().unwrap().ends_list);
        talk.skip();
        assert_eq!(talk.prompt(), None);
        let expected = serde_json::json!({
            "fine": true, "times": { "boot": "30m" },
            "parts": [{ "name": "door", "colour": "red", "weight": 2.5 }, { "name": "wall", "colour": "red", "weight": 3.0 }],
        });
        assert_eq!(Json::Object(talk.values().clone()), expected);
    }

    #[test]
    fn a_wrong_answer_keeps_the_question_and_resuming_finds_it() {
        let sheet = Sheet::read(SHEET).unwrap();
        let mut talk = Interview::new(&sheet, Map::new(), Lang::En);
        talk.answer("no").unwrap();
        assert!(talk.answer("30").is_err());
        assert_eq!(field(&talk), "times.boot");
        let kept = talk.values().clone();
        let mut again = Interview::new(&sheet, kept, Lang::En);
        assert_eq!(field(&again), "times.boot");
        again.back();
        again.clear();
        assert_eq!(again.prompt().unwrap().now, "");
    }

    #[test]
    fn whoever_left_between_two_rows_is_asked_for_the_next_one() {
        let sheet = Sheet::read(SHEET).unwrap();
        let mut talk = Interview::new(&sheet, Map::new(), Lang::En);
        for said in ["y", "30m", "door"] {
            talk.answer(said).unwrap();
        }
        // The colour is left out, and not asked for again.
        talk.skip();
        talk.answer("2.5").unwrap();
        let again = Interview::new(&sheet, talk.values().clone(), Lang::En);
        assert_eq!(field(&again), "parts[1].name");
        assert!(again.prompt().unwrap().ends_list);
        // In the middle of a row, its rest is asked for.
        talk.answer("wall").unwrap();
        let again = Interview::new(&sheet, talk.values().clone(), Lang::En);
        assert_eq!(field(&again), "parts[1].colour");
        // An open question before the list comes first.
        let mut open = talk.values().clone();
        open.insert("fine".to_owned(), Json::Null);
        assert_eq!(field(&Interview::new(&sheet, open, Lang::En)), "fine");
    }
}
