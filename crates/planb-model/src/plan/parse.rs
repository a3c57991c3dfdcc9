//! Reads planb.yaml: text, tree, shape, sense, plan.

use super::error::PlanErrors;
use super::problems::Problems;
use super::raw::RawDocument;
use super::structure::Structure;
use super::tree::{Node, Spot, Value};
use super::{ServicePlan, check, convert, schema};
use crate::Text;
use serde_saphyr::Error as YamlError;

/// Largest plan file. A service takes about 3 KiB.
pub const PLAN_BYTES_MAX: usize = 1 << 20;

/// Most services in one file.
pub const SERVICES_MAX: usize = 64;

/// Reads the services of a plan file. `file` names it in errors.
///
/// # Errors
/// All problems of the file, as far as one does not hide another: text that is
/// not YAML hides the rest, and a document of the wrong shape is not checked
/// for sense. No error shows a secret.
pub fn parse(text: &str, file: &str) -> Result<Vec<ServicePlan>, PlanErrors> {
    let mut problems = Problems::default();
    // Excel and Windows editors put a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let plans = read(text, &mut problems);
    match problems.finish(text, file) {
        Some(errors) => Err(errors),
        None => Ok(plans),
    }
}

fn read(text: &str, problems: &mut Problems) -> Vec<ServicePlan> {
    if text.len() > PLAN_BYTES_MAX {
        too_large(text.len(), problems);
        return Vec::new();
    }
    let nodes = match Node::read_all(text) {
        Ok(nodes) => nodes,
        Err(error) => {
            not_yaml(&error, problems);
            return Vec::new();
        }
    };
    let nodes: Vec<&Node> = nodes.iter().filter(|n| n.value != Value::Null).collect();
    if nodes.is_empty() {
        empty(problems);
    }
    if nodes.len() > SERVICES_MAX {
        too_many(nodes.len(), problems);
        return Vec::new();
    }
    let schema = schema();
    let documents: Vec<(RawDocument, &Node)> = nodes
        .into_iter()
        .filter_map(|node| document(&schema, node, problems).map(|raw| (raw, node)))
        .collect();
    check::together(&documents, problems);
    let plans = documents
        .into_iter()
        .map(|(raw, node)| (convert::service(raw), node));
    // Documents with problems may not convert, and need not: the errors go out.
    if problems.count() > 0 {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (plan, node) in plans {
        match plan {
            Some(plan) => all.push(plan),
            None => unforeseen(node, problems),
        }
    }
    all
}

/// Checks one document; `None` when its shape is wrong.
fn document(
    schema: &serde_json::Value,
    node: &Node,
    problems: &mut Problems,
) -> Option<RawDocument> {
    let before = problems.count();
    Structure::new(schema, problems).document(node);
    if problems.count() > before {
        return None;
    }
    match serde_json::from_value::<RawDocument>(node.to_json()) {
        Ok(raw) => {
            check::document(&raw, node, problems);
            Some(raw)
        }
        Err(_) => {
            unforeseen(node, problems);
            None
        }
    }
}

fn empty(problems: &mut Problems) {
    problems.add(
        "PB-PLAN-EMPTY",
        Spot::START,
        "",
        Text::new("the file has no service", "파일에 서비스가 없습니다"),
        Text::new(
            "`planb init` writes a plan to begin with",
            "`planb init`을 실행하면 기본 계획 파일이 만들어집니다",
        ),
    );
}

fn too_large(bytes: usize, problems: &mut Problems) {
    problems.add(
        "PB-PLAN-TOO-LARGE",
        Spot::START,
        "",
        Text::new(
            format!("the file has {bytes} bytes, a plan has at most {PLAN_BYTES_MAX}"),
            format!("파일 크기가 {bytes}바이트로, 최대 {PLAN_BYTES_MAX}바이트를 넘습니다"),
        ),
        Text::new(
            "check that this is the right file",
            "올바른 파일인지 확인하세요",
        ),
    );
}

fn too_many(count: usize, problems: &mut Problems) {
    problems.add(
        "PB-PLAN-LIMIT",
        Spot::START,
        "",
        Text::new(
            format!("{count} documents in one file, at most {SERVICES_MAX} are read"),
            format!("한 파일에 문서가 {count}개 있습니다(최대 {SERVICES_MAX}개)"),
        ),
        Text::new("use several files", "여러 파일로 나누세요"),
    );
}

/// The shape is right and still it cannot be read: the schema and the types
/// disagree. A test keeps this from happening; a user gets a place to look at.
fn unforeseen(node: &Node, problems: &mut Problems) {
    problems.add(
        "PB-PLAN-SHAPE",
        Spot {
            len: 0,
            ..node.spot
        },
        "",
        Text::new(
            "the document cannot be read, and PlanB cannot say why",
            "문서를 읽을 수 없으며 원인을 특정하지 못했습니다",
        ),
        Text::new(
            "this is a bug of PlanB: please report it with the document, without its secrets",
            "PlanB의 버그입니다. 비밀 값을 뺀 문서와 함께 신고해 주세요",
        ),
    );
}

fn not_yaml(mut error: &YamlError, problems: &mut Problems) {
    // An alias is pointed at where it is used, whatever lies below.
    let spot = error.location().map_or(Spot::START, Spot::from);
    while let YamlError::AliasError { error: below, .. }
    | YamlError::WithSnippet { error: below, .. } = error
    {
        error = below;
    }
    let spot = Spot { len: 1, ..spot };
    let (code, message, hint) = match error {
        YamlError::MergeKeyNotAllowed { .. } => (
            "PB-PLAN-MERGE-KEY",
            Text::new(
                "merge keys (`<<`) are not part of YAML 1.2",
                "병합 키(`<<`)는 YAML 1.2에 없는 기능입니다",
            ),
            Text::new(
                "write the fields out, or use an alias (`*name`) for a whole value",
                "항목을 직접 적거나, 값 전체에 별칭(`*이름`)을 쓰세요",
            ),
        ),
        YamlError::Budget { .. }
        | YamlError::AliasReplayCounterOverflow { .. }
        | YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => limit(),
        // The parser's own bound on nesting has no variant.
        YamlError::Message { msg, .. } | YamlError::ExternalMessage { msg, .. }
            if msg.contains("recursion limit") =>
        {
            limit()
        }
        YamlError::UnknownAnchor { .. } => (
            "PB-PLAN-YAML",
            Text::new(
                "an alias (`*name`) without an anchor (`&name`) before it in the same document",
                "별칭(`*이름`)에 해당하는 앵커(`&이름`)가 같은 문서의 앞부분에 없습니다",
            ),
            Text::new(
                "define the anchor first, or put a text that begins with `*` in quotes",
                "앵커를 먼저 정의하거나, `*`로 시작하는 텍스트라면 따옴표로 묶으세요",
            ),
        ),
        other => syntax(other),
    };
    problems.add(code, spot, "", message, hint);
}

fn limit() -> (&'static str, Text, Text) {
    (
        "PB-PLAN-LIMIT",
        Text::new(
            "the file unfolds to more than a plan can be: too deep, too many values or too many aliases",
            "파일이 계획 파일의 한도를 넘습니다. 중첩이 너무 깊거나, 값 또는 별칭이 너무 많습니다",
        ),
        Text::new(
            "write the values out instead of using aliases of aliases",
            "별칭을 겹쳐 쓰지 말고 값을 직접 적으세요",
        ),
    )
}

/// Texts for text that is not YAML. What the parser says names signs of the
/// syntax, never values; errors that would name values are told in our words.
fn syntax(error: &YamlError) -> (&'static str, Text, Text) {
    let said = match error {
        YamlError::Message { msg, .. } | YamlError::ExternalMessage { msg, .. } => msg.as_str(),
        YamlError::Eof { .. } => "the file ends too early",
        _ => "a key or value that a plan cannot have",
    };
    // A text between quotes may be a value.
    let said = said.split(['"', '`']).next().unwrap_or_default().trim();
    let tabs = said.contains("tab");
    let hint = if tabs {
        Text::new(
            "indent with spaces: YAML does not allow tabs there",
            "들여쓰기에는 탭 대신 공백을 쓰세요",
        )
    } else {
        Text::new(
            "check indentation, brackets and quotes here and on the line before; put texts with `: `, `#`, `*` or `&` in quotes",
            "이 줄과 바로 앞 줄의 들여쓰기, 괄호, 따옴표를 확인하세요. `: `, `#`, `*`, `&`가 들어간 텍스트는 따옴표로 묶으세요",
        )
    };
    (
        "PB-PLAN-YAML",
        Text::new(
            format!("not YAML: {said}"),
            format!("YAML 형식이 올바르지 않습니다: {said}"),
        ),
        hint,
    )
}
