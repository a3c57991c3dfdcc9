//! Reads the parts of a JSON Schema that the plan's schema uses.

use crate::Text;
use serde_json::Value as Json;

/// A schema for one value, with references followed.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    root: &'a Json,
    /// The schema where it is used, which has the description and the example.
    outer: &'a Json,
    /// The schema that says what the value is.
    schema: &'a Json,
}

/// What a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    /// One of a few texts.
    Choice,
    Text,
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Anything; the plan's schema has no such place.
    Any,
}

impl Kind {
    /// What is wanted, for messages.
    pub fn wanted(self) -> Text {
        match self {
            Kind::Object => Text::new("a map of fields", "하위 항목 묶음이 필요한"),
            Kind::Array => Text::new("a list", "목록이 필요한"),
            Kind::Choice | Kind::Text => Text::new("a text", "텍스트가 필요한"),
            Kind::Integer => Text::new("a whole number", "정수가 필요한"),
            Kind::Boolean => Text::new("`true` or `false`", "`true` 또는 `false`가 필요한"),
            Kind::Any => Text::new("a value", "값이 필요한"),
        }
    }
}

impl<'a> View<'a> {
    /// The schema at `schema`, in the document `root`.
    pub fn new(root: &'a Json, schema: &'a Json) -> Self {
        let outer = schema;
        let mut schema = not_null(schema);
        // The plan's schema has no chain of references longer than this.
        for _ in 0..4 {
            let Some(name) = schema["$ref"]
                .as_str()
                .and_then(|r| r.strip_prefix("#/$defs/"))
            else {
                break;
            };
            schema = not_null(&root["$defs"][name]);
        }
        Self {
            root,
            outer,
            schema,
        }
    }

    pub fn kind(&self) -> Kind {
        if self.schema["const"].is_string()
            || self.schema["enum"].is_array()
            || self.schema["oneOf"].is_array()
        {
            return Kind::Choice;
        }
        let named = match &self.schema["type"] {
            Json::Array(types) => types.iter().filter_map(Json::as_str).find(|t| *t != "null"),
            one => one.as_str(),
        };
        match named {
            Some("object") => Kind::Object,
            Some("array") => Kind::Array,
            Some("string") => Kind::Text,
            Some("integer") => Kind::Integer,
            Some("boolean") => Kind::Boolean,
            _ => Kind::Any,
        }
    }

    /// Whether nothing may stand here.
    pub fn is_optional(&self) -> bool {
        let null_type = |s: &Json| match &s["type"] {
            Json::Array(types) => types.iter().any(|t| t == "null"),
            one => one == "null",
        };
        null_type(self.outer)
            || self.outer["anyOf"]
                .as_array()
                .is_some_and(|any| any.iter().any(null_type))
    }

    /// Whether it refers to a secret.
    pub fn is_secret(&self) -> bool {
        self.schema["x-planb-secret"] == true
    }

    /// Whether its keys are chosen by people and its values must not be secrets.
    pub fn is_without_secrets(&self) -> bool {
        self.outer["x-planb-names"] == "no-secrets"
    }

    pub fn properties(&self) -> impl Iterator<Item = (&'a str, &'a Json)> {
        let properties = self.schema["properties"].as_object();
        properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    pub fn property(&self, name: &str) -> Option<View<'a>> {
        let schema = self.schema["properties"].get(name)?;
        Some(View::new(self.root, schema))
    }

    /// The schema of values under keys that people choose.
    pub fn additional(&self) -> Option<View<'a>> {
        let schema = &self.schema["additionalProperties"];
        schema.is_object().then(|| View::new(self.root, schema))
    }

    pub fn required(&self) -> impl Iterator<Item = &'a str> {
        let required = self.schema["required"].as_array();
        required.into_iter().flatten().filter_map(Json::as_str)
    }

    pub fn items(&self) -> Option<View<'a>> {
        let schema = &self.schema["items"];
        schema.is_object().then(|| View::new(self.root, schema))
    }

    pub fn format(&self) -> &'a str {
        self.schema["format"].as_str().unwrap_or_default()
    }

    /// The texts of a choice.
    pub fn choices(&self) -> Vec<&'a str> {
        let listed = self.schema["enum"].as_array().into_iter().flatten();
        let described = self.schema["oneOf"].as_array().into_iter().flatten();
        let single = self.schema.get("const").into_iter();
        listed
            .chain(described.flat_map(|one| {
                let listed = one["enum"].as_array().into_iter().flatten();
                listed.chain(one.get("const"))
            }))
            .chain(single)
            .filter_map(Json::as_str)
            .collect()
    }

    /// Bounds of a count under these names, when there are any. Bounds beside a
    /// reference count like those in it.
    pub fn size_bounds(&self, min: &str, max: &str) -> Option<(usize, usize)> {
        let read = |name: &str| {
            let value = self.outer[name].as_u64().or(self.schema[name].as_u64())?;
            usize::try_from(value).ok()
        };
        let (min, max) = (read(min), read(max));
        (min.is_some() || max.is_some()).then(|| (min.unwrap_or(0), max.unwrap_or(usize::MAX)))
    }

    /// Bounds of a number.
    pub fn number_bounds(&self) -> (i128, i128) {
        let read = |name: &str| self.schema[name].as_i64().map(i128::from);
        (
            read("minimum").unwrap_or(i64::MIN.into()),
            read("maximum").unwrap_or(i64::MAX.into()),
        )
    }

    /// A good value, as YAML on one line.
    pub fn example(&self) -> Option<String> {
        let first = |s: &Json| s["examples"].as_array()?.first().map(flow);
        first(self.outer)
            .or_else(|| first(self.schema))
            .or_else(|| self.choices().first().map(|c| (*c).to_owned()))
    }
}

/// The part of `anyOf: [X, null]` that is not null.
fn not_null(schema: &Json) -> &Json {
    let any = schema["anyOf"].as_array();
    any.and_then(|any| any.iter().find(|s| s["type"] != "null"))
        .unwrap_or(schema)
}

fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
