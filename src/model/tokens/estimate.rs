//! The cheap estimate: one walk over a text, weighing what it meets by class.
//!
//! Weights are fitted to o200k, the tokenizer of most large models' kin; see
//! the test for how far off it is on each class of text.

use super::sample::{sample, scale};

/// What a stretch of text is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Lower,
    Upper,
    Digit,
    Mark,
    Wide,
}

/// Letters and digits without a space beyond this length are no word: encoded data.
const WORD: usize = 24;

/// Longest text that is walked whole, bytes; of a longer one samples are.
const WHOLE: usize = 256 << 10;

/// Estimates the tokens of `text`: typically within 10 % for a modern tokenizer.
#[must_use]
pub fn estimate(text: &str) -> u64 {
    let sample = sample(text, WHOLE);
    let tokens: f64 = sample.iter().map(|stretch| walk::<true>(stretch)).sum();
    (tokens * scale(text, &sample)).ceil() as u64
}

/// Walks over `text`; `WORDS`: with the short way over plain words, which comes to the same.
fn walk<const WORDS: bool>(text: &str) -> f64 {
    let mut walk = Walk::default();
    let mut rest = text;
    while let Some(first) = rest.as_bytes().first() {
        if WORDS && let Some(length) = walk.word(rest.as_bytes()) {
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let class = class_of(*first);
        let length = match class {
            Class::Mark => 1,
            Class::Wide => rest.chars().next().map_or(1, char::len_utf8),
            Class::Space | Class::Lower | Class::Upper | Class::Digit => {
                rest.as_bytes().iter().position(|byte| class_of(*byte) != class).unwrap_or(rest.len())
            }
        };
        let Some((run, after)) = rest.split_at_checked(length) else { break };
        walk.take(class, run);
        rest = after;
    }
    walk.end_run(Class::Space);
    walk.end_blob();
    walk.tokens
}

/// The walk: the run of one class that is under way, and the stretch without spaces around it.
struct Walk {
    tokens: f64,
    class: Class,
    length: usize,
    /// Whether the run of spaces holds the end of a line.
    newline: bool,
    /// Whether the run before this one was marks: they take the end of the line with them.
    marks_before: bool,
    blob: Blob,
}

/// A stretch of letters, digits and `+/=_-`: a word, or encoded data.
#[derive(Default)]
struct Blob {
    length: usize,
    digits: usize,
    /// Changes of class within it; what stands here before it begins does not count.
    changes: usize,
    /// Whether anything in it is no hexadecimal digit.
    beyond_hex: bool,
    /// Tokens counted when it began.
    before: f64,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            tokens: 0.0,
            class: Class::Space,
            length: 0,
            newline: false,
            marks_before: false,
            blob: Blob::default(),
        }
    }
}

impl Walk {
    /// Takes a space and the word of small letters behind it, which most text is made
    /// of; gives its length. The same as taking the two runs one after the other.
    fn word(&mut self, text: &[u8]) -> Option<usize> {
        let [b' ', word @ ..] = text else { return None };
        let mut beyond_hex = false;
        let end = word.iter().position(|byte| {
            beyond_hex |= (b'g'..=b'z').contains(byte);
            !byte.is_ascii_lowercase()
        });
        let length = end.unwrap_or(word.len());
        if length == 0 || self.class == Class::Space {
            return None;
        }
        self.end_run(Class::Space);
        self.blob.changes += 1;
        self.end_blob();
        (self.class, self.length, self.marks_before) = (Class::Lower, length, false);
        self.blob = Blob { length, beyond_hex, before: self.tokens, ..Blob::default() };
        Some(length + 1)
    }

    /// Takes characters of one class: a single mark, a single wide one, or a run of another class.
    fn take(&mut self, class: Class, run: &str) {
        // A capital and the letters after it are one piece: `fooBar` is `foo`, `Bar`.
        let joins =
            class == self.class || (self.class == Class::Upper && class == Class::Lower && self.length == 1);
        if !joins {
            self.end_run(class);
            self.blob.changes += 1;
        }
        self.class = class;
        match class {
            Class::Lower | Class::Upper | Class::Digit => self.blob.grow(run, class, self.tokens),
            Class::Mark if self.blob.length > 0 && matches!(run, "+" | "/" | "=" | "_" | "-") => {
                self.blob.grow(run, class, self.tokens);
            }
            Class::Space | Class::Mark | Class::Wide => self.end_blob(),
        }
        if class == Class::Wide {
            self.tokens += run.chars().map(weight).sum::<f64>();
            self.length = 0;
        } else {
            self.newline |= class == Class::Space && run.contains('\n');
            self.length += run.len();
        }
    }

    /// Adds what the run under way is worth, before one of class `next`.
    fn end_run(&mut self, next: Class) {
        let n = std::mem::take(&mut self.length) as f64;
        if n == 0.0 {
            return;
        }
        let newline = std::mem::take(&mut self.newline);
        let marks_before = std::mem::replace(&mut self.marks_before, self.class == Class::Mark);
        // A mark right before a letter is one piece with it: `(left`, `.len`.
        let joins_word = matches!(next, Class::Lower | Class::Upper);
        self.tokens += match self.class {
            // One space belongs to the word after it; more are one token.
            Class::Space if n <= 1.0 && !newline => 0.0,
            Class::Space if newline && marks_before => {
                if n <= 1.0 {
                    0.0
                } else {
                    0.7
                }
            }
            Class::Space => 1.0,
            Class::Lower | Class::Upper if n <= 6.0 => 1.0,
            Class::Lower => 1.0 + (n - 6.0) * 0.08,
            Class::Upper => n * 0.45,
            Class::Digit => (n / 3.0).ceil(),
            Class::Mark if joins_word => 0.35 + (n - 1.0) * 0.4,
            Class::Mark => 0.9 + (n - 1.0) * 0.2,
            Class::Wide => 0.0,
        };
    }

    /// Ends a stretch without spaces; encoded data is counted by its length instead.
    fn end_blob(&mut self) {
        let blob = &self.blob;
        // Identifiers change class rarely, encoded data every second character.
        if blob.length > WORD && blob.digits > 0 && blob.changes * 5 > blob.length {
            let per_token = if blob.beyond_hex { 1.5 } else { 1.74 };
            self.tokens = blob.before + blob.length as f64 / per_token;
        }
        self.blob.length = 0;
    }
}

impl Blob {
    fn grow(&mut self, run: &str, class: Class, tokens: f64) {
        if self.length == 0 {
            *self = Self { before: tokens, ..Self::default() };
        }
        self.length += run.len();
        self.digits += if class == Class::Digit { run.len() } else { 0 };
        self.beyond_hex = self.beyond_hex || !run.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
}

fn class_of(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Wide)
}

/// The class of every byte; those of characters outside ASCII are wide.
#[expect(clippy::indexing_slicing, reason = "made at compile time: a place beyond the end would not compile")]
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Wide; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' => Class::Space,
            b'a'..=b'z' => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'0'..=b'9' => Class::Digit,
            _ => Class::Mark,
        };
        byte += 1;
    }
    classes
};

/// Tokens a character outside ASCII.
fn weight(c: char) -> f64 {
    match u32::from(c) {
        // Latin with marks: within words mostly.
        0x80..=0x24F => 0.5,
        0x370..=0x52F => 0.28,
        // Hebrew, Arabic.
        0x590..=0x77F => 0.35,
        // The scripts of India.
        0x900..=0xDFF => 0.355,
        // Thai, Lao, Tibetan, Burmese.
        0xE00..=0x109F => 0.46,
        // General punctuation, arrows, mathematics, boxes.
        0x2000..=0x2BFF => 0.8,
        // Ideographic punctuation.
        0x3000..=0x303F => 0.8,
        0x3040..=0x30FF => 0.72,
        0x1100..=0x11FF | 0xAC00..=0xD7FF => 0.55,
        0x4E00..=0x9FFF => 0.69,
        0xFF00..=0xFFEF => 0.8,
        0x1F000..=0x1FAFF => 2.0,
        _ => 1.2,
    }
}

#[cfg(test)]
mod tests {
    use super::walk;

    /// Data whose last mark stands right before a word: one change more or less decides.
    #[test]
    fn a_space_ends_encoded_data_in_both_ways() {
        let text = "0=axxaxaaxxaxaxaaxxaax/A_ x";
        assert_eq!(walk::<true>(text).to_bits(), walk::<false>(text).to_bits());
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_comes_to_the_same(text in "([a-fxyz]{1,30}|[ ]{1,2}|[A-Z0-9+/=_.,\n\té世]){0,60}") {
            proptest::prop_assert_eq!(walk::<true>(&text).to_bits(), walk::<false>(&text).to_bits());
        }
    }
}
