//! Any JSON value, read for its syntax, depth and duplicate keys alone, and for
//! what it says of a plain talk on the way.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::talk::{Place, Talk};

/// Deepest nesting of a body.
const MAX_DEPTH: u8 = 64;

/// Marks our own findings inside serde's error texts.
pub(super) const DUPLICATE: &str = "duplicate key";

/// Reads a key, borrowed where it has no escapes.
pub(super) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// The keys of one object so far: a list while short, a set beyond.
#[derive(Default)]
pub(super) struct Keys<'de> {
    few: SmallVec<[Cow<'de, str>; 8]>,
    many: Option<ahash::AHashSet<Cow<'de, str>>>,
}

impl<'de> Keys<'de> {
    /// Above this many keys a set is faster than a walk.
    const FEW: usize = 12;

    /// Adds a key.
    ///
    /// # Errors
    /// It is there already.
    pub(super) fn add<E: serde::de::Error>(&mut self, key: Cow<'de, str>) -> Result<(), E> {
        if self.few.contains(&key) {
            return Err(E::custom(format_args!("{DUPLICATE} `{key}`")));
        }
        if self.few.len() < Self::FEW {
            self.few.push(key);
            return Ok(());
        }
        match self.many.get_or_insert_default().replace(key) {
            None => Ok(()),
            Some(key) => Err(E::custom(format_args!("{DUPLICATE} `{key}`"))),
        }
    }
}

/// The place of `part` in `whole`, from which it is borrowed: the distance of their starts.
pub(super) fn within(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

/// Reads any value for its syntax, depth and duplicate keys, and for what it
/// says of the talk.
pub(super) struct Strict<'de, 't> {
    /// Levels around it.
    pub(super) depth: u8,
    /// Where it stands.
    pub(super) place: Place,
    /// The whole body.
    pub(super) body: &'de str,
    /// The talk so far.
    pub(super) talk: &'t mut Talk,
}

impl<'de> Strict<'de, '_> {
    /// The reader of a value within this one.
    fn inner<E: serde::de::Error>(&mut self, place: Place) -> Result<Strict<'de, '_>, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Strict { depth: self.depth + 1, place, body: self.body, talk: self.talk })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.talk.other(self.place);
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.talk.other(self.place);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.talk.number(self.place, number);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.talk.other(self.place);
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.talk.text(self.place, text, Some(within(self.body, text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.talk.text(self.place, text, None);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.talk.null(self.place);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.talk.list(self.place);
        let element = self.place.element();
        while list.next_element_seed(self.inner(element)?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.talk.object(self.place);
        let mut keys = Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            let field = self.place.field(&key);
            self.talk.plain &= field.is_some();
            map.next_value_seed(self.inner(field.unwrap_or(Place::Elsewhere))?)?;
            keys.add::<A::Error>(key)?;
        }
        self.talk.plain &= self.place.fields().is_none_or(|fields| fields == keys.few.len());
        Ok(())
    }
}
