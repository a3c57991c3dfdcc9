//! `planb assess compliance`: the evidence is gathered, then judged.

use super::{files, form, invalid, sheet};
use crate::cli::SourceArgs;
use crate::error::CliResult;
use crate::facts::{self, Found};
use crate::output;
use planb_assess::answers;
use planb_assess::method::AnswersFile;
use planb_assess::{Assessed, Inputs, Method, Refusal};
use planb_model::Lang;
use std::path::{Path, PathBuf};

/// The answers, when no other file is named.
pub const ANSWERS_FILE: &str = "compliance.yaml";
/// Answers when there is no file: no document is named.
const NO_ANSWERS: &str = "assess: compliance\nanswers: {}\n";

/// What to judge, by what.
pub struct Asked<'a> {
    pub sources: &'a SourceArgs,
    /// The answers; compliance.yaml, if it is there, when `None`.
    pub answers: Option<&'a Path>,
    pub policy: Option<&'a Path>,
    pub drills: &'a [PathBuf],
}

/// What was judged, and from what.
pub struct Judged {
    pub assessed: Assessed,
    pub found: Found,
    /// The answers as they were read.
    pub answers: String,
    /// The policy as it was read.
    pub policy: String,
}

/// Gathers and judges.
pub async fn judge(method: &Method, asked: &Asked<'_>, lang: Lang) -> CliResult<Judged> {
    let policy = match asked.policy {
        Some(path) => files::rules(path)?,
        None => method.data.to_owned(),
    };
    let sheet = sheet(method, asked.policy)?;
    let default = PathBuf::from(ANSWERS_FILE);
    let path = asked.answers.unwrap_or(&default);
    let text = match asked.answers {
        None if !default.exists() => NO_ANSWERS.to_owned(),
        _ => files::answers(path, method.name, lang)?,
    };
    let name = path.display().to_string();
    let refused = |refusal: Refusal| match refusal {
        Refusal::Invalid(errors) => {
            output::note(&errors.render(lang));
            invalid(path)
        }
        Refusal::Missing(missing) => {
            super::show_missing(&missing, lang);
            super::missing_answers(path, missing.len(), method.name)
        }
        Refusal::Rules(why) => super::bad_rules(&why),
    };
    let read = answers::read(&text, form(path), &name, method.name, &sheet)
        .map_err(|errors| refused(Refusal::Invalid(errors)))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let named = planb_assess::methods::compliance::files(&read.json);
    let named: Vec<(String, PathBuf)> = named
        .into_iter()
        .map(|file| (file.clone(), folder.join(file)))
        .collect();
    let found = facts::gather(asked.sources, asked.drills, &named, lang).await?;
    let inputs = Inputs {
        facts: Some(Box::new(found.facts.clone())),
        ..Inputs::default()
    };
    let file = AnswersFile {
        text: &text,
        name: &name,
        form: form(path),
    };
    let assessed = method.assess(&sheet, &file, &inputs).map_err(refused)?;
    Ok(Judged {
        assessed,
        found,
        answers: text,
        policy,
    })
}
