//! `planb assess`: reads answers, has them assessed, writes the report. What is
//! decided and how it looks is in `planb-assess`.

mod ask;
pub mod compliance;
pub mod files;
mod manifests;

use super::{document, stopped};
use crate::cli::{AssessArgs, AssessVerb};
use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_assess::answers::{self, Form, Missing};
use planb_assess::method::AnswersFile;
use planb_assess::{Assessed, Inputs, METHODS, Method, Refusal, Sheet};
use planb_model::{Lang, Text};
use std::path::{Path, PathBuf};

/// Missing answers that are listed one by one.
const MISSING_SHOWN_MAX: usize = 50;
/// The method that gathers its own evidence.
pub const COMPLIANCE: &str = "compliance";

pub async fn run(args: &AssessArgs, lang: Lang) -> CliResult<Exit> {
    match &args.verb {
        Some(AssessVerb::List { json }) => list(*json, lang),
        Some(AssessVerb::Init { name }) => init(name, lang),
        Some(AssessVerb::Rules { name }) => {
            output::data(method(name)?.data.trim_end());
            Ok(Exit::Done)
        }
        // An interview hears signals, and from then on nobody else does.
        None if args.interactive => tokio::select! {
            biased;
            done = Box::pin(assess(args, lang)) => done,
            () = stopped() => Ok(Exit::Interrupted),
        },
        None => assess(args, lang).await,
    }
}

async fn assess(args: &AssessArgs, lang: Lang) -> CliResult<Exit> {
    document::check_output(args.format, args.output.as_deref())?;
    if args.name.as_deref() == Some(COMPLIANCE) {
        comply(args, lang).await
    } else {
        by_answers(args, lang).await
    }
}

fn list(json: bool, lang: Lang) -> CliResult<Exit> {
    let mut all = Vec::new();
    for method in METHODS {
        all.push((method.name, sheet(method, None)?));
    }
    if json {
        let entry = |(name, sheet): &(&str, Sheet)| {
            serde_json::json!({
                "name": name, "title": sheet.title, "summary": sheet.summary, "source": sheet.source,
            })
        };
        output::json(&all.iter().map(entry).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    for (name, sheet) in &all {
        output::data(&format!("{name:16} {}", sheet.title.get(lang)));
        output::data(&format!("{:16}   {}", "", sheet.summary.get(lang)));
    }
    Ok(Exit::Done)
}

fn init(name: &str, lang: Lang) -> CliResult<Exit> {
    let method = method(name)?;
    let sheet = sheet(method, None)?;
    let example = answers::example(&sheet, lang);
    let text = answers::write(method.name, &sheet, &example, lang);
    output::data(text.trim_end());
    Ok(Exit::Done)
}

/// `compliance` looks for its evidence itself, however its answers are given.
async fn comply(args: &AssessArgs, lang: Lang) -> CliResult<Exit> {
    let method = method(COMPLIANCE)?;
    let mut answers = args.answers.clone();
    if args.interactive {
        let path = answers.get_or_insert_with(|| PathBuf::from(compliance::ANSWERS_FILE));
        let sheet = sheet(method, args.rules.as_deref())?;
        if !ask::interview(method, &sheet, path, lang).await? {
            return Ok(Exit::Interrupted);
        }
    }
    let asked = compliance::Asked {
        sources: &args.sources,
        answers: answers.as_deref(),
        policy: args.rules.as_deref(),
        drills: &args.drill,
    };
    let judged = compliance::judge(method, &asked, lang).await?;
    document::write(&judged.assessed, args.format, args.output.as_deref(), lang).await
}

/// Every other method judges its answers, and the files given with them.
async fn by_answers(args: &AssessArgs, lang: Lang) -> CliResult<Exit> {
    let name = args.name.as_deref().unwrap_or_default();
    let method = method(name)?;
    let sheet = sheet(method, args.rules.as_deref())?;
    let path = args
        .answers
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{name}.yaml")));
    if args.interactive && !ask::interview(method, &sheet, &path, lang).await? {
        return Ok(Exit::Interrupted);
    }
    let text = files::answers(&path, method.name, lang)?;
    let file = AnswersFile {
        text: &text,
        name: &path.display().to_string(),
        form: form(&path),
    };
    let mut inputs = files::inputs(&args.drill)?;
    if let Some(folder) = &args.manifests {
        inputs.manifests = Some(manifests::read(folder, lang)?);
    }
    let assessed = run_method(method, &sheet, &file, &inputs, &path, lang)?;
    document::write(&assessed, args.format, args.output.as_deref(), lang).await
}

/// Runs a method on answers; what is wrong with them is shown.
fn run_method(
    method: &Method,
    sheet: &Sheet,
    file: &AnswersFile<'_>,
    inputs: &Inputs,
    path: &Path,
    lang: Lang,
) -> CliResult<Assessed> {
    match method.assess(sheet, file, inputs) {
        Ok(assessed) => Ok(assessed),
        Err(Refusal::Invalid(errors)) => {
            output::note(&errors.render(lang));
            Err(invalid(path))
        }
        Err(Refusal::Missing(missing)) => {
            show_missing(&missing, lang);
            Err(missing_answers(path, missing.len(), method.name))
        }
        Err(Refusal::Rules(why)) => Err(bad_rules(&why)),
    }
}

/// Assesses an answers file that says itself which method it is for.
pub fn answered(path: &Path, inputs: &Inputs, lang: Lang) -> CliResult<Assessed> {
    let text = files::answers(path, "NAME", lang)?;
    let name = answers::method_of(&text).ok_or_else(|| unnamed(path))?;
    let method = method(&name)?;
    let sheet = sheet(method, None)?;
    let file = AnswersFile {
        text: &text,
        name: &path.display().to_string(),
        form: Form::Yaml,
    };
    run_method(method, &sheet, &file, inputs, path, lang)
}

/// The result of a method's own example, which is illustrative as a whole.
pub fn illustrated(name: &str, lang: Lang) -> CliResult<Assessed> {
    let method = method(name)?;
    let sheet = sheet(method, None)?;
    let example = answers::example(&sheet, lang);
    let text = answers::write(method.name, &sheet, &example, lang);
    let file = AnswersFile {
        text: &text,
        name: "example",
        form: Form::Yaml,
    };
    let inputs = Inputs::default();
    run_method(method, &sheet, &file, &inputs, Path::new("example"), lang)
}

fn form(path: &Path) -> Form {
    let csv = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("csv") || e.eq_ignore_ascii_case("tsv"));
    if csv { Form::Csv } else { Form::Yaml }
}

/// The questions without an answer, and where the answers are.
fn show_missing(missing: &[Missing], lang: Lang) {
    let find = Text::new("where to find it", "찾는 곳");
    let line = Text::new("line", "줄");
    for each in missing.iter().take(MISSING_SHOWN_MAX) {
        output::note(&format!(
            "{} ({} {}): {}",
            each.field,
            line.get(lang),
            each.line,
            each.ask.get(lang)
        ));
        if let Some(text) = &each.find {
            output::note(&format!("    {}: {}", find.get(lang), text.get(lang)));
        }
    }
    if missing.len() > MISSING_SHOWN_MAX {
        let rest = missing.len() - MISSING_SHOWN_MAX;
        output::note(Text::new(format!("… and {rest} more"), format!("… 외 {rest}건")).get(lang));
    }
}

pub fn method(name: &str) -> CliResult<&'static Method> {
    planb_assess::find(name).ok_or_else(|| {
        let names: Vec<&str> = METHODS.iter().map(|m| m.name).collect();
        let near = planb_model::plan::nearest(name, &names);
        let list = near.map_or_else(|| names.join(", "), str::to_owned);
        CliError::new(
            Exit::Failed,
            "PB-ASSESS-NAME",
            format!("there is no assessment '{name}'"),
            format!("'{name}' 평가는 없습니다"),
        )
        .hint(format!("try: {list}"), format!("쓸 수 있는 이름: {list}"))
    })
}

fn sheet(method: &Method, rules: Option<&Path>) -> CliResult<Sheet> {
    let own = rules.map(files::rules).transpose()?;
    method
        .sheet(own.as_deref().unwrap_or(method.data))
        .map_err(|refusal| match refusal {
            Refusal::Rules(why) => bad_rules(&why),
            _ => bad_rules(""),
        })
}

fn bad_rules(why: &str) -> CliError {
    CliError::new(
        Exit::PlanInvalid,
        "PB-ASSESS-RULES",
        format!("the rules cannot be used: {why}"),
        format!("규칙 파일을 쓸 수 없습니다: {why}"),
    )
    .hint(
        "compare them with `planb assess rules NAME`",
        "`planb assess rules NAME`의 출력과 비교하세요",
    )
}

fn unnamed(path: &Path) -> CliError {
    let path = path.display();
    CliError::new(
        Exit::PlanInvalid,
        "PB-ANSWERS-UNNAMED",
        format!("{path} does not say which assessment it answers"),
        format!("{path}에 어떤 평가의 답변인지 적혀 있지 않습니다"),
    )
    .hint(
        "it is YAML and begins with `assess: NAME`; `planb assess init NAME` writes one",
        "`assess: NAME`으로 시작하는 YAML이어야 합니다. `planb assess init NAME`으로 만들 수 있습니다",
    )
}

fn invalid(path: &Path) -> CliError {
    let path = path.display();
    CliError::new(
        Exit::PlanInvalid,
        "PB-ANSWERS-INVALID",
        format!("{path} has errors; nothing was assessed"),
        format!("{path}에 오류가 있어 평가하지 않았습니다"),
    )
}

fn missing_answers(path: &Path, count: usize, name: &str) -> CliError {
    let path = path.display();
    let missing = if count == 1 {
        "1 answer is".to_owned()
    } else {
        format!("{count} answers are")
    };
    CliError::new(
        Exit::CheckFailed,
        "PB-ANSWERS-MISSING",
        format!("{missing} missing in {path}; nothing was assessed"),
        format!("{path}에 답변 {count}개가 없어 평가하지 않았습니다"),
    )
    .hint(
        format!("fill them in, or run `planb assess {name} --interactive`"),
        format!("빈 답을 채우거나 `planb assess {name} --interactive`를 실행하세요"),
    )
}
