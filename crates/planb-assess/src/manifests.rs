//! Facts from Kubernetes manifests: what objects there are, and what they say
//! about images, probes, scaling and mounts. Reading files is for the caller.

mod pod;

use planb_model::Text;
use planb_model::plan::tree::{Node, Spot, Value};
use planb_model::plan::{PlanErrors, Problems};
use serde::Serialize;

/// Largest manifest file. Rendered charts of one application have some hundred
/// kilobytes; etcd itself keeps no object larger than 1.5 MiB.
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// Values in one file.
const NODES_MAX: usize = 400_000;

/// Everything that was read.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    /// Files that were read.
    pub files: usize,
    /// Symbolic links, which are not followed.
    pub links_skipped: usize,
    /// The objects.
    pub objects: Vec<Object>,
}

/// Where an object stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// Which document of it, from 1.
    pub document: usize,
    /// The line the object begins on, from 1.
    pub line: usize,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Where it stands.
    pub place: Place,
    /// `apps`; empty for the core group.
    pub group: String,
    /// `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, as far as it is written.
    pub namespace: String,
    /// What a scaler scales.
    pub scales: Option<String>,
    /// Its pods, for what has any.
    pub pod: Option<Pod>,
}

/// The pods of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its containers; those that run before the others too.
    pub containers: Vec<Container>,
    /// Paths of the node that are mounted.
    pub host_paths: Vec<String>,
    /// Volumes that are lost with the pod.
    pub empty_dirs: Vec<String>,
    /// Claims that are mounted.
    pub claims: Vec<String>,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether it runs before the others and ends.
    pub init: bool,
    /// Whether something tells that it lives or is ready.
    pub probed: bool,
    /// Whether its root file system cannot be written.
    pub read_only_root: bool,
}

/// Reads one file. What is no object (values of a chart) is left out.
///
/// # Errors
/// Text that is not YAML, with its place.
pub fn read(text: &str, file: &str) -> Result<Vec<Object>, PlanErrors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Problems::default();
    let mut objects = Vec::new();
    match Node::read_within(text, NODES_MAX) {
        Ok(documents) => {
            for (at, document) in documents.iter().enumerate() {
                collect(document, file, at + 1, &mut objects);
            }
        }
        Err(error) => not_yaml(&error, text, &mut problems),
    }
    match problems.finish(text, file) {
        Some(errors) => Err(errors),
        None => Ok(objects),
    }
}

fn not_yaml(error: &serde_saphyr::Error, text: &str, problems: &mut Problems) {
    let spot = error.location().map_or(Spot::START, Spot::from);
    let said = error.to_string();
    let said = said.lines().next().unwrap_or_default();
    let hint = if text.contains("{{") {
        Text::new(
            "this looks like a template: render it first, as `helm template` does",
            "템플릿으로 보입니다. `helm template` 등으로 먼저 렌더링하세요",
        )
    } else {
        Text::new(
            "check indentation (spaces, no tabs), brackets and quotes here and on the line before",
            "이 줄과 바로 앞 줄의 들여쓰기(탭 대신 공백), 괄호, 따옴표를 확인하세요",
        )
    };
    problems.add(
        "PB-MANIFEST-YAML",
        Spot { len: 1, ..spot },
        "",
        Text::new(
            format!("not YAML: {said}"),
            format!("YAML 형식이 올바르지 않습니다: {said}"),
        ),
        hint,
    );
}

/// The object in `node`, or those of a `List`.
fn collect(node: &Node, file: &str, document: usize, out: &mut Vec<Object>) {
    let kind = text(node, &["kind"]);
    let version = text(node, &["apiVersion"]);
    if kind.is_empty() || version.is_empty() {
        return;
    }
    if let Some(Value::List(items)) = at(node, &["items"]).map(|n| &n.value) {
        // A list in a list is no manifest; one level is enough, and no recursion.
        let items = items.iter().filter(|i| at(i, &["items"]).is_none());
        items.for_each(|item| collect(item, file, document, out));
        return;
    }
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let first = match &node.value {
        Value::Map(entries) => entries.iter().map(|e| e.key_spot.line).min(),
        _ => None,
    };
    let scaled = text(node, &["spec", "scaleTargetRef", "name"]);
    out.push(Object {
        place: Place {
            file: file.to_owned(),
            document,
            line: first.unwrap_or(node.spot.line),
        },
        group: group.to_owned(),
        name: text(node, &["metadata", "name"]),
        namespace: text(node, &["metadata", "namespace"]),
        scales: (!scaled.is_empty()).then_some(scaled),
        pod: pod::of(node, &kind),
        kind,
    });
}

/// The value at a path of keys.
fn at<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(node, |n, key| Some(&n.get(key)?.node))
}

/// The text at a path; empty when there is none.
fn text(node: &Node, path: &[&str]) -> String {
    match at(node, path).map(|n| &n.value) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Integer(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The items of the list at a path.
fn items<'n>(node: &'n Node, path: &[&str]) -> &'n [Node] {
    match at(node, path).map(|n| &n.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}
