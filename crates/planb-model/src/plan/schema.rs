//! The JSON Schema of the plan file, for editors, for the reference and for the
//! checks themselves.

use super::raw::RawDocument;

/// The JSON Schema (draft 2020-12) of one document of a plan file.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RawDocument);
    schema.insert("title".to_owned(), "PlanB plan file, planb.dev/v1".into());
    schema.to_value()
}
