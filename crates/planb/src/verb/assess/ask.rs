//! The interactive mode: plain lines on a terminal, answers kept after each one.

mod keyboard;

use super::{document, files};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use crate::verb::stopped;
use futures::poll;
use keyboard::Heard;
use planb_assess::answers::{self, Form};
use planb_assess::interview::{Interview, Prompt};
use planb_assess::{Method, Sheet};
use planb_model::{Lang, Text};
use serde_json::{Map, Value as Json};
use std::io::Write;
use std::path::Path;
use std::pin::pin;

/// Asks what is open. False when the user left before the end, by `q`, the end
/// of the input, Ctrl-C or SIGTERM.
pub async fn interview(method: &Method, sheet: &Sheet, path: &Path, lang: Lang) -> CliResult<bool> {
    // Listens from here on: a Ctrl-C at the first question is one that leaves, too.
    let mut stop = pin!(stopped());
    if poll!(stop.as_mut()).is_ready() {
        return Ok(left(path, lang));
    }
    let values = known(method, sheet, path, lang)?;
    let mut talk = Interview::new(sheet, values, lang);
    say(
        "",
        &format!("{} — {}", sheet.title.get(lang), sheet.summary.get(lang)),
    );
    say("", help().get(lang));
    let mut lines = keyboard::lines()?;
    while let Some(prompt) = talk.prompt() {
        show(&prompt, lang);
        let heard = tokio::select! {
            () = stop.as_mut() => Heard::End,
            heard = lines.next() => heard?,
        };
        let line = match heard {
            Heard::End => return Ok(left(path, lang)),
            Heard::NoText => {
                let why = Text::new("✕ this is not UTF-8", "✕ UTF-8이 아닙니다");
                say("  ", why.get(lang));
                continue;
            }
            Heard::Line(line) => line,
        };
        match line.trim() {
            "" => leave_open(&mut talk, &prompt, lang),
            "?" => explain(&prompt, lang),
            "<" => talk.back(),
            "-" => talk.clear(),
            "q" | ":q" => return Ok(left(path, lang)),
            said => {
                if let Err(bad) = talk.answer(said) {
                    let why = format!("✕ {}. {}", bad.message.get(lang), bad.hint.get(lang));
                    say("  ", &why);
                    continue;
                }
            }
        }
        save(method, sheet, path, talk.values(), lang)?;
    }
    Ok(true)
}

/// The answers that are there already.
fn known(method: &Method, sheet: &Sheet, path: &Path, lang: Lang) -> CliResult<Map<String, Json>> {
    if !path.exists() {
        return Ok(Map::new());
    }
    if super::form(path) == Form::Csv || path.as_os_str() == "-" {
        return Err(CliError::new(
            Exit::PlanInvalid,
            "PB-ANSWERS-NOT-KEPT",
            "the interactive mode keeps its answers in a YAML file",
            "대화형 모드는 답변을 YAML 파일에 저장합니다",
        )
        .hint("name one with -f", "-f로 YAML 파일을 지정하세요"));
    }
    let text = files::answers(path, method.name, lang)?;
    let name = path.display().to_string();
    match answers::read(&text, Form::Yaml, &name, method.name, sheet) {
        Ok(read) => Ok(read.written()),
        Err(errors) => {
            output::note(&errors.render(lang));
            Err(super::invalid(path))
        }
    }
}

fn save(
    method: &Method,
    sheet: &Sheet,
    path: &Path,
    values: &Map<String, Json>,
    lang: Lang,
) -> CliResult<()> {
    let text = answers::write(method.name, sheet, values, lang);
    files::replace(path, text.as_bytes())
}

fn help() -> Text {
    Text::new(
        "Enter: leave it as it is   ?: where to find it   <: back   -: take the answer away   q: leave (answers are kept)",
        "Enter: 그대로 두기   ?: 찾는 곳 보기   <: 이전 질문   -: 답 지우기   q: 나가기(답은 저장됨)",
    )
}

fn show(prompt: &Prompt, lang: Lang) {
    output::note("");
    let ask = prompt.ask.get(lang);
    say("", &format!("[{}/{}] {ask}", prompt.number, prompt.count));
    let mut about = vec![prompt.field.clone()];
    if !prompt.form.is_empty() {
        about.push(prompt.form.clone());
    }
    if prompt.ends_list {
        about.push(
            Text::new("Enter: no more of them", "Enter: 더 없음")
                .get(lang)
                .to_owned(),
        );
    } else if prompt.optional {
        about.push(
            Text::new("may be left out", "생략 가능")
                .get(lang)
                .to_owned(),
        );
    }
    say("  ", &about.join(" · "));
    let now = if prompt.now.is_empty() {
        String::new()
    } else {
        format!(" [{}]", prompt.now)
    };
    let mut err = std::io::stderr().lock();
    // A prompt that cannot be shown is no reason to lose answers.
    write!(err, "{now}> ")
        .and_then(|()| err.flush())
        .unwrap_or_default();
}

/// A text that breaks between words, behind `indent`.
fn say(indent: &str, text: &str) {
    for line in planb_assess::render::wrap(text, document::columns().saturating_sub(indent.len())) {
        output::note(&format!("{indent}{line}"));
    }
}

fn leave_open(talk: &mut Interview<'_>, prompt: &Prompt, lang: Lang) {
    if prompt.now.is_empty() && !prompt.optional && !prompt.ends_list {
        let open = Text::new("  left open", "  답하지 않고 넘어갑니다");
        output::note(open.get(lang));
    }
    talk.skip();
}

fn explain(prompt: &Prompt, lang: Lang) {
    if let Some(find) = &prompt.find {
        let label = Text::new("where to find it", "찾는 곳");
        say("  ", &format!("{}: {}", label.get(lang), find.get(lang)));
    }
    if !prompt.example.is_empty() {
        let label = Text::new("example", "예");
        output::note(&format!("  {}: {}", label.get(lang), prompt.example));
    }
}

fn left(path: &Path, lang: Lang) -> bool {
    let path = path.display();
    let text = Text::new(
        format!("the answers so far are in {path}; the same command goes on"),
        format!("지금까지의 답변은 {path}에 있습니다. 같은 명령을 다시 실행하면 이어서 진행합니다"),
    );
    output::note("");
    output::note(text.get(lang));
    false
}
