//! A YAML document as a tree that knows where every value stands.
//!
//! Serde stops at the first problem; a tree lets the checks look at everything
//! and point at each place. It is read by `serde-saphyr`, under bounds that
//! stop documents which unfold to more than they are.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// Deepest nesting of a plan file. A whole plan needs 8; the bound keeps the
/// recursive readers far from the end of any stack.
const DEPTH_MAX: usize = 32;
/// Values in a plan file, after aliases are put in. A whole service needs about 150.
const NODES_MAX: usize = 50_000;
/// Values that come from aliases: enough to share a site's settings, too few for
/// a document that doubles itself.
const ALIAS_EVENTS_MAX: usize = 5_000;

/// A place in the text. Lines and columns count from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Characters before it.
    pub offset: usize,
    /// Characters it takes; 0 for maps and for values that are not written.
    pub len: usize,
}

impl Spot {
    /// The beginning of the text.
    pub const START: Spot = Spot {
        line: 1,
        column: 1,
        offset: 0,
        len: 0,
    };
}

impl From<Location> for Spot {
    fn from(at: Location) -> Spot {
        let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Spot {
            line: whole(at.line()).max(1),
            column: whole(at.column()).max(1),
            offset: whole(at.span().offset()),
            len: whole(at.span().len()),
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub spot: Spot,
    /// Where it was written; differs from `spot` for an alias.
    pub defined: Spot,
    /// What it is.
    pub value: Value,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `~`, or an empty place.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map; keys in the order of the file.
    Map(Vec<Entry>),
}

/// One key of a map, with its value. Keys may repeat: that is for the checks to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_spot: Spot,
    /// The value.
    pub node: Node,
}

impl Node {
    /// Reads all documents of `text`, a plan file.
    ///
    /// # Errors
    /// Text that is not YAML, or that unfolds to more than a plan can be.
    pub fn read_all(text: &str) -> Result<Vec<Node>, serde_saphyr::Error> {
        Node::read_within(text, NODES_MAX)
    }

    /// Reads all documents of `text`, which may hold up to `nodes_max` values.
    ///
    /// # Errors
    /// Text that is not YAML, or that unfolds to more.
    pub fn read_within(text: &str, nodes_max: usize) -> Result<Vec<Node>, serde_saphyr::Error> {
        let options = serde_saphyr::options! {
            // Lets every key through to `Value`, which keeps them all.
            duplicate_keys: DuplicateKeyPolicy::LastWins,
            merge_keys: MergeKeyPolicy::Error,
            non_finite_float_policy: NonFiniteFloatPolicy::AsString,
            strict_booleans: true,
            // Snippets of serde-saphyr would show secrets; ours do not.
            with_snippet: false,
            budget: serde_saphyr::budget! {
                max_depth: DEPTH_MAX,
                flow_nesting_limit: DEPTH_MAX,
                max_nodes: nodes_max,
            },
            alias_limits: serde_saphyr::alias_limits! {
                max_total_replayed_events: ALIAS_EVENTS_MAX,
                max_replay_stack_depth: DEPTH_MAX,
            },
        };
        serde_saphyr::from_multiple_with_options(text, options)
    }

    /// The value under `key` of a map.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// The place of the value at `path` (`spec.sites[1].health`), or of the
    /// nearest thing around it that is written.
    pub fn locate(&self, path: &str) -> Spot {
        let mut spot = Spot {
            len: 0,
            ..self.spot
        };
        let mut node = self;
        for part in path.split(['.', '[']).filter(|p| !p.is_empty()) {
            let next = match (&node.value, part.strip_suffix(']')) {
                (Value::List(items), Some(index)) => {
                    index.parse().ok().and_then(|i: usize| items.get(i))
                }
                (_, None) => node.get(part).map(|e| {
                    spot = e.key_spot;
                    &e.node
                }),
                _ => None,
            };
            let Some(next) = next else { return spot };
            if !matches!(next.value, Value::Map(_)) {
                spot = next.spot;
            }
            node = next;
        }
        spot
    }

    /// The value as JSON, for serde. Of repeated keys the last one counts.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Integer(i) => i64::try_from(*i).map_or(Json::Null, Json::from),
            Value::Float(f) => Json::from(*f),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|e| (e.key.clone(), e.node.to_json()))
                .collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node {
            spot: read.referenced.into(),
            defined: read.defined.into(),
            value: read.value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }
    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Integer(i128::try_from(value).unwrap_or(i128::MAX)))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(node) = seq.next_element()? {
            items.push(node);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push(Entry {
                key: key.value,
                key_spot: key.referenced.into(),
                node: map.next_value()?,
            });
        }
        Ok(Value::Map(entries))
    }
}
