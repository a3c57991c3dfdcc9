//! One answer: the text or number of a file, as the value the method counts with.

use crate::sheet::{Choice, Kind, Number};
use planb_model::Text;
use planb_model::plan::nearest;
use planb_model::plan::tree::Value;
use serde_json::{Value as Json, json};

/// Longest text of one answer, in characters.
const TEXT_CHARS_MAX: usize = 2_000;
/// Longest duration: ten years, in seconds.
const DURATION_SECONDS_MAX: f64 = 10.0 * 365.25 * 86_400.0;

/// Why an answer is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// What is wrong.
    pub message: Text,
    /// What to write instead.
    pub hint: Text,
}

fn bad(message: Text, hint: Text) -> Bad {
    Bad { message, hint }
}

/// Reads one answer. Groups and lists are not for this.
///
/// # Errors
/// Why it is not an answer, and what would be.
pub fn read_scalar(kind: &Kind, value: &Value) -> Result<Json, Bad> {
    match kind {
        Kind::YesNo => yes_no(value),
        Kind::Text => text(value),
        Kind::Number(rule) => number(rule, value),
        Kind::Duration => Ok(json!(duration(&as_text(value))?)),
        Kind::Span => span(&as_text(value)),
        Kind::Date => date(&as_text(value)),
        Kind::Percent(bounds) => percent(bounds.min, bounds.max, value),
        Kind::Choice(choices) => choice(choices, &as_text(value)),
        Kind::Choices(choices) => several(choices, value),
        Kind::Group(_) | Kind::List(_) => Err(bad(
            Text::new(
                "a single value where several belong",
                "여러 값이 있어야 하는 자리입니다",
            ),
            Text::new("write the fields below it", "아래에 항목을 들여 쓰세요"),
        )),
    }
}

/// The value as it was written.
fn as_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.trim().to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}

fn yes_no(value: &Value) -> Result<Json, Bad> {
    let said = as_text(value).to_lowercase();
    match said.as_str() {
        "yes" | "y" | "true" | "예" | "네" | "o" => Ok(json!(true)),
        "no" | "n" | "false" | "아니요" | "아니오" | "x" => Ok(json!(false)),
        _ => Err(bad(
            Text::new("neither yes nor no", "예/아니요로 답하지 않았습니다"),
            Text::new("write `yes` or `no`", "`yes` 또는 `no`로 적으세요"),
        )),
    }
}

fn text(value: &Value) -> Result<Json, Bad> {
    let said = as_text(value);
    if matches!(value, Value::List(_) | Value::Map(_)) || said.chars().count() > TEXT_CHARS_MAX {
        return Err(bad(
            Text::new(
                format!("not a text of at most {TEXT_CHARS_MAX} characters"),
                format!("{TEXT_CHARS_MAX}자 이하의 텍스트가 아닙니다"),
            ),
            Text::new("write one short text", "짧은 텍스트를 적으세요"),
        ));
    }
    Ok(Json::String(said))
}

/// A plain number; thousands may be grouped as in `12,000`.
fn plain_number(text: &str) -> Option<f64> {
    let grouped = text.split_once(',').is_some_and(|(first, rest)| {
        let whole = rest.split('.').next().unwrap_or_default();
        (1..=3).contains(&first.trim_start_matches('-').len())
            && whole.split(',').all(|group| group.len() == 3)
    });
    let text = if grouped {
        text.replace(',', "")
    } else {
        text.to_owned()
    };
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

fn number(rule: &Number, value: &Value) -> Result<Json, Bad> {
    let said = as_text(value);
    let (min, max) = (
        crate::number::plain(rule.min),
        crate::number::plain(rule.max),
    );
    let hint = Text::new(
        format!(
            "write a number from {min} to {max} without its unit ({})",
            rule.unit.en
        ),
        format!(
            "단위({}) 없이 {min}에서 {max} 사이의 숫자를 적으세요",
            rule.unit.ko
        ),
    );
    let Some(number) = plain_number(&said) else {
        return Err(bad(Text::new("not a number", "숫자가 아닙니다"), hint));
    };
    if number < rule.min || number > rule.max {
        return Err(bad(
            Text::new(
                format!("{} is not possible here", crate::number::plain(number)),
                format!(
                    "{}은(는) 여기에 올 수 없는 값입니다",
                    crate::number::plain(number)
                ),
            ),
            hint,
        ));
    }
    if !rule.whole {
        return Ok(json!(number));
    }
    if number.fract() != 0.0 {
        return Err(bad(
            Text::new("not a whole number", "정수가 아닙니다"),
            hint,
        ));
    }
    Ok(json!(number as i64))
}

fn percent(min: f64, max: f64, value: &Value) -> Result<Json, Bad> {
    let said = as_text(value);
    let hint = Text::new(
        format!("write it with the sign, from {min}% to {max}%: `15%`"),
        format!("`15%`처럼 기호를 붙여 {min}%에서 {max}% 사이로 적으세요"),
    );
    let number = said.strip_suffix('%').and_then(|n| plain_number(n.trim()));
    match number {
        Some(n) if (min..=max).contains(&n) => Ok(json!(n)),
        Some(_) => Err(bad(
            Text::new(
                format!("{said} is not possible here"),
                format!("{said}은(는) 여기에 올 수 없는 값입니다"),
            ),
            hint,
        )),
        None => Err(bad(
            Text::new("not a percentage", "백분율이 아닙니다"),
            hint,
        )),
    }
}

/// Seconds of `30m`, `1.5 h`, `2시간`.
fn duration(text: &str) -> Result<f64, Bad> {
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit.trim().to_lowercase().as_str() {
        "s" | "sec" | "초" => 1.0,
        "m" | "min" | "분" => 60.0,
        "h" | "hour" | "hours" | "시간" => 3_600.0,
        "d" | "day" | "days" | "일" => 86_400.0,
        _ => 0.0,
    };
    let seconds = number.parse::<f64>().ok().map(|n| n * factor);
    match seconds {
        Some(s) if factor > 0.0 && (0.0..=DURATION_SECONDS_MAX).contains(&s) => Ok(s),
        Some(_) if factor > 0.0 => Err(bad(
            Text::new(
                format!("{text} is not possible here"),
                format!("{text}은(는) 여기에 올 수 없는 값입니다"),
            ),
            Text::new("at most ten years", "10년 이하로 적으세요"),
        )),
        _ => Err(bad(
            Text::new("not a time with its unit", "단위가 있는 시간이 아닙니다"),
            Text::new(
                "write a number and s, m, h or d: `30m`, `1.5h`",
                "숫자와 s, m, h, d 단위를 적으세요: `30m`, `1.5h`",
            ),
        )),
    }
}

/// `2027-12-31`; `2027-12` is the last day of the month.
fn date(text: &str) -> Result<Json, Bad> {
    let whole: Option<jiff::civil::Date> = match text.len() {
        10 => text.parse().ok(),
        7 => format!("{text}-01")
            .parse()
            .ok()
            .map(jiff::civil::Date::last_of_month),
        _ => None,
    };
    whole.map(|day| json!(day.to_string())).ok_or_else(|| {
        bad(
            Text::new("not a date", "날짜가 아닙니다"),
            Text::new(
                "write year, month and day: `2027-12-31`, or `2027-12`",
                "연-월-일로 적으세요: `2027-12-31` 또는 `2027-12`",
            ),
        )
    })
}

/// `30m..1h`, `30m..40m..1h`, `30m`.
fn span(text: &str) -> Result<Json, Bad> {
    let parts: Vec<&str> = text.split("..").map(str::trim).collect();
    let times: Vec<f64> = parts
        .iter()
        .map(|p| duration(p))
        .collect::<Result<_, _>>()?;
    let (low, likely, high) = match times[..] {
        [only] => (only, Some(only), only),
        [low, high] => (low, None, high),
        [low, likely, high] => (low, Some(likely), high),
        _ => (1.0, None, 0.0),
    };
    let ordered = low <= high && likely.is_none_or(|l| (low..=high).contains(&l));
    if !ordered {
        return Err(bad(
            Text::new(
                "not a range that rises",
                "작은 값에서 큰 값으로 가는 범위가 아닙니다",
            ),
            Text::new(
                "write `30m..1h`, or `30m..40m..1h` with the usual time in the middle",
                "`30m..1h` 또는 가운데에 보통 걸리는 시간을 넣어 `30m..40m..1h`로 적으세요",
            ),
        ));
    }
    Ok(json!({ "low": low, "likely": likely, "high": high }))
}

fn choice(choices: &[Choice], said: &str) -> Result<Json, Bad> {
    let meant = |c: &&Choice| {
        c.id.eq_ignore_ascii_case(said)
            || c.label.ko == said
            || c.label.en.eq_ignore_ascii_case(said)
    };
    if let Some(choice) = choices.iter().find(meant) {
        return Ok(Json::String(choice.id.clone()));
    }
    let ids: Vec<&str> = choices.iter().map(|c| c.id.as_str()).collect();
    let list = ids.join("`, `");
    let hint = match nearest(said, &ids) {
        Some(id) => Text::new(
            format!("did you mean `{id}`?"),
            format!("`{id}`을(를) 적으려던 것인가요?"),
        ),
        None => Text::new(format!("use `{list}`"), format!("쓸 수 있는 값: `{list}`")),
    };
    Err(bad(
        Text::new(
            format!("not one of `{list}`"),
            format!("쓸 수 있는 값(`{list}`)이 아닙니다"),
        ),
        hint,
    ))
}

/// A list of words, or one text with `,` or `;` between them.
fn several(choices: &[Choice], value: &Value) -> Result<Json, Bad> {
    let said: Vec<String> = match value {
        Value::List(items) => items.iter().map(|n| as_text(&n.value)).collect(),
        other => as_text(other)
            .split([',', ';'])
            .map(|p| p.trim().to_owned())
            .collect(),
    };
    let mut chosen: Vec<Json> = Vec::new();
    for word in said
        .iter()
        .filter(|w| !w.is_empty() && *w != "-" && *w != "none")
    {
        let one = choice(choices, word)?;
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    Ok(Json::Array(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Bounds;

    fn said(kind: &Kind, text: &str) -> Result<Json, String> {
        read_scalar(kind, &Value::Text(text.to_owned())).map_err(|b| b.message.en)
    }

    #[test]
    fn times_need_a_unit_that_exists() {
        for (text, seconds) in [
            ("30m", 1800.0),
            ("1.5 h", 5400.0),
            ("2시간", 7200.0),
            ("90초", 90.0),
            ("1d", 86_400.0),
        ] {
            assert_eq!(said(&Kind::Duration, text), Ok(json!(seconds)), "{text}");
        }
        for text in ["30", "30 GB", "m", "-3m", "1e9d", "", "99999d"] {
            assert!(said(&Kind::Duration, text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_rise() {
        assert_eq!(
            said(&Kind::Span, "30m..1h"),
            Ok(json!({ "low": 1800.0, "likely": null, "high": 3600.0 }))
        );
        assert_eq!(
            said(&Kind::Span, "5m"),
            Ok(json!({ "low": 300.0, "likely": 300.0, "high": 300.0 }))
        );
        for text in ["1h..30m", "1m..9m..5m", "1m..2m..3m..4m", ".."] {
            assert!(said(&Kind::Span, text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_exist() {
        assert_eq!(said(&Kind::Date, "2028-02"), Ok(json!("2028-02-29")));
        assert_eq!(said(&Kind::Date, "2027-12-31"), Ok(json!("2027-12-31")));
        for text in ["2027", "2027-13", "2027-02-30", "soon", "31.12.2027"] {
            assert!(said(&Kind::Date, text).is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_have_a_sign() {
        let kind = Kind::Percent(Bounds {
            min: 0.0,
            max: 100.0,
        });
        assert_eq!(said(&kind, "15 %"), Ok(json!(15.0)));
        for text in ["15", "0.15", "101%", "-1%", "%"] {
            assert!(said(&kind, text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_have_no_unit_and_are_possible() {
        let rule = Number {
            unit: Text::same("USD"),
            min: 0.0,
            max: 1e6,
            whole: false,
        };
        let kind = Kind::Number(rule);
        assert_eq!(said(&kind, "12,000.5"), Ok(json!(12000.5)));
        for text in ["$5", "5 USD", "-1", "1e9", "NaN", "inf", "1,2", "1,00,000"] {
            assert!(said(&kind, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_word_near_a_choice_is_suggested() {
        let kind = Kind::Choice(vec![Choice {
            id: "sync".into(),
            label: Text::new("synchronous", "동기"),
        }]);
        assert_eq!(said(&kind, "동기"), Ok(json!("sync")));
        let bad = read_scalar(&kind, &Value::Text("snyc".into())).unwrap_err();
        assert_eq!(bad.hint.en, "did you mean `sync`?");
    }
}
