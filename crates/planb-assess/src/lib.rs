//! Assessment: what should be decided before anything is built.
//!
//! Layer 1. A method is a data file in `rules/` (its questions and its rules,
//! each with the place it comes from), a pure evaluator in `methods`, and a page
//! in docs/assess. Everything around them is shared: `answers` reads answers
//! files with a place for every problem, `report` is the one form of a result,
//! `render` shows it. There is no I/O, no clock and no chance in here; a
//! simulation takes its seed as an answer.
//!
//! Figures of the documents are illustrative. A result that rests on one says so
//! ([`report::Note`]) and names its source.

pub mod answers;
pub mod documents;
pub mod facts;
mod from_json;
pub mod interview;
pub mod manifests;
pub mod measured;
pub mod method;
pub mod methods;
pub mod number;
pub mod random;
pub mod render;
pub mod report;
pub mod same_run;
pub mod sheet;

pub use facts::Facts;
pub use method::{Assess, Assessed, Inputs, Method, Refusal};
pub use methods::{METHODS, find};
pub use report::Report;
pub use sheet::Sheet;
