//! What a model names as the source of what it says.

use std::sync::Arc;

use serde_json::Value;

use super::{Dialect, Part};

/// A source, and what rests on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Citation {
    /// The dialect in which it came.
    pub dialect: Dialect,
    /// The characters (Unicode code points) of the choice's visible text that
    /// rest on it, from the first to the one behind the last; absent where the
    /// provider does not say, or counts what cannot be counted here.
    pub range: Option<(u64, u64)>,
    /// The address of the source.
    pub url: Option<String>,
    /// The title of the source, or its file's name.
    pub title: Option<String>,
    /// The words of the source.
    pub quote: Option<String>,
    /// The provider's id of the file that is the source.
    pub file: Option<String>,
    /// How it stood on the wire, for clients of the same dialect; absent where
    /// it stood among what goes to them in another way.
    pub raw: Option<Arc<Value>>,
}

impl Citation {
    /// A citation of nothing yet.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        Self { dialect, range: None, url: None, title: None, quote: None, file: None, raw: None }
    }

    /// What it is called: its title, else its address, else its file.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        [&self.title, &self.url, &self.file].into_iter().find_map(Option::as_deref)
    }
}

/// The citations that stand at an answer's texts, in lists named `citations`:
/// `decode` makes one of a list's value and the characters of its text.
pub fn cited(parts: &[Part], decode: impl Fn(&Value, (u64, u64)) -> Citation) -> Vec<Citation> {
    let mut said = Extent::default();
    let mut citations = Vec::new();
    for part in parts {
        let Part::Text { text, extra } = part else { continue };
        let from = said.chars;
        said.add(text);
        let listed = extra.get("citations").and_then(Value::as_array).into_iter().flatten();
        citations.extend(listed.map(|value| decode(value, (from, said.chars))));
    }
    citations
}

/// How much visible text a choice has said: what ranges of citations count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Unicode code points.
    pub chars: u64,
}

impl Extent {
    /// Counts `text`.
    pub fn add(&mut self, text: &str) {
        self.chars += text.chars().count() as u64;
    }
}

/// Where bytes of a text are in characters, and the other way, for text that
/// comes piece by piece and is not kept: runs of characters of the same width.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruler {
    runs: Vec<Run>,
}

/// Characters of so many bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    width: u64,
    chars: u64,
}

impl Ruler {
    /// Counts `text`.
    pub fn add(&mut self, text: &str) {
        if text.is_ascii() {
            return self.run(1, text.len() as u64);
        }
        text.chars().for_each(|c| self.run(c.len_utf8() as u64, 1));
    }

    fn run(&mut self, width: u64, chars: u64) {
        match self.runs.last_mut() {
            Some(last) if last.width == width => last.chars += chars,
            _ if chars > 0 => self.runs.push(Run { width, chars }),
            _ => {}
        }
    }

    /// How many characters the first `bytes` are; one that is cut does not count.
    /// `None`: there are fewer.
    #[must_use]
    pub fn chars_at(&self, bytes: u64) -> Option<u64> {
        let (mut rest, mut chars) = (bytes, 0);
        for run in &self.runs {
            let within = (rest / run.width).min(run.chars);
            (rest, chars) = (rest - within * run.width, chars + within);
            if within < run.chars {
                return Some(chars);
            }
        }
        (rest == 0).then_some(chars)
    }

    /// How many bytes the first `chars` are. `None`: there are fewer.
    #[must_use]
    pub fn bytes_at(&self, chars: u64) -> Option<u64> {
        let (mut rest, mut bytes) = (chars, 0);
        for run in &self.runs {
            let within = rest.min(run.chars);
            (rest, bytes) = (rest - within, bytes + within * run.width);
        }
        (rest == 0).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters_of_any_text_are_told_apart_however_it_is_cut() {
        for text in ["", "plain", "Grüezi 東京. Zürich 🚂 too.", "é", "👩‍🚀é\u{301}x", "नमस्ते दुनिया"]
        {
            for piece in 1..=text.chars().count().max(1) {
                let letters: Vec<char> = text.chars().collect();
                let mut ruler = Ruler::default();
                letters.chunks(piece).for_each(|piece| ruler.add(&String::from_iter(piece)));
                for bytes in 0..=text.len() + 1 {
                    let within = text.floor_char_boundary(bytes);
                    let chars = text.get(..within).unwrap().chars().count() as u64;
                    let expected = (bytes <= text.len()).then_some(chars);
                    assert_eq!(ruler.chars_at(bytes as u64), expected, "{text:?} {bytes}");
                }
                for (chars, (at, _)) in text.char_indices().enumerate() {
                    assert_eq!(ruler.bytes_at(chars as u64), Some(at as u64), "{text:?} {chars}");
                }
                assert_eq!(ruler.bytes_at(letters.len() as u64), Some(text.len() as u64));
                assert_eq!(ruler.bytes_at(letters.len() as u64 + 1), None);
            }
        }
    }
}
