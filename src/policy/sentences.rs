//! An answer's text as the sentences that it is made of, while it comes piece
//! by piece. Knows no stream and no policy; holds at most one sentence.

/// Longest sentence, bytes: what is longer is handed over in pieces, cut between
/// words where there is a space.
pub const LONGEST: usize = 4096;

/// Words before a full stop that does not end a sentence, besides single letters.
const SHORTENED: [&str; 8] = ["mr", "mrs", "ms", "dr", "prof", "st", "vs", "nr"];

/// One sentence, or a line of it: a line's end ends it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The spaces and ends of lines that stand before it.
    pub before: String,
    /// The sentence, without spaces before it; empty for spaces at the very end.
    pub text: String,
}

/// What is said in place of a sentence after `before`: one that was taken out
/// takes the space before it along.
#[must_use]
pub fn joined(before: String, text: &str) -> String {
    if text.is_empty() { String::new() } else { before + text }
}

/// Cuts text into sentences.
#[derive(Debug, Default)]
pub struct Sentences {
    held: String,
    /// Bytes of `held` in which no sentence ends.
    looked: usize,
}

impl Sentences {
    /// Takes more text. Take the sentences that it completes before the next.
    pub fn push(&mut self, text: &str) {
        self.held.push_str(text);
    }

    /// The next sentence that is complete.
    pub fn complete(&mut self) -> Option<Sentence> {
        match end(&self.held, self.looked) {
            Ok(end) => Some(self.take(end)),
            Err(_) if self.held.len() > LONGEST => {
                let within = self.held.get(..self.held.floor_char_boundary(LONGEST)).unwrap_or_default();
                let space = within.trim_end().rfind(char::is_whitespace).filter(|at| *at > LONGEST / 2);
                Some(self.take(space.unwrap_or(within.len())))
            }
            Err(looked) => {
                self.looked = looked;
                None
            }
        }
    }

    /// What is left at the end of the text, or before something else than text.
    pub fn rest(&mut self) -> Option<Sentence> {
        (!self.held.is_empty()).then(|| self.take(self.held.len()))
    }

    fn take(&mut self, end: usize) -> Sentence {
        let rest = self.held.split_off(end);
        let taken = std::mem::replace(&mut self.held, rest);
        self.looked = 0;
        let text = taken.trim_start();
        let before = taken.get(..taken.len() - text.len()).unwrap_or_default().to_owned();
        Sentence { before, text: text.to_owned() }
    }
}

/// Where the first sentence of `text` ends; `Err`: nowhere before this place,
/// from which to look again when there is more.
fn end(text: &str, from: usize) -> Result<usize, usize> {
    // Where a full stop or its like stands that ends the sentence if a space follows.
    let mut stop: Option<(usize, char)> = None;
    let mut begun = !text.get(..from).unwrap_or_default().trim_start().is_empty();
    for (at, c) in text.get(from..).unwrap_or_default().char_indices() {
        let at = from + at;
        match stop {
            Some(_) if is_stop(c) || closes(c) => {}
            Some(_) if c.is_whitespace() => return Ok(at),
            Some((_, mark)) if is_wide(mark) => return Ok(at),
            _ if c == '\n' && begun => return Ok(at),
            _ => {
                let ends = is_stop(c) && !is_shortened(text.get(..at).unwrap_or_default(), c);
                stop = ends.then_some((at, c));
            }
        }
        begun |= !c.is_whitespace();
    }
    Err(stop.map_or(text.len(), |(at, _)| at))
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '؟' | '।') || is_wide(c)
}

/// Marks after which no space is written.
fn is_wide(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡')
}

/// What may stand between the end of a sentence and the space after it.
fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '}' | '*' | '_' | '`' | '」' | '』' | '）' | '】')
}

/// Whether the full stop after `before` belongs to a word: `e.g.`, `J. Doe`,
/// `Dr.`, or to the number of an item: `1.`
fn is_shortened(before: &str, stop: char) -> bool {
    if stop != '.' {
        return false;
    }
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '[')).next();
    let word = word.unwrap_or_default();
    let letters = |part: &str| part.chars().count() == 1 && part.chars().all(char::is_alphabetic);
    let item = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) && before.trim_start() == word;
    item || word.split('.').all(letters) || SHORTENED.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences of `text`, given in pieces of so many bytes at most; each as `before|text`.
    fn cut(text: &str, piece: usize) -> Vec<Sentence> {
        let (mut sentences, mut found, mut rest) = (Sentences::default(), Vec::new(), text);
        while !rest.is_empty() {
            let first = rest.chars().next().unwrap().len_utf8();
            let (now, later) = rest.split_at(rest.floor_char_boundary(piece.min(rest.len())).max(first));
            sentences.push(now);
            rest = later;
            found.extend(std::iter::from_fn(|| sentences.complete()));
            assert!(sentences.held.len() <= LONGEST + piece);
        }
        found.extend(sentences.rest());
        found
    }

    #[test]
    fn sentences_end_where_a_reader_would_end_them_whatever_the_pieces() {
        let cases: [(&str, &[&str]); 16] = [
            ("One. Two! Three? Four", &["One.", "Two!", "Three?", "Four"]),
            ("It costs 3.14 USD. Fine.", &["It costs 3.14 USD.", "Fine."]),
            ("See e.g. example.com/a.html now.", &["See e.g. example.com/a.html now."]),
            ("Ask Dr. No or J. Doe. Then go.", &["Ask Dr. No or J. Doe.", "Then go."]),
            (
                "He said \"stop.\" Then \"go!\" (Really.) Yes",
                &["He said \"stop.\"", "Then \"go!\"", "(Really.)", "Yes"],
            ),
            ("1. First\n2. Second. Done\n", &["1. First", "2. Second.", "Done", ""]),
            ("Title\n\nBody one.\nBody two", &["Title", "Body one.", "Body two"]),
            ("今日は。明日も！「はい。」終わり", &["今日は。", "明日も！", "「はい。」", "終わり"]),
            ("Wait... what?! No", &["Wait...", "what?!", "No"]),
            ("**Bold.** Plain", &["**Bold.**", "Plain"]),
            ("In 1999. Then", &["In 1999.", "Then"]),
            ("नमस्ते। कैसे हो", &["नमस्ते।", "कैसे हो"]),
            ("   \n ", &[""]),
            ("\n\n. a", &[".", "a"]),
            ("", &[]),
            ("no end", &["no end"]),
        ];
        for (text, expected) in cases {
            for piece in 1..=text.len().max(1) {
                let found = cut(text, piece);
                let texts: Vec<&str> = found.iter().map(|one| one.text.as_str()).collect();
                assert_eq!(texts, expected, "{text:?} in pieces of {piece}");
                let whole: String = found.iter().flat_map(|one| [&*one.before, &*one.text]).collect();
                assert_eq!(whole, text, "nothing is lost");
            }
        }
    }

    #[test]
    fn a_sentence_beyond_the_cap_goes_in_pieces() {
        for (unit, between_words) in [("word ", true), ("x", false), ("語", false), (" ", false)] {
            let text = unit.repeat(20_000 / unit.len());
            for piece in [1, 7, 4096, 20_000] {
                let found = cut(&text, piece);
                assert!(found.len() > 3, "{unit:?}: {}", found.len());
                assert!(found.iter().all(|one| one.before.len() + one.text.len() <= LONGEST));
                let whole: String = found.iter().flat_map(|one| [&*one.before, &*one.text]).collect();
                assert_eq!(whole, text);
                assert!(
                    !between_words
                        || found
                            .iter()
                            .all(|one| one.text.trim_end().ends_with("word") || one.text.is_empty())
                );
            }
        }
    }
}
