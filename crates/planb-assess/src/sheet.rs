//! The data file of a method: what it asks, and what its rules are.

use crate::from_json::from_json;
use planb_model::Text;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// One data file of `rules/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sheet {
    /// Name of the method as people read it.
    pub title: Text,
    /// What it answers, in one sentence.
    pub summary: Text,
    /// Where the method comes from: `W 13`, `D`.
    pub source: String,
    /// What it asks.
    pub questions: Vec<Question>,
    /// Figures of the documents that every result of the method rests on.
    #[serde(default)]
    pub notes: Vec<SheetNote>,
    /// The method's own rules; see its `Rules` type.
    #[serde(default)]
    pub rules: Json,
}

/// A figure of a document, and where it is from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SheetNote {
    /// What is said about it.
    pub text: Text,
    /// Document and section.
    pub source: String,
}

/// One question.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// Its key in the answers file.
    pub id: String,
    /// The question.
    pub ask: Text,
    /// Where the answer is found; every question outside a list has one.
    #[serde(default)]
    pub find: Option<Text>,
    /// What an answer looks like.
    pub kind: Kind,
    /// Where the question comes from.
    #[serde(default)]
    pub source: Option<String>,
    /// The answer `planb assess init` writes; `{ en, ko }` where it is words.
    #[serde(default)]
    pub example: Json,
    /// Taken when there is no answer; the result says so with the source.
    #[serde(default)]
    pub default: Option<Json>,
    /// Whether the method works without an answer.
    #[serde(default)]
    pub optional: bool,
}

/// What an answer looks like.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `yes` or `no`; a `bool` for the method.
    YesNo,
    /// Free text.
    Text,
    /// A number in a fixed unit; `f64` (or an integer when `whole`).
    Number(Number),
    /// `30m`, `1.5h`; seconds as `f64`.
    Duration,
    /// `30m..1h`, `30m..40m..1h` or `30m`; `{ low, likely, high }` in seconds.
    Span,
    /// `2027-12-31` or `2027-12`, which is its last day; `YYYY-MM-DD`.
    Date,
    /// `15%`; the number before the sign as `f64`.
    Percent(Bounds),
    /// One of several words.
    Choice(Vec<Choice>),
    /// Several of several words, as a list.
    Choices(Vec<Choice>),
    /// Answers under a key of their own.
    Group(Vec<Question>),
    /// A list of things with the same fields; also read from CSV.
    List(List),
}

/// A number in a fixed unit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The unit people read: `USD / month`, `cores`.
    pub unit: Text,
    /// Smallest and largest possible number.
    #[serde(default)]
    pub min: f64,
    /// Largest possible number.
    pub max: f64,
    /// Whether only whole numbers are possible.
    #[serde(default)]
    pub whole: bool,
}

/// What is possible.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Smallest.
    #[serde(default)]
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// One word that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The word in the answers file.
    pub id: String,
    /// What it means.
    pub label: Text,
}

/// A list of things with the same fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What one of them is called: `workload`.
    pub one: Text,
    /// The fields of each.
    pub fields: Vec<Question>,
    /// The field that names one; no two may have the same.
    #[serde(default)]
    pub unique: Option<String>,
    /// Fewest entries.
    #[serde(default = "one")]
    pub min: usize,
    /// Most entries.
    #[serde(default = "hundred")]
    pub max: usize,
}

fn one() -> usize {
    1
}

fn hundred() -> usize {
    100
}

impl Question {
    /// Whether the method has something to go by without an answer.
    pub fn may_be_left_out(&self) -> bool {
        self.optional || self.default.is_some()
    }
}

impl Sheet {
    /// Reads a data file. `{ same: X }` stands for a text that reads the same
    /// in both languages.
    ///
    /// # Errors
    /// What is wrong with the file, in English: these files are written by
    /// people who change rules, not by those who answer questions.
    pub fn read(yaml: &str) -> Result<Sheet, String> {
        // `yes` and `no` are words here, as they are in answers.
        let options = serde_saphyr::options! { strict_booleans: true };
        let mut json: Json =
            serde_saphyr::from_str_with_options(yaml, options).map_err(|e| e.to_string())?;
        expand_same(&mut json);
        from_json(&json).map_err(|e| e.to_string())
    }

    /// The method's own part.
    ///
    /// # Errors
    /// What does not fit the method's type.
    pub fn rules<R: DeserializeOwned>(&self) -> Result<R, String> {
        from_json(&self.rules).map_err(|e| format!("rules: {e}"))
    }

    /// The list that can come from a CSV file: the first one.
    pub fn csv_list(&self) -> Option<(&Question, &List)> {
        self.questions
            .iter()
            .find_map(|question| match &question.kind {
                Kind::List(list) => Some((question, list)),
                _ => None,
            })
    }
}

/// Turns `{ same: X }` into `{ en: X, ko: X }` everywhere.
pub(crate) fn expand_same(json: &mut Json) {
    match json {
        Json::Object(map) => {
            if map.len() == 1
                && let Some(Json::String(text)) = map.get("same")
            {
                *json = serde_json::json!({ "en": text, "ko": text });
                return;
            }
            map.values_mut().for_each(expand_same);
        }
        Json::Array(items) => items.iter_mut().for_each(expand_same),
        _ => {}
    }
}
