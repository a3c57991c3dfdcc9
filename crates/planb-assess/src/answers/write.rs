//! Writes answers files, with the questions as comments: for `planb assess init`
//! and after every answer of the interactive mode.

use crate::sheet::{Kind, Question, Sheet};
use planb_model::{Lang, Text};
use serde_json::{Map, Value as Json};

/// Columns of a comment before it is broken.
const COMMENT_COLUMNS: usize = 92;

/// The example answers of a method, as they are written in files: what is words
/// in them (`{ en, ko }`) in `lang`.
pub fn example(sheet: &Sheet, lang: Lang) -> Map<String, Json> {
    examples(&sheet.questions, lang)
}

fn examples(questions: &[Question], lang: Lang) -> Map<String, Json> {
    let one = |q: &Question| {
        let value = match &q.kind {
            Kind::Group(fields) if q.example.is_null() => Json::Object(examples(fields, lang)),
            _ => said(&q.example, lang),
        };
        (q.id.clone(), value)
    };
    questions.iter().map(one).collect()
}

/// `value` with one language of every `{ en, ko }`.
fn said(value: &Json, lang: Lang) -> Json {
    match value {
        Json::Object(map) => match map.get(lang.tag()) {
            Some(words) if map.len() == 2 => words.clone(),
            _ => {
                let fields = map.iter();
                let fields = fields.map(|(key, value)| (key.clone(), said(value, lang)));
                Json::Object(fields.collect())
            }
        },
        Json::Array(items) => items.iter().map(|item| said(item, lang)).collect(),
        other => other.clone(),
    }
}

/// A whole answers file with `values`; what has none stays empty.
pub fn write(method: &str, sheet: &Sheet, values: &Map<String, Json>, lang: Lang) -> String {
    let mut out = String::new();
    comment(
        &mut out,
        0,
        &format!("{} — {}", sheet.title.get(lang), sheet.summary.get(lang)),
    );
    let source = Text::new(
        format!(
            "Source: {}. Leave a value empty when the answer is not known yet.",
            sheet.source
        ),
        format!("출처: {}. 아직 모르는 답은 비워 두세요.", sheet.source),
    );
    comment(&mut out, 0, source.get(lang));
    out.push_str(&format!("assess: {method}\nanswers:\n"));
    fields(&mut out, 1, &sheet.questions, values, lang);
    out
}

fn fields(
    out: &mut String,
    depth: usize,
    questions: &[Question],
    values: &Map<String, Json>,
    lang: Lang,
) {
    for question in questions {
        if depth == 1 {
            out.push('\n');
        }
        explain(out, depth, question, lang);
        let value = values.get(&question.id).unwrap_or(&Json::Null);
        let pad = "  ".repeat(depth);
        match (&question.kind, value) {
            (Kind::Group(inner), value) => {
                let empty = Map::new();
                out.push_str(&format!("{pad}{}:\n", question.id));
                fields(
                    out,
                    depth + 1,
                    inner,
                    value.as_object().unwrap_or(&empty),
                    lang,
                );
            }
            (Kind::List(list), Json::Array(rows)) if !rows.is_empty() => {
                for field in &list.fields {
                    comment(out, depth, &field_line(field, lang));
                }
                out.push_str(&format!("{pad}{}:\n", question.id));
                for row in rows {
                    out.push_str(&format!("{pad}  - {}\n", inline_row(&list.fields, row)));
                }
            }
            (_, value) => {
                let value = inline(value);
                let gap = if value.is_empty() { "" } else { " " };
                out.push_str(&format!("{pad}{}:{gap}{value}\n", question.id));
            }
        }
    }
}

/// The comments above a question.
fn explain(out: &mut String, depth: usize, question: &Question, lang: Lang) {
    let ask = question.ask.get(lang);
    let source = question.source.as_ref().map_or(String::new(), |s| {
        format!(" [{}]", crate::render::cited(s, lang))
    });
    comment(out, depth, &format!("{ask}{source}"));
    if let Some(find) = &question.find {
        let label = Text::new("Where to find it: ", "찾는 곳: ");
        comment(
            out,
            depth,
            &format!("{}{}", label.get(lang), find.get(lang)),
        );
    }
    let form = form(&question.kind, lang);
    if !form.is_empty() {
        let label = Text::new("Answer: ", "답: ");
        comment(out, depth, &format!("{}{form}", label.get(lang)));
    }
    if let Some(default) = &question.default {
        let label = Text::new("Left empty: ", "비워 두면: ");
        comment(
            out,
            depth,
            &format!("{}{}", label.get(lang), inline(default)),
        );
    }
}

fn field_line(field: &Question, lang: Lang) -> String {
    let form = form(&field.kind, lang);
    let optional = if field.may_be_left_out() {
        Text::new(", may be left out", ", 생략 가능")
            .get(lang)
            .to_owned()
    } else {
        String::new()
    };
    let ask = field.ask.get(lang);
    if form.is_empty() && optional.is_empty() {
        return format!("  {}: {ask}", field.id);
    }
    format!(
        "  {}: {ask} ({}{optional})",
        field.id,
        if form.is_empty() {
            Text::new("text", "텍스트").get(lang).to_owned()
        } else {
            form
        }
    )
}

/// What an answer looks like, in words.
pub fn form(kind: &Kind, lang: Lang) -> String {
    match kind {
        Kind::YesNo => "yes | no".to_owned(),
        Kind::Text | Kind::Group(_) | Kind::List(_) => String::new(),
        Kind::Number(number) => {
            let (min, max) = (
                crate::number::plain(number.min),
                crate::number::plain(number.max),
            );
            format!("{min}–{max} {}", number.unit.get(lang))
        }
        Kind::Duration => Text::new("a time such as 30m, 1.5h, 2d", "30m, 1.5h, 2d 같은 시간")
            .get(lang)
            .to_owned(),
        Kind::Span => Text::new(
            "a range of times such as 30m..1h, or 30m..40m..1h with the usual one in the middle",
            "30m..1h 같은 시간 범위. 보통 걸리는 시간을 알면 30m..40m..1h",
        )
        .get(lang)
        .to_owned(),
        Kind::Date => Text::new(
            "a date such as 2027-12-31 or 2027-12",
            "2027-12-31 또는 2027-12 같은 날짜",
        )
        .get(lang)
        .to_owned(),
        Kind::Percent(bounds) => format!("{}%–{}%", bounds.min, bounds.max),
        Kind::Choice(choices) => words(choices, " | ", lang),
        Kind::Choices(choices) => {
            let label = Text::new("any of ", "다음 중 여럿: ");
            format!("{}{}", label.get(lang), words(choices, ", ", lang))
        }
    }
}

fn words(choices: &[crate::sheet::Choice], between: &str, lang: Lang) -> String {
    let one = |c: &crate::sheet::Choice| {
        let label = c.label.get(lang);
        if label == c.id {
            c.id.clone()
        } else {
            format!("{} ({label})", c.id)
        }
    };
    choices.iter().map(one).collect::<Vec<_>>().join(between)
}

fn inline_row(fields: &[Question], row: &Json) -> String {
    let cell = |field: &Question| {
        let value = row.get(&field.id).filter(|v| !v.is_null())?;
        Some(format!("{}: {}", field.id, inline(value)))
    };
    let cells: Vec<String> = fields.iter().filter_map(cell).collect();
    format!("{{ {} }}", cells.join(", "))
}

/// A value as YAML on one line.
fn inline(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(true) => "yes".to_owned(),
        Json::Bool(false) => "no".to_owned(),
        Json::String(text) if is_plain(text) => text.clone(),
        Json::Array(items) => format!(
            "[{}]",
            items.iter().map(inline).collect::<Vec<_>>().join(", ")
        ),
        other => other.to_string(),
    }
}

/// Whether a text can stand in YAML without quotes, in flow style too.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphanumeric)
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '.' | '%' | '-' | '/' | '_'))
        && !matches!(text, "null" | "Null" | "NULL" | "true" | "false")
        && (text.parse::<f64>().is_err())
}

fn comment(out: &mut String, depth: usize, text: &str) {
    let pad = "  ".repeat(depth);
    for line in crate::render::wrap(text, COMMENT_COLUMNS - pad.len()) {
        out.push_str(&format!("{pad}# {line}\n"));
    }
}
