//! A sense for texts: a small linear model over words and size, trained one
//! text at a time. It tells how much a prompt is like those that went badly.

use ahash::AHashMap;

/// Places for words; different words may share one.
const PLACES: usize = 4096;

/// Places for sizes and signs, before those of the words.
const SIGNS: usize = 64;

/// How fast it learns.
const RATE: f64 = 0.1;

/// How fast it forgets what is not confirmed.
const DECAY: f64 = 0.01;

/// A place that a text touches, and how much.
pub type Place = (usize, f64);

/// A linear model over the words, the size and the signs of a text. Holds the
/// places that it was given or has learned; the others are 0.
#[derive(Debug, Clone, Default)]
pub struct Sense {
    places: AHashMap<usize, Weight>,
}

/// What is known of a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// What the place adds.
    pub weight: f64,
    /// Sum of squared gradients: places that are often met move less.
    pub moved: f64,
}

impl Default for Weight {
    fn default() -> Self {
        Self { weight: 0.0, moved: 1.0 }
    }
}

impl Sense {
    /// A sense that knows these places.
    #[must_use]
    pub fn of(known: impl Iterator<Item = (usize, Weight)>) -> Self {
        Self { places: known.collect() }
    }

    /// What is known of a place.
    #[must_use]
    pub fn weight(&self, place: usize) -> Weight {
        self.places.get(&place).copied().unwrap_or_default()
    }

    /// What a text of these places leads to, on the scale of what was learned.
    #[must_use]
    pub fn tell(&self, places: &[Place]) -> f64 {
        places.iter().map(|(at, value)| self.weight(*at).weight * value).sum()
    }

    /// Learns that a text of these places led to `outcome`.
    pub fn learn(&mut self, places: &[Place], outcome: f64) {
        let told = self.tell(places);
        for (at, value) in places {
            let known = self.places.entry(*at).or_default();
            let gradient = (told - outcome) * value + DECAY * known.weight;
            known.moved += gradient * gradient;
            known.weight -= RATE * gradient / known.moved.sqrt();
        }
    }

    /// The places of a text.
    #[must_use]
    pub fn places(text: &str) -> Vec<Place> {
        places(text)
    }
}

/// The places that a text touches, and how much.
fn places(text: &str) -> Vec<Place> {
    let lower = text.to_lowercase();
    let mut words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1).collect();
    let (chars, many) = (text.chars().count().max(1) as f64, words.len().max(1) as f64);
    let numbers = words.iter().filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).count() as f64;
    let lines = text.lines().count() as f64;
    let sign = |at: usize, sign: &str| (at, f64::from(u8::from(text.contains(sign))));
    let mut places = vec![
        (0, 1.0),
        (1, chars.ln() / 7.0),
        (2, (chars.ln() / 7.0).powi(2)),
        (3, numbers / many),
        (4, numbers.min(10.0) / 10.0),
        (5, lines.min(20.0) / 20.0),
        sign(6, "%"),
        sign(7, "$"),
        sign(8, "="),
        sign(9, "not"),
        sign(10, "?"),
        (11, chars / many / 10.0),
    ];
    // One step of size each: the effect of length need not be straight.
    places.push((16 + ((chars.ln() * 3.0) as usize).min(SIGNS - 17), 0.5));
    words.sort_unstable();
    words.dedup();
    let weight = 1.0 / (words.len().max(1) as f64).sqrt();
    places.extend(words.iter().map(|word| (SIGNS + place(word), weight)));
    places
}

/// The place of a word (FNV-1a, the same on every machine).
fn place(word: &str) -> usize {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash % PLACES as u64) as usize
}
