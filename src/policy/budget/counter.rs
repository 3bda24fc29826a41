//! Tokens of a text at a model, with the safety margin.
//!
//! For models without a public tokenizer the stand-in's count is multiplied by
//! a factor for the class of the text, learned from the usage that the provider
//! returns. How far the factor still moves becomes the margin.

use serde_json::{Value, json};

use crate::clock::Now;
use crate::dialect::LazyRequest;
use crate::error::Result;
use crate::ir::{Part, Request};
use crate::model::Model;
use crate::model::tokens::{Tokenizer, count_request, estimate, near_request};
use crate::policy::texts::text_stats;
use crate::state::Store;

/// Margin on exact counts: the form around messages is the provider's own.
const EXACT_MARGIN: f64 = 0.02;

/// Factor and margin before anything was learned. Source: measured on the
/// texts of the tests, cl100k against o200k, the widest gap among public tokenizers.
const UNLEARNED: Learned = Learned { factor: 1.15, spread: 0.12, seen: 0.0 };

/// Observations after which new ones weigh no less.
const MEMORY: f64 = 40.0;

/// What was learned of a model for a class of text.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Learned {
    factor: f64,
    /// Mean distance of observations from the factor, relative.
    spread: f64,
    seen: f64,
}

impl Learned {
    fn from_json(kept: &Value) -> Option<Self> {
        let number = |at: usize| kept.get(at)?.as_f64().filter(|number| number.is_finite());
        Some(Self { factor: number(0)?, spread: number(1)?, seen: number(2)? })
    }

    /// Takes one ratio of returned to counted tokens. Ratios far off are errors
    /// of the provider or media that nobody can count: they move it little.
    fn observe(self, ratio: f64) -> Self {
        let rate = (1.0 / (self.seen + 1.0)).max(1.0 / MEMORY);
        let step = if self.seen < 3.0 { ratio - self.factor } else { (ratio - self.factor).clamp(-0.3, 0.3) };
        let factor = self.factor + rate * step;
        let off = (ratio / factor - 1.0).abs().min(0.5);
        let spread = if self.seen < 1.0 { off.max(0.05) } else { self.spread + rate * (off - self.spread) };
        Self { factor, spread, seen: self.seen + 1.0 }
    }

    /// By how much counts are raised: four mean distances cover nearly all.
    fn margin(self) -> f64 {
        (4.0 * self.spread).clamp(4.0 * EXACT_MARGIN, 0.3)
    }
}

/// Counts texts for one model.
pub struct Counter<'a> {
    tokenizer: Tokenizer,
    /// Whether its counts are exact; while the vocabulary is on its way they are estimates.
    exact: bool,
    ready: bool,
    model: &'a str,
    store: &'a dyn Store,
    now: Now,
}

impl<'a> Counter<'a> {
    /// A counter for `model`, with what `store` remembers of it.
    #[must_use]
    pub fn of(model: &'a Model, store: &'a dyn Store, now: Now) -> Self {
        let tokenizer = Tokenizer::of(model);
        let ready = tokenizer.is_ready();
        Self { tokenizer, exact: ready && tokenizer.is_exact(), ready, model: &model.name, store, now }
    }

    /// The same, waiting for the vocabulary if need be.
    #[must_use]
    pub fn warmed(model: &'a Model, store: &'a dyn Store, now: Now) -> Self {
        Tokenizer::of(model).warm();
        Self::of(model, store, now)
    }

    /// The tokens of `text`, without the margin.
    #[must_use]
    pub fn count(&self, text: &str) -> u64 {
        let counted = if self.ready { self.tokenizer.near(text) } else { estimate(text) };
        if self.tokenizer.is_exact() {
            counted
        } else {
            (counted as f64 * self.learned(text).factor).ceil() as u64
        }
    }

    /// The input tokens of `request`, without the margin.
    ///
    /// # Errors
    /// The request does not decode.
    pub fn request(&self, request: &LazyRequest) -> Result<u64> {
        if self.exact {
            return near_request(request, self.tokenizer);
        }
        Ok(count_request(request.decoded()?, &|text| self.count(text)))
    }

    /// The tokens of `text`, margin included: what to plan with.
    #[must_use]
    pub fn safe(&self, text: &str) -> u64 {
        let margin = if self.exact { EXACT_MARGIN } else { self.learned(text).margin() };
        (self.count(text) as f64 * (1.0 + margin)).ceil() as u64
    }

    fn learned(&self, text: &str) -> Learned {
        let kept = |class: &str| self.store.get(&key(self.model, class), self.now);
        let own = kept(class_of(text)).or_else(|| kept("all"));
        own.as_ref().and_then(Learned::from_json).unwrap_or(UNLEARNED)
    }

    /// Cuts `text` to about `most` tokens of this model.
    #[must_use]
    pub fn cut(&self, text: &str, most: u64, keep_end: bool) -> String {
        let factor = if self.tokenizer.is_exact() { 1.0 } else { self.learned(text).factor };
        let most = (most as f64 / factor) as u64;
        if self.ready {
            return self.tokenizer.cut(text, most, keep_end);
        }
        let share = most as f64 / (estimate(text) as f64 * (1.0 + UNLEARNED.margin())).max(1.0);
        if share >= 1.0 {
            return text.to_owned();
        }
        let bytes = (text.len() as f64 * share) as usize;
        let kept = match keep_end {
            true => text.get(text.ceil_char_boundary(text.len() - bytes)..),
            false => text.get(..text.floor_char_boundary(bytes)),
        };
        kept.unwrap_or_default().to_owned()
    }
}

/// Learns from an answer: `model` was given `request` and its provider counted
/// `input` tokens. Models with a public tokenizer need not learn.
pub fn learn(store: &dyn Store, model: &Model, request: &Request, input: u64, now: Now) {
    let tokenizer = Tokenizer::of(model);
    if tokenizer.is_exact() {
        return;
    }
    // Nobody can count pictures and sound as the provider does.
    let plain =
        |part: &Part| !matches!(part, Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::Document(_));
    if !request.messages.iter().flat_map(|message| &message.parts).all(plain) {
        return;
    }
    // What the form and media add is not the tokenizer's doing.
    let fixed = count_request(request, &|_| 0);
    let counted = count_request(request, &|text| tokenizer.near(text)).saturating_sub(fixed);
    if counted < 20 || input <= fixed {
        return;
    }
    let ratio = (input - fixed) as f64 / counted as f64;
    let longest = request.messages.iter().map(|message| message.joined_text()).max_by_key(String::len);
    for class in [class_of(&longest.unwrap_or_default()), "all"] {
        let key = key(&model.name, class);
        let before = store.get(&key, now).as_ref().and_then(Learned::from_json).unwrap_or(UNLEARNED);
        let after = before.observe(ratio);
        store.put(&key, json!([after.factor, after.spread, after.seen]), None, now);
    }
}

fn key(model: &str, class: &str) -> String {
    format!("tokens/{model}/{class}")
}

/// The class of a text: tokenizers differ by script, and on code and data.
fn class_of(text: &str) -> &'static str {
    let head = text.get(..text.floor_char_boundary(4_000)).unwrap_or(text);
    let stats = text_stats(head);
    if stats.chars > 40 * stats.words.max(1) && stats.script == "latin" {
        return "data";
    }
    if stats.code_share > 0.4 || head.trim_start().starts_with(['{', '[']) { "code" } else { stats.script }
}
