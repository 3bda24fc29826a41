//! Reading usage objects: in one pass, from text or from a tree, in every
//! spelling that servers of this dialect have.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::whole;
use crate::ir::Usage;

/// Counts of a usage object, in the spellings that servers have for them.
#[derive(Clone, Copy)]
enum Count {
    Prompt,
    Input,
    Completion,
    Output,
    Total,
    /// OpenAI's in its details, Perplexity's beside the others.
    Reasoning,
    ReasoningBeside,
    /// OpenAI's, DeepSeek's, Moonshot's.
    Cached,
    CacheHit,
    CachedBeside,
    /// Mistral's and vLLM's, in whole blocks: may go beyond the prompt.
    CachedBlocks,
    /// OpenAI's, Anthropic's in OpenAI's clothes.
    CacheWrite,
    CacheCreation,
    CacheWrite1h,
    AudioInput,
    AudioOutput,
}

/// Where a value stands within a usage object.
#[derive(Clone, Copy)]
enum Place {
    Top,
    InputDetails,
    OutputDetails,
    CacheCreation,
    Count(Count),
    Elsewhere,
}

impl Place {
    /// The place of the value of `key` in an object that stands here.
    fn of(self, key: &str) -> Self {
        let count = match (self, key) {
            (Self::Top, "prompt_tokens_details" | "input_tokens_details") => return Self::InputDetails,
            (Self::Top, "completion_tokens_details" | "output_tokens_details") => return Self::OutputDetails,
            // Mistral has it both ways.
            (Self::Top, "prompt_token_details") => return Self::InputDetails,
            (Self::Top | Self::InputDetails, "cache_creation") => return Self::CacheCreation,
            (Self::Top, "prompt_tokens") => Count::Prompt,
            (Self::Top, "input_tokens") => Count::Input,
            (Self::Top, "completion_tokens") => Count::Completion,
            (Self::Top, "output_tokens") => Count::Output,
            (Self::Top, "total_tokens") => Count::Total,
            (Self::Top, "reasoning_tokens") => Count::ReasoningBeside,
            (Self::Top, "prompt_cache_hit_tokens") => Count::CacheHit,
            (Self::Top, "cached_tokens" | "cache_read_input_tokens") => Count::CachedBeside,
            (Self::Top, "num_cached_tokens") => Count::CachedBlocks,
            (Self::Top | Self::InputDetails, "cache_creation_input_tokens" | "cache_creation_tokens") => {
                Count::CacheCreation
            }
            (Self::InputDetails, "cached_tokens") => Count::Cached,
            (Self::InputDetails, "cache_write_tokens") => Count::CacheWrite,
            (Self::InputDetails, "audio_tokens") => Count::AudioInput,
            (Self::OutputDetails, "reasoning_tokens") => Count::Reasoning,
            (Self::OutputDetails, "audio_tokens") => Count::AudioOutput,
            (Self::CacheCreation, "ephemeral_1h_input_tokens") => Count::CacheWrite1h,
            _ => return Self::Elsewhere,
        };
        Self::Count(count)
    }
}

/// What a usage object says: read in one pass, whatever else stands in it.
#[derive(Default)]
struct Counts([Option<u64>; Count::AudioOutput as usize + 1]);

impl Counts {
    fn get(&self, count: Count) -> Option<u64> {
        self.0.get(count as usize).copied().flatten()
    }

    fn usage(&self) -> Option<Usage> {
        let any = |counts: &[Count]| counts.iter().find_map(|count| self.get(*count));
        let input = any(&[Count::Prompt, Count::Input]);
        let output = any(&[Count::Completion, Count::Output]);
        let total = self.get(Count::Total);
        if input.is_none() && output.is_none() && total.is_none() {
            return None;
        }
        let input = input.unwrap_or(0);
        let reasoning = any(&[Count::Reasoning, Count::ReasoningBeside]);
        let output = whole_output((input, output.unwrap_or(0)), reasoning, total);
        Some(Usage {
            input,
            cached_input: any(&[Count::Cached, Count::CacheHit, Count::CachedBeside])
                .or_else(|| self.get(Count::CachedBlocks).filter(|cached| *cached <= input)),
            cache_write: any(&[Count::CacheWrite, Count::CacheCreation]),
            cache_write_1h: self.get(Count::CacheWrite1h),
            output,
            reasoning,
            audio_input: self.get(Count::AudioInput),
            audio_output: self.get(Count::AudioOutput),
            stated_total: total.filter(|total| *total != input.saturating_add(output)),
            billed: None,
            estimated: false,
        })
    }
}

/// A value on its way into [`Counts`]. What is of another type than expected is left out.
struct Reading<'c> {
    counts: &'c mut Counts,
    place: Place,
}

impl Reading<'_> {
    fn put(self, count: Option<u64>) {
        if let Place::Count(place) = self.place
            && let Some(slot) = self.counts.0.get_mut(place as usize)
        {
            *slot = count;
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        match self.place {
            Place::Elsewhere => value.deserialize_ignored_any(IgnoredAny).map(drop),
            _ => value.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("usage")
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.put(Some(number));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.put(whole(number));
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(place) = object.next_key_seed(Key(self.place))? {
            object.next_value_seed(Reading { counts: &mut *self.counts, place })?;
        }
        Ok(())
    }
}

/// A key of an object at this place; gives the place of its value.
struct Key(Place);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Place;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Place, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Place, E> {
        Ok(self.0.of(key))
    }
}

/// Usage as a field of an answer: none where it states no tokens.
pub(super) struct Stated(pub(super) Option<Usage>);

impl<'de> Deserialize<'de> for Stated {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let mut counts = Counts::default();
        Reading { counts: &mut counts, place: Place::Top }.deserialize(value)?;
        Ok(Self(counts.usage()))
    }
}

/// Output tokens, reasoning included. xAI leaves reasoning out of
/// `completion_tokens`, but not out of the total.
fn whole_output((input, stated): (u64, u64), reasoning: Option<u64>, total: Option<u64>) -> u64 {
    let reasoning = reasoning.unwrap_or(0);
    let with = stated.saturating_add(reasoning);
    if reasoning > 0 && total == Some(input.saturating_add(with)) { with } else { stated }
}

#[cfg(test)]
mod tests {
    use super::super::usage::decode_usage;
    use super::*;

    /// Text and tree give the same, and what is nonsense is left out.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn usage_is_read_in_every_spelling() {
        let used = |input, output| Some(Usage { input, output, ..Usage::default() });
        for (text, expected) in [
            (r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#, used(9, 4)),
            (
                r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":2},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":0,"accepted_prediction_tokens":0}}"#,
                used(9, 4).map(|usage| Usage {
                    cached_input: Some(0),
                    audio_input: Some(2),
                    reasoning: Some(3),
                    audio_output: Some(0),
                    ..usage
                }),
            ),
            (
                r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":20,"completion_tokens_details":{"reasoning_tokens":7}}"#,
                used(9, 11).map(|usage| Usage { reasoning: Some(7), ..usage }),
            ),
            (
                r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":99,"prompt_tokens_details":null}"#,
                used(9, 4).map(|usage| Usage { stated_total: Some(99), ..usage }),
            ),
            (
                r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_cache_hit_tokens":5,"prompt_tokens_details":"x"}"#,
                used(9, 4).map(|usage| Usage { cached_input: Some(5), ..usage }),
            ),
            (r#"{"prompt_tokens":9.0,"completion_tokens":null,"total_tokens":9}"#, used(9, 0)),
            (r#"{"prompt_tokens":-9,"completion_tokens":[4],"total_tokens":1.5}"#, None),
            (
                r#"{"input_tokens":9,"output_tokens":4,"cache_creation_input_tokens":2,"cache_creation":{"ephemeral_1h_input_tokens":1}}"#,
                used(9, 4).map(|usage| Usage { cache_write: Some(2), cache_write_1h: Some(1), ..usage }),
            ),
            (
                r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"reasoning_tokens":3}"#,
                used(9, 4).map(|usage| Usage { reasoning: Some(3), ..usage }),
            ),
            // Mistral's count may go beyond the prompt's: then it is no part of it.
            (
                r#"{"prompt_tokens":254,"completion_tokens":93,"total_tokens":347,"num_cached_tokens":48}"#,
                used(254, 93).map(|usage| Usage { cached_input: Some(48), ..usage }),
            ),
            (
                r#"{"prompt_tokens":254,"completion_tokens":93,"prompt_tokens_details":{"cached_tokens":32},"num_cached_tokens":48}"#,
                used(254, 93).map(|usage| Usage { cached_input: Some(32), ..usage }),
            ),
            (
                r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"num_cached_tokens":64}"#,
                used(9, 4),
            ),
            (
                r#"{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2,"cache_creation_input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":1},"cache_type":"ephemeral"}}"#,
                used(9, 4).map(|usage| Usage {
                    cached_input: Some(2),
                    cache_write: Some(3),
                    cache_write_1h: Some(1),
                    ..usage
                }),
            ),
            (r#"{"queue_time":0.1,"x":{"prompt_tokens":3}}"#, None),
            ("null", None),
            ("[1]", None),
        ] {
            let tree = serde_json::from_str(text).unwrap();
            assert_eq!(decode_usage(&tree), expected, "{text}");
            assert_eq!(serde_json::from_str::<Stated>(text).unwrap().0, expected, "{text}");
        }
    }
}
