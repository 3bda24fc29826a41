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
    let tokens: f64 = sample.iter().map(|stretch| walk(stretch)).sum();
    (tokens * scale(text, &sample)).ceil() as u64
}

fn walk(text: &str) -> f64 {
    let mut walk = Walk::default();
    for c in text.chars() {
        walk.step(c);
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
    changes: usize,
    hex: usize,
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
    fn step(&mut self, c: char) {
        let class = class_of(c);
        // A capital and the letters after it are one piece: `fooBar` is `foo`, `Bar`.
        let joins =
            class == self.class || (self.class == Class::Upper && class == Class::Lower && self.length == 1);
        if !joins {
            self.end_run(class);
            if self.blob.length > 0 {
                self.blob.changes += 1;
            }
        }
        if c.is_ascii_alphanumeric() || (self.blob.length > 0 && matches!(c, '+' | '/' | '=' | '_' | '-')) {
            if self.blob.length == 0 {
                self.blob.before = self.tokens;
            }
            self.blob.length += 1;
            self.blob.digits += usize::from(c.is_ascii_digit());
            self.blob.hex += usize::from(c.is_ascii_hexdigit());
        } else {
            self.end_blob();
        }
        self.class = class;
        self.newline |= c == '\n';
        if class == Class::Wide {
            self.tokens += weight(c);
            self.length = 0;
        } else {
            self.length += 1;
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
        let blob = std::mem::take(&mut self.blob);
        // Identifiers change class rarely, encoded data every second character.
        if blob.length > WORD && blob.digits > 0 && blob.changes * 5 > blob.length {
            let per_token = if blob.hex == blob.length { 1.74 } else { 1.5 };
            self.tokens = blob.before + blob.length as f64 / per_token;
        }
    }
}

fn class_of(c: char) -> Class {
    match c {
        ' ' | '\t' | '\n' | '\r' => Class::Space,
        'a'..='z' => Class::Lower,
        'A'..='Z' => Class::Upper,
        '0'..='9' => Class::Digit,
        _ if c.is_ascii() => Class::Mark,
        _ => Class::Wide,
    }
}

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
