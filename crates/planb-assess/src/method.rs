//! What a method is, and how one is run.

use crate::answers::{self, Answers, Complaint, Form, Missing};
use crate::facts::Facts;
use crate::from_json::{Misfit, from_json};
use crate::manifests::Manifests;
use crate::measured::Measured;
use crate::number;
use crate::report::{Note, Report};
use crate::sheet::Sheet;
use planb_model::Text;
use planb_model::plan::PlanErrors;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A method: implemented by one type per file of `methods`.
pub trait Assess {
    /// Its name on the command line.
    const NAME: &'static str;
    /// Its data file.
    const SHEET: &'static str;
    /// The `rules:` of the data file.
    type Rules: DeserializeOwned;
    /// The answers, after they were read by the questions of the data file.
    type Answers: DeserializeOwned;
    /// What comes out, for machines; part of the JSON output.
    type Outcome: Serialize;

    /// What makes no sense about answers that are fine one by one.
    fn check(_rules: &Self::Rules, _answers: &Self::Answers) -> Vec<Complaint> {
        Vec::new()
    }

    /// Decides. A plain function of its arguments.
    fn evaluate(rules: &Self::Rules, answers: &Self::Answers, inputs: &Inputs) -> Self::Outcome;

    /// Tells what was decided and why. Title, source and the notes of the data
    /// file are put in by the caller.
    fn report(
        sheet: &Sheet,
        rules: &Self::Rules,
        answers: &Self::Answers,
        outcome: &Self::Outcome,
    ) -> Report;
}

/// What a method may look at besides the answers. The command reads it.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Measured failovers (`--drill FILE`).
    pub measured: Vec<Measured>,
    /// What was found about one service (`compliance`).
    pub facts: Option<Box<Facts>>,
    /// Kubernetes manifests (`--manifests DIR`).
    pub manifests: Option<Manifests>,
}

/// An answers file as it was found.
#[derive(Debug, Clone, Copy)]
pub struct AnswersFile<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its name, for errors.
    pub name: &'a str,
    /// How it is written.
    pub form: Form,
}

/// A result: for people, and for machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessed {
    /// For people.
    pub report: Report,
    /// For machines.
    pub outcome: Json,
}

/// Why there is no result.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The answers file has problems.
    Invalid(PlanErrors),
    /// Answers are missing.
    Missing(Vec<Missing>),
    /// The data file of the method has a problem.
    Rules(String),
}

/// A method in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its data file.
    pub data: &'static str,
    run: Run,
}

/// The assessment of one method, its types taken away.
type Run = fn(&Sheet, &AnswersFile<'_>, &Inputs) -> Result<Assessed, Refusal>;

impl Method {
    /// The entry of `M` in the registry.
    pub const fn of<M: Assess>() -> Method {
        Method {
            name: M::NAME,
            data: M::SHEET,
            run: run::<M>,
        }
    }

    /// Its data file, read; `data` is the built-in one or one the user changed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn sheet(&self, data: &str) -> Result<Sheet, Refusal> {
        Sheet::read(data).map_err(Refusal::Rules)
    }

    /// Runs it.
    ///
    /// # Errors
    /// Why there is no result.
    pub fn assess(
        &self,
        sheet: &Sheet,
        file: &AnswersFile<'_>,
        inputs: &Inputs,
    ) -> Result<Assessed, Refusal> {
        (self.run)(sheet, file, inputs)
    }
}

/// What is the same for every method is in functions that are no generics.
fn run<M: Assess>(
    sheet: &Sheet,
    file: &AnswersFile<'_>,
    inputs: &Inputs,
) -> Result<Assessed, Refusal> {
    let rules: M::Rules = sheet.rules().map_err(Refusal::Rules)?;
    let read = complete(sheet, file, M::NAME)?;
    let answers: M::Answers = from_json(&read.json).map_err(|e| unfit(&e))?;
    accept(&read, file, M::check(&rules, &answers))?;
    let outcome = M::evaluate(&rules, &answers, inputs);
    let report = M::report(sheet, &rules, &answers, &outcome);
    let outcome = serde_json::to_value(&outcome).map_err(|e| no_json(&e))?;
    let report = finish(M::NAME, report, sheet, &read);
    Ok(Assessed { report, outcome })
}

/// The answers, all of them.
fn complete(sheet: &Sheet, file: &AnswersFile<'_>, method: &str) -> Result<Answers, Refusal> {
    let read =
        answers::read(file.text, file.form, file.name, method, sheet).map_err(Refusal::Invalid)?;
    if read.missing.is_empty() {
        Ok(read)
    } else {
        Err(Refusal::Missing(read.missing))
    }
}

fn accept(
    read: &Answers,
    file: &AnswersFile<'_>,
    complaints: Vec<Complaint>,
) -> Result<(), Refusal> {
    match read.complain(file.text, file.name, complaints) {
        Some(errors) => Err(Refusal::Invalid(errors)),
        None => Ok(()),
    }
}

#[cold]
fn unfit(error: &Misfit) -> Refusal {
    Refusal::Rules(format!("the questions do not fit the method: {error}"))
}

#[cold]
fn no_json(error: &serde_json::Error) -> Refusal {
    Refusal::Rules(format!("the outcome is no JSON: {error}"))
}

/// The report with what every report has: whose it is, by which source, and
/// what was assumed.
fn finish(method: &str, mut report: Report, sheet: &Sheet, read: &Answers) -> Report {
    method.clone_into(&mut report.method);
    report.title = sheet.title.clone();
    report.source.clone_from(&sheet.source);
    report.notes.extend(sheet.notes.iter().map(|note| Note {
        text: note.text.clone(),
        source: note.source.clone(),
    }));
    report.notes.extend(read.assumed.iter().map(assumed));
    report
}

fn assumed(assumed: &answers::Assumed) -> Note {
    let value = match &assumed.value {
        Json::Number(n) => number::plain(n.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    Note {
        text: Text::new(
            format!(
                "{}: not answered, the illustrative {value} was taken",
                assumed.ask.en
            ),
            format!("{}: 답이 없어 예시 값을 썼습니다({value})", assumed.ask.ko),
        ),
        source: assumed.source.clone(),
    }
}
