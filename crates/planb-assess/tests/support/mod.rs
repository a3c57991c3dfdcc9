//! Runs methods on answers given as YAML.

use planb_assess::answers::Form;
use planb_assess::method::AnswersFile;
use planb_assess::{Assessed, Inputs, Refusal, find};
use planb_model::Lang;

/// Runs `method` on the lines below `answers:`.
pub fn assess(method: &str, answers: &str) -> Result<Assessed, Refusal> {
    assess_with(method, answers, &Inputs::default())
}

/// The same, with more to look at.
pub fn assess_with(method: &str, answers: &str, inputs: &Inputs) -> Result<Assessed, Refusal> {
    let text = format!("assess: {method}\nanswers:\n{answers}");
    run(method, &text, Form::Yaml, inputs)
}

/// Runs `method` on a whole file.
pub fn run(method: &str, text: &str, form: Form, inputs: &Inputs) -> Result<Assessed, Refusal> {
    let method = find(method).expect("a method");
    let sheet = method.sheet(method.data)?;
    let file = AnswersFile {
        text,
        name: "answers",
        form,
    };
    method.assess(&sheet, &file, inputs)
}

/// The outcome; panics with the problems when there is none.
pub fn outcome(method: &str, answers: &str) -> serde_json::Value {
    match assess(method, answers) {
        Ok(assessed) => assessed.outcome,
        Err(refusal) => panic!("{}", said(&refusal)),
    }
}

/// A refusal as people read it.
pub fn said(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(errors) => errors.render(Lang::En),
        Refusal::Missing(missing) => missing
            .iter()
            .map(|m| format!("missing {}\n", m.field))
            .collect(),
        Refusal::Rules(why) => why.clone(),
    }
}

/// The rules of a method as data.
pub fn rules(method: &str) -> serde_json::Value {
    let method = find(method).expect("a method");
    let sheet = method.sheet(method.data).expect("the data file reads");
    sheet.rules
}
