//! A tree into a `serde` type, going on after each problem.
//!
//! `serde` stops at the first error. So the value at fault is noted and left
//! out, and the tree is read again, until it reads: each round finds at least
//! one problem, and no problem hides another. Unknown keys need no round.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::flaw::Flaw;
use super::tree::{Node, Value};
use super::typed::AT;
use crate::problem::{Place, Problem, did_you_mean};

/// Most problems of one file; reading stops there.
const MAX_PROBLEMS: usize = 200;

/// Reads the tree under `root` as a `T`.
#[must_use]
pub fn decode<T: DeserializeOwned>(file: &Path, root: &Node) -> (Option<T>, Vec<Problem>) {
    let state = RefCell::new(State { file, left_out: HashSet::new(), problems: Vec::new() });
    loop {
        let flaw = match T::deserialize(Reader { node: root, state: &state }) {
            Ok(value) => return (Some(value), std::mem::take(&mut state.borrow_mut().problems)),
            Err(flaw) => flaw,
        };
        let mut state = state.borrow_mut();
        let (id, place) = flaw.node.unwrap_or((root.id, root.place));
        state.note(place, flaw);
        let went_on = state.left_out.insert(id);
        if id == root.id || !went_on || state.problems.len() >= MAX_PROBLEMS {
            return (None, std::mem::take(&mut state.problems));
        }
    }
}

struct State<'a> {
    file: &'a Path,
    /// Values that were at fault and are passed over.
    left_out: HashSet<usize>,
    problems: Vec<Problem>,
}

impl State<'_> {
    fn note(&mut self, place: Place, flaw: Flaw) {
        if flaw.follows {
            return;
        }
        let problem = Problem::error(self.file, flaw.rule, flaw.message);
        let problem = Problem { help: flaw.help.map(String::from), ..problem };
        self.problems.push(problem.at(place.line, place.column, place.length));
    }

    fn unknown_key(&mut self, key: &Node, fields: &'static [&'static str]) {
        if !self.left_out.insert(key.id) {
            return;
        }
        let name = key.text().unwrap_or_default();
        let help = match did_you_mean(name, fields.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", fields.join(", ")),
        };
        let flaw =
            Flaw { help: Some(help.into()), ..Flaw::new("unknown_key", format!("unknown key `{name}`")) };
        self.note(key.place, flaw);
    }
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    state: &'a RefCell<State<'a>>,
}

impl<'a> Reader<'a> {
    fn of(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn left_out(&self, node: &Node) -> bool {
        self.state.borrow().left_out.contains(&node.id)
    }

    /// Marks where an error belongs: a missing key to its map, unless the key
    /// stands there and its value has been noted already.
    fn place<T>(self, result: Result<T, Flaw>) -> Result<T, Flaw> {
        result.map_err(|mut flaw| {
            if let Some(field) = flaw.missing.take() {
                flaw.follows = self.node.get(field).is_some();
            }
            flaw.at(self.node)
        })
    }
}

impl<'de, 'a: 'de> Deserializer<'de> for Reader<'a> {
    type Error = Flaw;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        self.place(match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Int(number) => match u64::try_from(*number) {
                Ok(positive) => visitor.visit_u64(positive),
                Err(_) => visitor.visit_i64(*number),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items { reader: self, left: items.iter() }),
            Value::Map(entries) => {
                visitor.visit_map(Entries { reader: self, left: entries.iter(), value: None })
            }
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => self.place(visitor.visit_some(self)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        self.place(match name {
            AT => visitor.visit_seq(Placed { reader: self, part: 0 }),
            _ => visitor.visit_newtype_struct(self),
        })
    }

    /// Keys that the struct has not are noted and passed over.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        // Not by way of `deserialize_any`: what a struct makes of lists would be compiled for each, for nothing.
        let Value::Map(entries) = &self.node.value else {
            return self.place(Err(de::Error::invalid_type(unexpected(&self.node.value), &visitor)));
        };
        for (key, _) in entries {
            if !key.text().is_some_and(|name| fields.contains(&name)) {
                self.state.borrow_mut().unknown_key(key, fields);
            }
        }
        self.place(visitor.visit_map(Entries { reader: self, left: entries.iter(), value: None }))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        self.place(match &self.node.value {
            Value::Text(text) => {
                visitor.visit_enum(IntoDeserializer::<Flaw>::into_deserializer(text.as_str()))
            }
            Value::Map(entries) => match entries.as_slice() {
                [(key, value)] => visitor.visit_enum(Variant { key, value: self.of(value) }),
                _ => Err(Flaw::new("wrong_type", "expected one name, found a map".to_owned())),
            },
            _ => Err(Flaw::new("wrong_type", "expected a name".to_owned())),
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

/// What stands where something else belongs.
fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(truth) => Unexpected::Bool(*truth),
        Value::Int(number) => {
            u64::try_from(*number).map_or(Unexpected::Signed(*number), Unexpected::Unsigned)
        }
        Value::Float(number) => Unexpected::Float(*number),
        Value::Text(text) => Unexpected::Str(text),
        Value::List(_) => Unexpected::Seq,
        Value::Map(_) => Unexpected::Map,
    }
}

struct Items<'a> {
    reader: Reader<'a>,
    left: std::slice::Iter<'a, Node>,
}

impl<'de, 'a: 'de> SeqAccess<'de> for Items<'a> {
    type Error = Flaw;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Flaw> {
        let reader = self.reader;
        let Some(node) = self.left.by_ref().find(|node| !reader.left_out(node)) else { return Ok(None) };
        let item = reader.of(node);
        item.place(seed.deserialize(item)).map(Some)
    }
}

struct Entries<'a> {
    reader: Reader<'a>,
    left: std::slice::Iter<'a, (Node, Node)>,
    value: Option<&'a Node>,
}

impl<'de, 'a: 'de> MapAccess<'de> for Entries<'a> {
    type Error = Flaw;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Flaw> {
        let reader = self.reader;
        let mut fit =
            self.left.by_ref().filter(|(key, value)| !reader.left_out(key) && !reader.left_out(value));
        let Some((key, value)) = fit.next() else { return Ok(None) };
        self.value = Some(value);
        let name = reader.of(key);
        name.place(seed.deserialize(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Flaw> {
        let node = self.value.take().unwrap_or(self.reader.node);
        let value = self.reader.of(node);
        value.place(seed.deserialize(value))
    }
}

/// The parts of an [`super::At`]: line, column, length, value.
struct Placed<'a> {
    reader: Reader<'a>,
    part: u8,
}

impl<'de, 'a: 'de> SeqAccess<'de> for Placed<'a> {
    type Error = Flaw;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Flaw> {
        let Place { line, column, length } = self.reader.node.place;
        self.part += 1;
        match self.part {
            1 => seed.deserialize(line.into_deserializer()).map(Some),
            2 => seed.deserialize(column.into_deserializer()).map(Some),
            3 => seed.deserialize(length.into_deserializer()).map(Some),
            _ => seed.deserialize(self.reader).map(Some),
        }
    }
}

/// `variant: value`.
struct Variant<'a> {
    key: &'a Node,
    value: Reader<'a>,
}

impl<'de, 'a: 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Flaw;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'a>), Flaw> {
        let name: StrDeserializer<'_, Flaw> = self.key.text().unwrap_or_default().into_deserializer();
        seed.deserialize(name).map(|name| (name, self.value)).map_err(|flaw| flaw.at(self.key))
    }
}

impl<'de, 'a: 'de> VariantAccess<'de> for Reader<'a> {
    type Error = Flaw;

    fn unit_variant(self) -> Result<(), Flaw> {
        Err(Flaw::new("wrong_type", "this name takes no value".to_owned()).at(self.node))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Flaw> {
        self.place(seed.deserialize(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Flaw> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        self.deserialize_struct("", fields, visitor)
    }
}
