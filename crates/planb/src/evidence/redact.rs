//! The plan without what may be a secret: references stay, values of variables
//! and arguments of commands go.

use planb_model::plan::ServicePlan;
use serde_json::Value as Json;

/// Stands for what was taken out.
const TAKEN_OUT: &str = "(not included)";

/// The plan for an auditor.
pub fn plan(plan: &ServicePlan) -> Json {
    let mut json = serde_json::to_value(plan).unwrap_or_default();
    clean("", &mut json);
    json
}

fn clean(key: &str, json: &mut Json) {
    match json {
        // Program and arguments: the program stays.
        Json::Array(items) if ["argv", "start", "stop", "fence"].contains(&key) => {
            let arguments = items.iter_mut().skip(1);
            arguments.for_each(|argument| *argument = TAKEN_OUT.into());
        }
        Json::Array(items) => items.iter_mut().for_each(|item| clean(key, item)),
        // Variables of a command; a reference to one is a string.
        Json::Object(variables) if key == "env" => {
            variables
                .values_mut()
                .for_each(|value| *value = TAKEN_OUT.into());
        }
        Json::Object(fields) => fields.iter_mut().for_each(|(key, value)| clean(key, value)),
        _ => {}
    }
}
