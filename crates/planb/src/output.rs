//! Writing to the terminal. The only place that prints.

use crate::error::CliError;
use crate::explain;
use planb_model::finding::{Finding, Severity};
use planb_model::{Lang, Text};
use std::io::{IsTerminal, Write};

/// The language of the environment: `PLANB_LANG`, `LC_ALL`, `LC_MESSAGES`, `LANG`.
///
/// Looks at the arguments as well, because help is printed before they are parsed.
pub fn language() -> Lang {
    let mut arguments = std::env::args();
    while let Some(argument) = arguments.next() {
        if let Some(tag) = argument.strip_prefix("--lang=") {
            return Lang::from_tag(tag);
        }
        if argument == "--lang" {
            return Lang::from_tag(&arguments.next().unwrap_or_default());
        }
    }
    ["PLANB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|tag| !tag.is_empty())
        .map_or(Lang::En, |tag| Lang::from_tag(&tag))
}

/// Writes one line of data to stdout. A reader that went away is no error.
pub fn data(line: &str) {
    let mut out = std::io::stdout().lock();
    ignore_closed(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Writes JSON to stdout, on one line when it is not a terminal.
pub fn json<T: serde::Serialize>(value: &T) -> Result<(), CliError> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    data(&text.map_err(|e| CliError::io("write JSON", "JSON을 출력", e))?);
    Ok(())
}

/// Writes one line for people to stderr.
pub fn note(line: &str) {
    let mut err = std::io::stderr().lock();
    ignore_closed(writeln!(err, "{line}"));
}

fn ignore_closed(result: std::io::Result<()>) {
    // Nobody reads any more (`planb status | head`): there is no one to tell.
    result.unwrap_or_default();
}

/// Shows an error: what, its code, what to do.
pub fn print_error(error: &CliError, lang: Lang) {
    let (label, hint_label) = match lang {
        Lang::En => ("error", "hint"),
        Lang::Ko => ("오류", "도움말"),
    };
    let code = if error.code.is_empty() {
        String::new()
    } else {
        format!(" [{}]", error.code)
    };
    let message = error.message.get(lang);
    // A library's error has no Korean words of its own; its code does.
    let meaning = match lang {
        Lang::Ko if error.message.en == error.message.ko => explain::code(&error.code, lang),
        _ => None,
    };
    match meaning {
        Some(meaning) => {
            note(&format!("{label}{code}: {meaning}"));
            note(&format!("  원문: {message}"));
        }
        None => note(&format!("{label}{code}: {message}")),
    }
    if let Some(hint) = &error.hint {
        note(&format!("  {hint_label}: {}", hint.get(lang)));
    }
}

/// Shows findings, one line each, with the fix below.
pub fn findings(findings: &[Finding], lang: Lang) {
    for finding in findings {
        let mark = match (finding.severity, lang) {
            (Severity::Ok, _) => "ok     ",
            (Severity::Warning, Lang::En) => "warning",
            (Severity::Error, Lang::En) => "ERROR  ",
            (Severity::Unknown, Lang::En) => "unknown",
            (Severity::Warning, Lang::Ko) => "주의   ",
            (Severity::Error, Lang::Ko) => "오류   ",
            (Severity::Unknown, Lang::Ko) => "미확인 ",
        };
        data(&format!(
            "{mark}  {}: {}",
            finding.subject,
            finding.reason.get(lang)
        ));
        if let Some(fix) = &finding.fix {
            let label = Text::new("fix", "조치");
            data(&format!(
                "         {}: {} [{}]",
                label.get(lang),
                fix.get(lang),
                finding.code
            ));
        }
    }
}

/// Seconds for people: `0.42 s`, `12.3 s`, `4 min 05 s`; `0.42초`, `4분 05초`.
pub fn seconds(value: f64, lang: Lang) -> String {
    let whole = value.round() as u64;
    let (minutes, rest) = (whole / 60, whole % 60);
    match (lang, value) {
        (Lang::En, v) if v < 10.0 => format!("{v:.2} s"),
        (Lang::En, v) if v < 120.0 => format!("{v:.1} s"),
        (Lang::En, _) => format!("{minutes} min {rest:02} s"),
        (Lang::Ko, v) if v < 10.0 => format!("{v:.2}초"),
        (Lang::Ko, v) if v < 120.0 => format!("{v:.1}초"),
        (Lang::Ko, _) => format!("{minutes}분 {rest:02}초"),
    }
}
