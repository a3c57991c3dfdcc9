//! Answers files: YAML or CSV in, checked JSON out, a place for every problem.

mod check;
mod csv;
mod encoding;
mod scalar;
mod write;

pub use encoding::{Encoding, NotText, decode};
pub use scalar::{Bad, read_scalar};
pub use write::{example, form, write};

use crate::sheet::Sheet;
use planb_model::Text;
use planb_model::plan::tree::{Entry, Node, Spot, Value};
use planb_model::plan::{PlanErrors, Problems};
use serde_json::Value as Json;

/// Largest answers file. Ten thousand workloads with all their fields take
/// about 2 MiB; what is larger is not an answers file.
pub const ANSWERS_BYTES_MAX: usize = 16 << 20;

/// Values in an answers file: an inventory of ten thousand workloads with
/// twenty fields each, keys counted, and room.
const NODES_MAX: usize = 1_000_000;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `assess: NAME` and `answers:`.
    Yaml,
    /// The list of the method, one line each, under a line with the names of
    /// the fields.
    Csv,
}

/// An answers file that was read.
#[derive(Debug, Clone)]
pub struct Answers {
    /// What the method gets: durations in seconds, percentages as numbers.
    pub json: Json,
    /// Questions without an answer the method cannot do without.
    pub missing: Vec<Missing>,
    /// Defaults that were taken.
    pub assumed: Vec<Assumed>,
    /// The file as it was written, for places.
    tree: Node,
}

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its field: `workloads[3].name`.
    pub field: String,
    /// The line it would stand on, or that of what it belongs to.
    pub line: usize,
    /// The question.
    pub ask: Text,
    /// Where the answer is found.
    pub find: Option<Text>,
}

/// A default that was taken because there was no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumed {
    /// Its field.
    pub field: String,
    /// The question.
    pub ask: Text,
    /// What was taken, as it would be written.
    pub value: Json,
    /// Where the default comes from.
    pub source: String,
}

/// What makes no sense about answers that are fine one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The field it is about.
    pub field: String,
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub hint: Text,
}

/// Reads an answers file of `method`. `file` names it in errors.
///
/// # Errors
/// Every problem of the file, in its order.
pub fn read(
    text: &str,
    form: Form,
    file: &str,
    method: &str,
    sheet: &Sheet,
) -> Result<Answers, PlanErrors> {
    // Excel and Windows editors put a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Problems::default();
    let mut answers = None;
    if text.len() > ANSWERS_BYTES_MAX {
        too_large(text.len(), &mut problems);
    } else {
        let tree = match form {
            Form::Yaml => yaml(text, method, &mut problems),
            Form::Csv => csv::read(text, sheet, &mut problems),
        };
        answers = tree.map(|tree| check::answers(sheet, tree, &mut problems));
    }
    match (problems.finish(text, file), answers) {
        (Some(errors), _) => Err(errors),
        (None, Some(answers)) => Ok(answers),
        (None, None) => Ok(check::answers(sheet, empty(), &mut Problems::default())),
    }
}

/// The method an answers file (YAML) says it is for.
pub fn method_of(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let said = text.lines().find_map(|line| line.strip_prefix("assess:"))?;
    let name = said.split('#').next().unwrap_or_default();
    let name = name.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}

impl Answers {
    /// The answers as they were written, for going on with them.
    pub fn written(&self) -> serde_json::Map<String, Json> {
        match self.tree.to_json() {
            Json::Object(map) => map,
            _ => serde_json::Map::new(),
        }
    }

    /// The problems `complaints` are, with their places in `text`.
    pub fn complain(
        &self,
        text: &str,
        file: &str,
        complaints: Vec<Complaint>,
    ) -> Option<PlanErrors> {
        let mut problems = Problems::default();
        for complaint in complaints {
            let spot = self.tree.locate(&complaint.field);
            problems.add(
                "PB-ANSWERS-VALUE",
                spot,
                &complaint.field,
                complaint.message,
                complaint.hint,
            );
        }
        problems.finish(text.strip_prefix('\u{feff}').unwrap_or(text), file)
    }
}

/// The answers in the tree of a YAML file.
fn yaml(text: &str, method: &str, problems: &mut Problems) -> Option<Node> {
    let nodes = match Node::read_within(text, NODES_MAX) {
        Ok(nodes) => nodes,
        Err(error) => {
            not_yaml(&error, problems);
            return None;
        }
    };
    let mut documents = nodes.into_iter().filter(|n| n.value != Value::Null);
    let document = documents.next().unwrap_or_else(empty);
    if let Some(second) = documents.next() {
        problems.add(
            "PB-ANSWERS-YAML",
            Spot {
                len: 0,
                ..second.spot
            },
            "",
            Text::new(
                "a second document in one file",
                "한 파일에 문서가 두 개 있습니다",
            ),
            Text::new(
                "keep one file per assessment",
                "평가마다 파일을 따로 만드세요",
            ),
        );
    }
    let Value::Map(entries) = document.value else {
        problems.add(
            "PB-ANSWERS-YAML",
            document.spot,
            "",
            Text::new("the file does not hold answers", "파일에 답변이 없습니다"),
            Text::new(
                format!("`planb assess init {method}` writes a file to begin with"),
                format!("`planb assess init {method}`을(를) 실행하면 시작할 파일이 나옵니다"),
            ),
        );
        return None;
    };
    answers_of(entries, document.spot, method, problems)
}

/// The answers below `answers:`; nothing when they are for another method, whose
/// fields would all be called unknown.
fn answers_of(
    entries: Vec<Entry>,
    spot: Spot,
    method: &str,
    problems: &mut Problems,
) -> Option<Node> {
    let mut answers = None;
    for entry in entries {
        match entry.key.as_str() {
            "assess" => {
                if entry.node.value != Value::Text(method.to_owned()) {
                    other_method(&entry.node, method, problems);
                    return None;
                }
            }
            "answers" => answers = Some(entry.node),
            key => problems.add(
                "PB-ANSWERS-FIELD",
                entry.key_spot,
                key,
                Text::new(
                    "an answers file has `assess` and `answers` at its top",
                    "답변 파일의 최상위에는 `assess`와 `answers`만 올 수 있습니다",
                ),
                Text::new(
                    "indent the answers below `answers:`",
                    "답변을 `answers:` 아래에 들여 쓰세요",
                ),
            ),
        }
    }
    Some(answers.unwrap_or(Node { spot, ..empty() }))
}

fn other_method(node: &Node, method: &str, problems: &mut Problems) {
    let known = |name: &&String| crate::find(name).is_some();
    let hint = match &node.value {
        Value::Text(name) if known(&name) => Text::new(
            format!("`planb assess {name} -f FILE` reads them, or name another file with -f"),
            format!("`planb assess {name} -f 파일`로 읽거나, -f로 다른 파일을 지정하세요"),
        ),
        _ => Text::new(
            "name the method this file is for, or another file with -f",
            "이 파일에 맞는 평가를 지정하거나 -f로 다른 파일을 지정하세요",
        ),
    };
    problems.add(
        "PB-ANSWERS-METHOD",
        node.spot,
        "assess",
        Text::new(
            format!("these answers are not for `{method}`"),
            format!("`{method}`의 답변 파일이 아닙니다"),
        ),
        hint,
    );
}

fn empty() -> Node {
    Node {
        spot: Spot::START,
        defined: Spot::START,
        value: Value::Map(Vec::new()),
    }
}

fn too_large(bytes: usize, problems: &mut Problems) {
    problems.add(
        "PB-ANSWERS-TOO-LARGE",
        Spot::START,
        "",
        Text::new(
            format!("the file has {bytes} bytes; at most {ANSWERS_BYTES_MAX} are read"),
            format!("파일이 {bytes}바이트입니다. 최대 {ANSWERS_BYTES_MAX}바이트까지 읽습니다"),
        ),
        Text::new(
            "check that this is the right file, or split the inventory",
            "올바른 파일인지 확인하거나 목록을 여러 파일로 나누세요",
        ),
    );
}

fn not_yaml(error: &serde_saphyr::Error, problems: &mut Problems) {
    let spot = error.location().map_or(Spot::START, Spot::from);
    let said = error.to_string();
    // The first line says what; the place is shown by us.
    let said = said.lines().next().unwrap_or_default();
    problems.add(
        "PB-ANSWERS-YAML",
        Spot { len: 1, ..spot },
        "",
        Text::new(
            format!("not YAML: {said}"),
            format!("YAML 형식이 올바르지 않습니다: {said}"),
        ),
        Text::new(
            "check indentation (spaces, no tabs), brackets and quotes here and on the line before",
            "이 줄과 바로 앞 줄의 들여쓰기(탭 대신 공백), 괄호, 따옴표를 확인하세요",
        ),
    );
}
