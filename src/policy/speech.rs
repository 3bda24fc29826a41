//! The words of one answer with what stands between them, as policies read
//! them: sentence by sentence, each part of the answer by itself. A sentence
//! goes on behind what comes in its middle. Knows no stream, no policy and
//! nothing of what stands between.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::Deserialize;

use super::sentences::{Sentence, Sentences, joined};

/// What may wait behind a sentence that is not complete, bytes: then the sentence ends.
const HELD: usize = 64 * 1024;

/// The part of an answer to which words belong: what `ctx.part` says in `on_text`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spoken {
    /// What the model says.
    #[default]
    Text,
    /// What it says where it declines.
    Refusal,
    /// Its reasoning, where it is shown.
    Reasoning,
}

impl Spoken {
    /// Its name in scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Refusal => "refusal",
            Self::Reasoning => "reasoning",
        }
    }
}

/// Words as they come, and as they go on; `T` is what stands between them.
#[derive(Debug)]
pub struct Speech<T> {
    /// The part that is being said, and what of it is no whole sentence yet.
    spoken: Spoken,
    sentences: Sentences,
    /// Sentences to ask about, in order.
    complete: VecDeque<Passage>,
    /// The sentence that is asked about.
    asked: Option<Passage>,
    /// What came, in order, and is not on its way.
    waiting: VecDeque<Item<T>>,
    /// Bytes of what stands in `waiting` besides words.
    held: usize,
    /// What goes out in place of a sentence that was changed.
    instead: Option<(Spoken, String)>,
    /// What becomes of the words at the front of `waiting`.
    fate: Fate,
}

/// One sentence of a part.
#[derive(Debug, Default)]
struct Passage {
    spoken: Spoken,
    sentence: Sentence,
    /// Whether it is one side of something that stands in a sentence, which was read whole before.
    piece: bool,
}

#[derive(Debug)]
enum Item<T> {
    /// So many bytes of a part's words.
    Words(Spoken, usize),
    Between {
        item: T,
        /// Whether a reader sees the words before and after it as apart.
        parts: bool,
        bytes: usize,
    },
}

#[derive(Debug)]
enum Fate {
    /// These words were read and go out as they came.
    Said(String),
    /// So many bytes go: something else was said instead.
    Gone(usize),
}

/// What comes next of a [`Speech`].
#[derive(Debug, PartialEq)]
pub enum Next<T> {
    /// These words go out.
    Words(Spoken, String),
    /// So does this.
    Between(T),
    /// This sentence is to be read: [`Speech::answer`] takes what is said instead.
    Ask(Spoken, String),
    /// Nothing, until more has come.
    More,
}

impl<T> Default for Speech<T> {
    fn default() -> Self {
        Self {
            spoken: Spoken::Text,
            sentences: Sentences::default(),
            complete: VecDeque::new(),
            asked: None,
            waiting: VecDeque::new(),
            held: 0,
            instead: None,
            fate: Fate::Gone(0),
        }
    }
}

impl<T> Speech<T> {
    /// More words of a part. Words of another part end the sentence.
    pub fn say(&mut self, spoken: Spoken, text: &str) {
        if text.is_empty() {
            return;
        }
        if spoken != self.spoken {
            self.rest();
            self.spoken = spoken;
        }
        self.sentences.push(text);
        while let Some(sentence) = self.sentences.complete() {
            self.complete.push_back(Passage { spoken, sentence, piece: false });
        }
        match self.waiting.back_mut() {
            Some(Item::Words(last, length)) if *last == spoken => *length += text.len(),
            _ => self.waiting.push_back(Item::Words(spoken, text.len())),
        }
    }

    /// Something of about so many bytes that stands between words; `parts`:
    /// a reader sees what is before and after it as apart.
    pub fn put(&mut self, item: T, parts: bool, bytes: usize) {
        self.waiting.push_back(Item::Between { item, parts, bytes });
        self.held += bytes;
        if self.held > HELD {
            self.rest();
        }
    }

    /// The sentence ends here, whole or not.
    pub fn rest(&mut self) {
        if let Some(sentence) = self.sentences.rest() {
            self.complete.push_back(Passage { spoken: self.spoken, sentence, piece: false });
        }
    }

    /// What comes next.
    pub fn advance(&mut self) -> Next<T> {
        if let Some((spoken, text)) = self.instead.take().filter(|(_, text)| !text.is_empty()) {
            return Next::Words(spoken, text);
        }
        loop {
            let Some(Item::Words(spoken, length)) = self.waiting.front_mut() else {
                let Some(Item::Between { item, bytes, .. }) = self.waiting.pop_front() else {
                    return Next::More;
                };
                self.held -= bytes;
                return Next::Between(item);
            };
            let spoken = *spoken;
            let said = match &mut self.fate {
                Fate::Gone(0) => None,
                Fate::Gone(bytes) => {
                    let gone = *length.min(bytes);
                    (*length, *bytes) = (*length - gone, *bytes - gone);
                    Some(String::new())
                }
                Fate::Said(text) if text.is_empty() => None,
                Fate::Said(text) => {
                    let rest = text.split_off(text.floor_char_boundary(*length));
                    let said = std::mem::replace(text, rest);
                    *length -= said.len();
                    Some(said)
                }
            };
            if *length == 0 {
                self.waiting.pop_front();
            }
            match said {
                Some(said) if said.is_empty() => {}
                Some(said) => return Next::Words(spoken, said),
                None => match self.complete.pop_front() {
                    None => return Next::More,
                    Some(Passage { sentence: Sentence { before, text }, .. }) if text.is_empty() => {
                        self.fate = Fate::Said(before);
                    }
                    Some(passage) => {
                        let ask = Next::Ask(passage.spoken, passage.sentence.text.clone());
                        self.asked = Some(passage);
                        return ask;
                    }
                },
            }
        }
    }

    /// What is said in place of the sentence that was asked about; whether that
    /// is something else. What stood in its middle then comes after it. One
    /// that stays as it is, and has something in its middle, is asked about
    /// once more side by side: together its sides may hide what each says.
    pub fn answer(&mut self, said: &str) -> bool {
        let Some(Passage { spoken, sentence: Sentence { before, text }, piece }) = self.asked.take() else {
            return false;
        };
        if said != text {
            self.fate = Fate::Gone(before.len() + text.len());
            self.instead = Some((spoken, joined(before, said)));
            return true;
        }
        let mut whole = before + text.as_str();
        let sides = if piece { Vec::new() } else { self.sides(whole.len()) };
        if sides.len() < 2 {
            self.fate = Fate::Said(whole);
            return false;
        }
        for length in sides.into_iter().rev() {
            let side = whole.split_off(whole.floor_char_boundary(whole.len().saturating_sub(length)));
            let words = side.trim_start().to_owned();
            let before = side.get(..side.len() - words.len()).unwrap_or_default().to_owned();
            let sentence = Sentence { before, text: words };
            self.complete.push_front(Passage { spoken, sentence, piece: true });
        }
        false
    }

    /// A policy ends the answer at the sentence that was asked about: its last
    /// words, which are text whatever was read.
    pub fn stop(&mut self, message: &str) -> String {
        match self.asked.take() {
            Some(Passage { spoken: Spoken::Text, sentence, .. }) => sentence.before + message,
            _ => message.to_owned(),
        }
    }

    /// Bytes of the first `rest` bytes of words on each side of what parts them.
    fn sides(&self, mut rest: usize) -> Vec<usize> {
        let mut sides = vec![0];
        for item in &self.waiting {
            match item {
                Item::Words(_, length) => {
                    let taken = rest.min(*length);
                    rest -= taken;
                    if let Some(side) = sides.last_mut() {
                        *side += taken;
                    }
                }
                Item::Between { parts: true, .. } if sides.last() != Some(&0) => sides.push(0),
                Item::Between { .. } => {}
            }
            if rest == 0 {
                break;
            }
        }
        sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads what `script` says with `policy`; words as they go out, things between as `<x>`.
    fn read(script: &[&'static str], policy: impl Fn(&str) -> String) -> (String, Vec<String>) {
        let (mut speech, mut out, mut asked) = (Speech::default(), String::new(), Vec::new());
        let mut drain = |speech: &mut Speech<&'static str>| loop {
            match speech.advance() {
                Next::Words(_, text) => out.push_str(&text),
                Next::Between(item) => out.push_str(item),
                Next::Ask(spoken, text) => {
                    asked.push(format!("{}:{text}", spoken.name()));
                    speech.answer(&policy(&text));
                }
                Next::More => break,
            }
        };
        for step in script.iter().copied() {
            match step.split_once(':') {
                Some(("r", text)) => speech.say(Spoken::Reasoning, text),
                Some(("n", text)) => speech.say(Spoken::Refusal, text),
                _ if step.starts_with('<') => speech.put(step, !step.starts_with("<cite"), 100),
                _ => speech.say(Spoken::Text, step),
            }
            drain(&mut speech);
        }
        speech.rest();
        drain(&mut speech);
        assert!(speech.waiting.is_empty() && speech.held == 0, "{speech:?}");
        (out, asked)
    }

    #[test]
    fn a_sentence_goes_on_behind_what_stands_in_it() {
        let withhold = |text: &str| match text.split_once("4111") {
            Some((before, after)) if !after.starts_with('9') => format!("{before}[x]{after}"),
            _ => text.to_owned(),
        };
        type Row = (&'static [&'static str], &'static str, &'static [&'static str]);
        let rows: [Row; 8] = [
            // As it was: everything keeps its place, and each side is read by itself too.
            (
                &["Say. It ", "is <", "<call>", "> so."],
                "Say. It is <<call>> so.",
                &["text:Say.", "text:It is <> so.", "text:It is <", "text:> so."],
            ),
            // Changed: in front of what stood in it.
            (
                &["It is 41", "<call>", "11. Yes."],
                "It is [x].<call> Yes.",
                &["text:It is 4111.", "text:Yes."],
            ),
            // A side by itself says what both together hide.
            (
                &["No 4", "<call>", "4111", "<call>", "9 "],
                "No 4<call>[x]<call>9 ",
                &["text:No 441119 ", "text:No 4", "text:4111", "text:9 "],
            ),
            // A source does not part words.
            (&["It is", "<cite>", " so.", "<cite>"], "It is<cite> so.<cite>", &["text:It is so."]),
            // Another part of the answer does.
            (
                &["r:Let me see 4", "r:111", "He", "n:No 4111.", "y."],
                "Let me see [x]HeNo [x].y.",
                &["reasoning:Let me see 4111", "text:He", "refusal:No 4111.", "text:y."],
            ),
            (&["<a>", "<b>"], "<a><b>", &[]),
            (&["Ah.", "<a>", " ", "<b>", "\n"], "Ah.<a> <b>\n", &["text:Ah."]),
            (&["No 4111.", "<a>", " B"], "No [x].<a> B", &["text:No 4111.", "text:B"]),
        ];
        for (script, expected, sentences) in rows {
            let (out, asked) = read(script, withhold);
            assert_eq!(out, expected, "{script:?}");
            assert_eq!(asked, sentences, "{script:?}");
        }
    }

    #[test]
    fn what_waits_behind_a_sentence_is_bounded() {
        let mut speech = Speech::default();
        speech.say(Spoken::Text, "No end");
        speech.put(0, true, 1000);
        assert_eq!(speech.advance(), Next::More);
        speech.put(1, true, HELD);
        assert_eq!(speech.advance(), Next::Ask(Spoken::Text, "No end".to_owned()));
        speech.answer("No end");
        assert_eq!(speech.advance(), Next::Words(Spoken::Text, "No end".to_owned()));
        assert_eq!(
            (speech.advance(), speech.advance(), speech.advance()),
            (Next::Between(0), Next::Between(1), Next::More)
        );
    }

    #[test]
    fn last_words_are_text_whatever_was_read() {
        for (spoken, expected) in [(Spoken::Text, " no"), (Spoken::Reasoning, "no"), (Spoken::Refusal, "no")]
        {
            let mut speech = Speech::<()>::default();
            speech.say(spoken, " Hm.\n");
            assert!(matches!(speech.advance(), Next::Ask(..)));
            assert_eq!(speech.stop("no"), expected);
        }
    }
}
