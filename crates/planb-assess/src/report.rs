//! A result in the one form every renderer knows: what was decided and why,
//! in both languages.

mod chart;

pub use chart::{Bars, Chart, Curve, Curves, Lane, Mark, Row, Span, Swing, Timeline, Tornado};

use planb_model::Text;
use serde::Serialize;

/// The result of one assessment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The method: `self-diagnosis`.
    pub method: String,
    /// Its name as people read it.
    pub title: Text,
    /// Document and section the method comes from.
    pub source: String,
    /// What came out.
    pub verdict: Verdict,
    /// Headline figures.
    pub tiles: Vec<Tile>,
    /// Everything else.
    pub sections: Vec<Section>,
    /// Illustrative figures the result rests on.
    pub notes: Vec<Note>,
}

/// How good something is. Colour never carries it alone: renderers add a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Neither good nor bad.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Needs attention.
    Warn,
    /// Not as it should be.
    Bad,
    /// Could not be looked at.
    Unknown,
}

/// What came out, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// How good it is.
    pub tone: Tone,
    /// The verdict in a few words.
    pub headline: Text,
    /// Why.
    pub reason: Text,
}

/// One headline figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tile {
    /// What it is.
    pub title: Text,
    /// The figure.
    pub value: Text,
    /// What it is to be compared with, or where it is from.
    pub note: Text,
    /// How good it is.
    pub tone: Tone,
}

/// A part with a title.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// Its title.
    pub title: Text,
    /// One sentence about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<Text>,
    /// What it holds.
    pub blocks: Vec<Block>,
}

/// One thing in a section.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "content")]
pub enum Block {
    /// Running text.
    Paragraph(Text),
    /// Points.
    List(Vec<Text>),
    /// Names and values.
    Facts(Vec<(Text, Text)>),
    /// A table.
    Table(Table),
    /// What was looked at, and how it is.
    Findings(Vec<Finding>),
    /// A figure.
    Chart(Chart),
    /// Text for a machine, such as YAML, word for word; its comments are for people.
    Code(Text),
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// What it shows; CSV puts it above the columns when there are several tables.
    pub title: Text,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; each has one cell per column.
    pub rows: Vec<Vec<Cell>>,
    /// Whether CSV holds this table alone, with the verdict in columns of its own.
    pub main: bool,
    /// Whether the first column names groups of rows that belong together: pages
    /// say each name once.
    pub grouped: bool,
    /// Places of the rows that add others up, in rising order: pages set them in bold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<usize>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: Text,
    /// Whether it holds figures, which stand to the right.
    pub figures: bool,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// What it says.
    pub text: Text,
    /// How good it is.
    pub tone: Tone,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How it is.
    pub tone: Tone,
    /// What it is about.
    pub subject: Text,
    /// Why it is so.
    pub reason: Text,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Text>,
    /// The rule's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A figure that is not the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What is said about it.
    pub text: Text,
    /// Document and section.
    pub source: String,
}

impl Report {
    /// Whether it is a document (`report-board`) and not an assessment.
    pub fn is_document(&self) -> bool {
        self.method.starts_with("report-")
    }
}

impl Section {
    /// A section without a leading sentence.
    pub fn new(title: Text, blocks: Vec<Block>) -> Self {
        Self {
            title,
            lead: None,
            blocks,
        }
    }

    /// Adds the leading sentence.
    #[must_use]
    pub fn lead(mut self, lead: Text) -> Self {
        self.lead = Some(lead);
        self
    }
}

impl Table {
    /// A table without rows.
    pub fn new(title: Text, columns: Vec<Column>) -> Self {
        Self {
            title,
            columns,
            rows: Vec::new(),
            main: false,
            grouped: false,
            totals: Vec::new(),
        }
    }

    /// Adds a row that adds others up.
    pub fn total(&mut self, row: Vec<Cell>) {
        self.totals.push(self.rows.len());
        self.rows.push(row);
    }

    /// Whether row `at` adds others up.
    pub fn is_total(&self, at: usize) -> bool {
        self.totals.binary_search(&at).is_ok()
    }

    /// Marks the first column as names of groups.
    #[must_use]
    pub fn grouped(mut self) -> Self {
        self.grouped = true;
        self
    }
}

impl Column {
    /// A column of texts.
    pub fn text(title: Text) -> Self {
        Self {
            title,
            figures: false,
        }
    }

    /// A column of figures.
    pub fn figures(title: Text) -> Self {
        Self {
            title,
            figures: true,
        }
    }
}

impl Cell {
    /// A cell with a tone.
    pub fn toned(text: Text, tone: Tone) -> Self {
        Self { text, tone }
    }
}

impl From<Text> for Cell {
    fn from(text: Text) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// What the user wrote, or a number: the same in both languages.
impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Text::same(text).into()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Text::same(text).into()
    }
}
