//! A sense for texts: a small linear model over words, size and signs, trained
//! one text at a time. It tells how much a prompt is like those that went badly.
//!
//! It keeps how far each of its weights is in doubt and moves the doubtful ones
//! most (a Kalman filter over weights): each text counts once, none has to be
//! shown again, and there is no rate to choose. Signs depend on each other (a
//! long text has many commas), so their doubts are kept together; those of the
//! many words are kept one by one.

use ahash::AHashMap;

/// Places for words; different words may share one.
const WORDS: usize = 4096;

/// Places for sizes and signs, before those of the words.
pub const SIGNS: usize = 15;

/// Variance of a sign's weight before anything was learned.
const SIGN_DOUBT: f64 = 0.01;

/// Variance of a word's weight before anything was learned.
const WORD_DOUBT: f64 = 0.05;

/// Variance of outcomes that nothing explains: that of a coin.
const NOISE: f64 = 0.25;

/// The part of the first doubt that comes back with each text, so that what was
/// learned long ago gives way: models change.
const DRIFT: f64 = 1e-4;

/// A place that a text touches, and how much.
pub type Place = (usize, f64);

/// What is known of a word's weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// What the word adds.
    pub weight: f64,
    /// Its variance.
    pub doubt: f64,
}

impl Default for Belief {
    fn default() -> Self {
        Self { weight: 0.0, doubt: WORD_DOUBT }
    }
}

/// What is known of all signs' weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signs {
    /// What each sign adds; those that are not here add 0.
    pub weights: Vec<f64>,
    /// Their covariance, row by row; empty before anything was learned.
    pub doubt: Vec<f64>,
}

/// A linear model over the words, the size and the signs of a text. Holds the
/// words that it was given or has learned; the others add 0.
#[derive(Debug, Clone, Default)]
pub struct Sense {
    signs: Signs,
    words: AHashMap<usize, Belief>,
}

impl Sense {
    /// A sense that knows these signs and the words at these places.
    #[must_use]
    pub fn of(signs: Signs, words: impl Iterator<Item = (usize, Belief)>) -> Self {
        Self { signs, words: words.collect() }
    }

    /// What is known of the signs.
    #[must_use]
    pub fn signs(&self) -> &Signs {
        &self.signs
    }

    /// What is known of the word at a place.
    #[must_use]
    pub fn word(&self, place: usize) -> Belief {
        self.words.get(&place).copied().unwrap_or_default()
    }

    /// What a text of these places leads to, on the scale of what was learned.
    #[must_use]
    pub fn tell(&self, places: &[Place]) -> f64 {
        let weight = |at: usize| {
            if at < SIGNS { self.signs.weights.get(at).copied().unwrap_or(0.0) } else { self.word(at).weight }
        };
        places.iter().map(|(at, value)| weight(*at) * value).sum()
    }

    /// Learns that a text of these places led to `outcome`.
    pub fn learn(&mut self, places: &[Place], outcome: f64) {
        let missed = outcome - self.tell(places);
        let (signs, words): (Vec<Place>, Vec<Place>) = places.iter().partition(|(at, _)| *at < SIGNS);
        let pull = self.signs.pull(&signs);
        let of_signs: f64 = signs.iter().map(|(at, value)| pull.get(*at).unwrap_or(&0.0) * value).sum();
        let of_words: f64 = words.iter().map(|(at, value)| self.word(*at).doubt * value * value).sum();
        let all = NOISE + of_signs + of_words;
        self.signs.learn(&pull, missed, all);
        for (at, value) in words {
            let known = self.words.entry(at).or_default();
            let pull = known.doubt * value;
            known.weight += pull * missed / all;
            known.doubt = (known.doubt - pull * pull / all + DRIFT * WORD_DOUBT).min(WORD_DOUBT);
        }
    }

    /// The places of a text.
    #[must_use]
    pub fn places(text: &str) -> Vec<Place> {
        let lower = text.to_lowercase();
        let mut words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1).collect();
        let signs = signs(text, &mut words);
        let weight = 1.0 / (words.len().max(1) as f64).sqrt();
        let words = words.iter().map(|word| (SIGNS + place(word), weight));
        signs.into_iter().enumerate().chain(words).collect()
    }
}

impl Signs {
    /// How far each weight is pulled by a text of these signs: covariance times values.
    fn pull(&mut self, values: &[Place]) -> Vec<f64> {
        if self.doubt.len() != SIGNS * SIGNS {
            let first = |at: usize| if at.is_multiple_of(SIGNS + 1) { SIGN_DOUBT } else { 0.0 };
            self.doubt = (0..SIGNS * SIGNS).map(first).collect();
        }
        self.doubt
            .chunks_exact(SIGNS)
            .map(|row| values.iter().map(|(at, value)| row.get(*at).unwrap_or(&0.0) * value).sum())
            .collect()
    }

    /// Moves along `pull`: the outcome was `missed` more than told, of variance `all`.
    fn learn(&mut self, pull: &[f64], missed: f64, all: f64) {
        self.weights.resize(SIGNS, 0.0);
        for (weight, pull) in self.weights.iter_mut().zip(pull) {
            *weight += pull * missed / all;
        }
        for (row, (doubts, one)) in self.doubt.chunks_exact_mut(SIGNS).zip(pull).enumerate() {
            for (column, (doubt, other)) in doubts.iter_mut().zip(pull).enumerate() {
                *doubt -= one * other / all;
                if row == column && *doubt < SIGN_DOUBT {
                    *doubt += DRIFT * SIGN_DOUBT;
                }
            }
        }
    }
}

/// Sizes and signs of a text of these words, about as large as 1 and near 0 for
/// a usual text. None knows a language. Leaves each word once.
fn signs(text: &str, words: &mut Vec<&str>) -> [f64; SIGNS] {
    let (chars, many) = (text.chars().count().max(1) as f64, words.len().max(1) as f64);
    let numbers = words.iter().filter(|word| word.starts_with(char::is_numeric)).count() as f64;
    words.sort_unstable();
    words.dedup();
    let count = |signs: &[char]| text.matches(signs).count() as f64;
    let sentences = sentences(text);
    let has = |sign: &str| f64::from(u8::from(text.contains(sign)));
    let size = chars.ln() - 5.5;
    [
        1.0,
        size,
        size * size / 2.0,
        numbers / many * 3.0,
        numbers.min(10.0) / 5.0,
        (text.lines().count() as f64).min(20.0) / 5.0,
        has("%"),
        has("$"),
        has("="),
        has("?"),
        (chars / many - 6.0) / 2.0,
        sentences.min(12.0) / 4.0,
        count(&[',', '，', '、', '،']).min(12.0) / 4.0,
        words.len() as f64 / many - 0.7,
        (chars / (sentences + 1.0)).ln() - 4.0,
    ]
}

/// How many sentences end in a text. A point within a number or a name ends none.
fn sentences(text: &str) -> f64 {
    let mut rest = text.chars().peekable();
    let mut ends = 0.0;
    while let Some(sign) = rest.next() {
        let spaced = || matches!(sign, '.' | '?' | '!' | '।' | '؟');
        if matches!(sign, '。' | '？' | '！')
            || spaced() && rest.peek().is_none_or(|next| next.is_whitespace())
        {
            ends += 1.0;
        }
    }
    ends
}

/// The place of a word (FNV-1a, the same on every machine).
fn place(word: &str) -> usize {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash % WORDS as u64) as usize
}
