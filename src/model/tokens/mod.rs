//! How many tokens a text or a request is: a cheap estimate for every model,
//! and the exact count of models whose tokenizer is public.
//!
//! Sans-IO: the vocabularies come with the `tiktoken` crate. Loading one takes
//! some 100 ms once; [`Tokenizer::warm`] does that ahead of the traffic.

mod estimate;
mod request;
mod sample;
mod vocabulary;

pub use estimate::estimate;
pub use request::{count_message, count_request, estimate_request, near_request};

use self::vocabulary::Vocabulary;
use super::{Model, Tag};

/// The tag by which a model names its tokenizer where its name does not tell:
/// `tokenizer: llama3`.
const TAG: &str = "tokenizer";

/// Longest text of which [`Tokenizer::near`] counts every token, bytes: about a millisecond.
const NEAR: usize = 48 << 10;

/// How a model's tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokenizer {
    vocabulary: &'static Vocabulary,
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
            .unwrap_or(Self { vocabulary: Vocabulary::stand_in(), exact: false })
    }

    /// The tokenizer of this name: `o200k`, `cl100k`, `llama3`, `qwen2`, `deepseek`,
    /// `mistral`, or an encoding's full name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(Self { vocabulary: Vocabulary::named(name)?, exact: true })
    }

    /// By a model's name, with or without a vendor in front (`meta-llama/llama-3.3`).
    fn by_model_name(name: &str) -> Option<Self> {
        let last = name.rsplit('/').next().unwrap_or(name);
        tiktoken::model_to_encoding(last).and_then(Self::named)
    }

    /// Whether its counts are those of the model; else they are the stand-in's.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.exact
    }

    /// The encoding's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.vocabulary.name
    }

    /// The tokens of `text`. Loads the vocabulary where that was not done yet.
    #[must_use]
    pub fn count(self, text: &str) -> u64 {
        self.vocabulary.load().count(text) as u64
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
        let encoding = self.vocabulary.load();
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
        self.vocabulary.load();
    }

    /// Whether the vocabulary is loaded, so that counting takes no longer than the text is long.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self.vocabulary.is_loaded()
    }

    /// Where a request keeps this tokenizer's count: behind the estimate.
    fn slot(self) -> usize {
        self.vocabulary.place() + 1
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
