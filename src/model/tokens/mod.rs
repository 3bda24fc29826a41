//! How many tokens a text or a request is: a cheap estimate for every model,
//! and the exact count of models whose tokenizer is public.
//!
//! Sans-IO: the vocabularies come with the `tiktoken` crate. Loading one takes
//! some 100 ms once; [`Tokenizer::warm`] does that ahead of the traffic.

mod estimate;
mod ready;
mod request;
mod sample;

pub use estimate::estimate;
pub use request::{count_message, count_request, estimate_request, near_request};

use super::{Model, Tag};

/// The tag by which a model names its tokenizer where its name does not tell:
/// `tokenizer: llama3`.
const TAG: &str = "tokenizer";

/// Stands in where no tokenizer is public; a factor turns its counts into the model's.
const STAND_IN: &str = "o200k_base";

/// Longest text of which [`Tokenizer::near`] counts every token, bytes: about a millisecond.
const NEAR: usize = 48 << 10;

/// The encodings whose counts are kept with a request; the place is the slot.
const SLOTS: [&str; 14] = [
    "o200k_base",
    "cl100k_base",
    "llama3",
    "qwen2",
    "deepseek_v3",
    "deepseek_v4",
    "mistral_v3",
    "o200k_harmony",
    "kimi_k2",
    "kimi_k3",
    "glm4",
    "glm5",
    "minimax_m2",
    "p50k_base",
];

/// How a model's tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokenizer {
    encoding: &'static str,
    exact: bool,
}

impl Tokenizer {
    /// The tokenizer of `model`: by its tag `tokenizer`, else by the provider's
    /// name for it, else by ours; else the stand-in, which is not exact.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let tagged = match model.tags.get(TAG) {
            Some(Tag::Text(name)) => Self::named(name),
            _ => None,
        };
        tagged
            .or_else(|| Self::by_model_name(&model.upstream))
            .or_else(|| Self::by_model_name(&model.name))
            .unwrap_or(Self { encoding: STAND_IN, exact: false })
    }

    /// The tokenizer of this name: an encoding of the crate or a short name
    /// (`o200k`, `cl100k`, `llama3`, `qwen2`, `deepseek`, `mistral`).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let known = tiktoken::list_encodings().iter();
        let hit = known.copied().find(|known| *known == name).or_else(|| {
            let mut short = tiktoken::list_encodings().iter().copied();
            short.find(|known| known.split('_').next() == Some(name))
        })?;
        Some(Self { encoding: hit, exact: true })
    }

    /// By a model's name, with or without a vendor in front (`meta-llama/llama-3.3`).
    fn by_model_name(name: &str) -> Option<Self> {
        let last = name.rsplit('/').next().unwrap_or(name);
        tiktoken::model_to_encoding(last).map(|encoding| Self { encoding, exact: true })
    }

    /// Whether its counts are those of the model; else they are the stand-in's.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.exact
    }

    /// The encoding's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.encoding
    }

    /// The tokens of `text`. Loads the vocabulary where that was not done yet.
    #[must_use]
    pub fn count(self, text: &str) -> u64 {
        self.vocabulary().map_or_else(|| estimate(text), |encoding| encoding.count(text) as u64)
    }

    /// The tokens of `text`: exact up to 48 KiB; of a longer text samples are
    /// counted and correct the estimate of the whole, good to about 2 %.
    #[must_use]
    pub fn near(self, text: &str) -> u64 {
        let sample = sample::sample(text, NEAR);
        if let [whole] = sample.as_slice() {
            return self.count(whole);
        }
        let (exact, rough) = sample
            .iter()
            .fold((0, 0), |(exact, rough), stretch| (exact + self.count(stretch), rough + estimate(stretch)));
        (estimate(text) as f64 * exact as f64 / rough.max(1) as f64).ceil() as u64
    }

    /// The text cut to at most `most` tokens: its beginning, or its end.
    #[must_use]
    pub fn cut(self, text: &str, most: u64, keep_end: bool) -> String {
        let Some(encoding) = self.vocabulary() else { return String::new() };
        let tokens = encoding.encode(text);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if tokens.len() <= most {
            return text.to_owned();
        }
        let kept = if keep_end { tokens.get(tokens.len() - most..) } else { tokens.get(..most) };
        let bytes = encoding.decode(kept.unwrap_or_default());
        // A token may end within a character: what is left of it is dropped.
        String::from_utf8_lossy(&bytes).replace('\u{fffd}', "")
    }

    /// Loads the vocabulary now rather than at the first count.
    pub fn warm(self) {
        let _ = self.vocabulary();
    }

    /// Whether the vocabulary is loaded, so that counting takes no longer than the text is long.
    #[must_use]
    pub fn is_ready(self) -> bool {
        ready::is(self.encoding)
    }

    fn vocabulary(self) -> Option<&'static tiktoken::CoreBpe> {
        let vocabulary = tiktoken::get_encoding(self.encoding);
        ready::set(self.encoding);
        vocabulary
    }

    /// Where a request keeps this tokenizer's count.
    fn slot(self) -> usize {
        SLOTS.iter().position(|name| *name == self.encoding).map_or(usize::MAX, |at| at + 1)
    }
}

/// Loads the vocabularies of these models, ahead of the traffic.
pub fn warm<'a>(models: impl IntoIterator<Item = &'a Model>) {
    models.into_iter().for_each(|model| Tokenizer::of(model).warm());
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
