//! Types out of JSON that has been read already, in little code.
//!
//! The methods have about a hundred types of rules and answers. serde_json's
//! own deserializers of a [`Json`] make each of them readable from an array as
//! well as from an object, and drop half-read values on every path; that was a
//! fifth of what the assessment adds to the binary (`cargo xtask bench size`).
//! Rules and answers are objects with names, so this one reads structs from
//! objects only, and borrows.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Expected, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value as Json};
use std::fmt;

/// Reads a `T`.
///
/// # Errors
/// The first thing that does not fit, in English: both the types and the data
/// they are read from are ours, or were checked before.
pub fn from_json<T: DeserializeOwned>(json: &Json) -> Result<T, Misfit> {
    T::deserialize(Reader(json))
}

/// What does not fit the type.
#[derive(Debug)]
pub struct Misfit(Box<str>);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    #[cold]
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self(said.to_string().into())
    }
}

#[derive(Clone, Copy)]
struct Reader<'de>(&'de Json);

impl<'de> Reader<'de> {
    #[cold]
    fn misfit(self, expected: &dyn Expected) -> Misfit {
        let found = match self.0 {
            Json::Null => Unexpected::Unit,
            Json::Bool(truth) => Unexpected::Bool(*truth),
            Json::Number(number) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Unexpected::Str(text),
            Json::Array(_) => Unexpected::Seq,
            Json::Object(_) => Unexpected::Map,
        };
        de::Error::invalid_type(found, expected)
    }
}

fn number<'de, V: Visitor<'de>>(
    number: &serde_json::Number,
    visitor: V,
) -> Result<V::Value, Misfit> {
    match (number.as_u64(), number.as_i64()) {
        (Some(count), _) => visitor.visit_u64(count),
        (None, Some(signed)) => visitor.visit_i64(signed),
        (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// One method of [`de::Deserializer`] that takes one kind of JSON.
macro_rules! only {
    ($method:ident, $kind:ident($found:pat) => $visit:expr) => {
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0 {
                Json::$kind($found) => $visit(visitor),
                _ => Err(self.misfit(&visitor)),
            }
        }
    };
}

/// Methods that take any number.
macro_rules! numbers {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0 {
                Json::Number(found) => number(found, visitor),
                _ => Err(self.misfit(&visitor)),
            }
        }
    )* };
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Json::Null => visitor.visit_unit(),
            Json::Bool(truth) => visitor.visit_bool(*truth),
            Json::Number(found) => number(found, visitor),
            Json::String(text) => visitor.visit_borrowed_str(text),
            Json::Array(items) => visitor.visit_seq(Items(items.iter())),
            Json::Object(map) => visitor.visit_map(Fields::of(map)),
        }
    }

    only!(deserialize_bool, Bool(truth) => |v: V| v.visit_bool(*truth));
    only!(deserialize_str, String(text) => |v: V| v.visit_borrowed_str(text));
    only!(deserialize_string, String(text) => |v: V| v.visit_borrowed_str(text));
    only!(deserialize_identifier, String(text) => |v: V| v.visit_borrowed_str(text));
    only!(deserialize_seq, Array(items) => |v: V| v.visit_seq(Items(items.iter())));
    only!(deserialize_map, Object(map) => |v: V| v.visit_map(Fields::of(map)));
    numbers!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_i8
             deserialize_i16 deserialize_i32 deserialize_i64 deserialize_f32 deserialize_f64);

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let (variant, value) = match self.0 {
            Json::String(variant) => (variant, None),
            Json::Object(map) if map.len() == 1 => match map.iter().next() {
                Some((variant, value)) => (variant, Some(value)),
                None => return Err(self.misfit(&visitor)),
            },
            _ => return Err(self.misfit(&visitor)),
        };
        visitor.visit_enum(Variant { variant, value })
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple_struct ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Json>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        match self.0.next() {
            Some(item) => seed.deserialize(Reader(item)).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The fields of an object, each name before its value.
struct Fields<'de> {
    rest: serde_json::map::Iter<'de>,
    value: &'de Json,
}

impl<'de> Fields<'de> {
    fn of(map: &'de Map<String, Json>) -> Self {
        Self {
            rest: map.iter(),
            value: &Json::Null,
        }
    }
}

impl<'de> de::MapAccess<'de> for Fields<'de> {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = value;
        seed.deserialize(BorrowedStrDeserializer::new(name))
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(Reader(self.value))
    }
}

/// `name`, or `{ name: value }`.
struct Variant<'de> {
    variant: &'de str,
    value: Option<&'de Json>,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = Misfit;
    type Variant = Inside<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Inside<'de>), Misfit> {
        let variant = seed.deserialize(BorrowedStrDeserializer::new(self.variant))?;
        Ok((variant, Inside(self.value)))
    }
}

struct Inside<'de>(Option<&'de Json>);

impl<'de> Inside<'de> {
    fn reader(self) -> Reader<'de> {
        Reader(self.0.unwrap_or(&Json::Null))
    }
}

impl<'de> de::VariantAccess<'de> for Inside<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.0 {
            None | Some(Json::Null) => Ok(()),
            Some(value) => Err(Reader(value).misfit(&"no value")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(self.reader())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_seq(self.reader(), visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_map(self.reader(), visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Tone {
        Good,
        Held(f64),
        Between { low: i32, high: u8 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        name: String,
        tones: Vec<Tone>,
        #[serde(default)]
        limit: Option<u32>,
        pair: (f64, bool),
        by: BTreeMap<String, u64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Rest {
        name: String,
        #[serde(flatten)]
        rest: BTreeMap<String, bool>,
    }

    fn rule() -> Json {
        json!({
            "name": "규칙", "pair": [1, true], "by": { "a": 18446744073709551615_u64 },
            "tones": ["good", { "held": 2 }, { "between": { "low": -1, "high": 255 } }],
        })
    }

    /// What serde_json makes of it, this must, and the other way round.
    fn both<T: DeserializeOwned + PartialEq + fmt::Debug>(json: &Json) -> Option<T> {
        let ours: Option<T> = from_json(json).ok();
        assert_eq!(ours, serde_json::from_value(json.clone()).ok(), "{json}");
        ours
    }

    #[test]
    fn reads_what_serde_json_reads() {
        let read: Rule = both(&rule()).expect("a rule");
        assert_eq!(read.tones[2], Tone::Between { low: -1, high: 255 });
        assert!(both::<Rest>(&json!({ "name": "n", "x": true })).is_some());
    }

    #[test]
    fn refuses_what_serde_json_refuses() {
        for (field, value) in [
            ("name", json!(1)),
            ("limit", json!("3")),
            ("limit", json!(-1)),
            ("limit", json!(4_294_967_296_u64)),
            ("limit", json!(1.5)),
            ("pair", json!([1])),
            ("by", json!([])),
            ("tones", json!(["better"])),
            ("tones", json!([{ "good": 1 }])),
            ("tones", json!([{ "held": 1, "good": null }])),
            ("tones", json!([{ "between": { "low": 0 } }])),
            ("more", json!(1)),
        ] {
            let mut json = rule();
            json[field] = value;
            assert_eq!(both::<Rule>(&json), None);
        }
        assert_eq!(both::<Rest>(&json!({ "name": "n", "x": 1 })), None);
        assert_eq!(both::<Rule>(&json!(null)), None);
    }

    #[test]
    fn a_misfit_says_what_was_found_and_what_was_expected() {
        let mut json = rule();
        json["limit"] = json!("3");
        let said = from_json::<Rule>(&json).expect_err("a text").to_string();
        assert_eq!(said, "invalid type: string \"3\", expected u32");
    }
}
