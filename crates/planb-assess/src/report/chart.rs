//! Figures as data. HTML draws them; text, Markdown and CSV write them as tables.

use planb_model::Text;
use serde::Serialize;

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Chart {
    /// Horizontal bars, stacked when there are several series.
    Bars(Bars),
    /// What moves a result most.
    Tornado(Tornado),
    /// What happens when, on parallel lanes.
    Timeline(Timeline),
    /// Shares of cases that stay below a value.
    Curves(Curves),
}

/// Horizontal bars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bars {
    /// What it shows.
    pub title: Text,
    /// The unit of the values.
    pub unit: Text,
    /// Names of the series; one per value of a row.
    pub series: Vec<Text>,
    /// The bars.
    pub rows: Vec<Row>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub label: Text,
    /// One value per series, not negative.
    pub values: Vec<f64>,
}

/// What moves a result most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tornado {
    /// What it shows.
    pub title: Text,
    /// The unit of the values.
    pub unit: Text,
    /// The result with everything as answered.
    pub base: f64,
    /// Inputs, the strongest first.
    pub inputs: Vec<Swing>,
}

/// What one input does to the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swing {
    /// The input.
    pub label: Text,
    /// What it was set to for the low side.
    pub low_input: String,
    /// The result then.
    pub low: f64,
    /// What it was set to for the high side.
    pub high_input: String,
    /// The result then.
    pub high: f64,
}

/// What happens when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// What it shows.
    pub title: Text,
    /// Lanes from top to bottom; times in seconds from the fault.
    pub lanes: Vec<Lane>,
    /// Upright lines, such as an objective.
    pub marks: Vec<Mark>,
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lane {
    /// Its name.
    pub label: Text,
    /// What happens on it, in order.
    pub spans: Vec<Span>,
}

/// Something that takes a while.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// What it is.
    pub label: Text,
    /// When it begins, in seconds.
    pub from: f64,
    /// When it ends, in seconds.
    pub to: f64,
    /// Whether people must do it.
    pub by_people: bool,
}

/// A line across a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// What it is.
    pub label: Text,
    /// Where, in the unit of the axis.
    pub at: f64,
}

/// Shares of cases that stay below a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// What it shows.
    pub title: Text,
    /// The curves; values in seconds.
    pub curves: Vec<Curve>,
    /// Upright lines, such as an objective or a measured value.
    pub marks: Vec<Mark>,
}

/// One curve: `(seconds, share)` with shares from 0 to 1, both rising.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Its name.
    pub label: Text,
    /// The points.
    pub points: Vec<(f64, f64)>,
}
