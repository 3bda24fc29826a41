//! Answers that are passed through as bytes: finds usage, errors and the end
//! without parsing what is plain content.
//!
//! Inside a JSON text a quote is escaped, so `"usage":` in the bytes is always
//! a key and never part of what the model said.

use std::sync::LazyLock;

use aho_corasick::packed;
use memchr::memmem::Finder;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::counts::Stated;
use super::usage::{decode_usage, timed};
use crate::dialect::Seen;
use crate::dialect::refusal::{Report, numbered, says};
use crate::error::{Error, Result};
use crate::ir::Usage;
use crate::sse::Frame;

/// The parts of an answer or chunk that are read.
#[derive(Deserialize)]
struct Head<'a> {
    usage: Option<Stated>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    x_groq: Option<&'a RawValue>,
    base_resp: Option<&'a RawValue>,
    #[serde(borrow)]
    timings: Option<&'a RawValue>,
    choices: Option<Listed>,
}

/// Where Groq's streams state usage, and an error that ends them early.
#[derive(Default, Deserialize)]
struct Groq {
    usage: Option<Stated>,
    #[serde(default)]
    error: Value,
}

/// Whether a value is a list with something in it.
struct Listed(bool);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(value: D) -> std::result::Result<Self, D::Error> {
        let raw: &RawValue = Deserialize::deserialize(value)?;
        let inner = raw.get().strip_prefix('[').map(str::trim_start);
        Ok(Self(inner.is_some_and(|inner| !inner.starts_with(']'))))
    }
}

impl Head<'_> {
    fn usage(&self) -> Option<Usage> {
        let stated = |usage: &Option<Stated>| usage.as_ref().and_then(|Stated(usage)| *usage);
        stated(&self.usage).or_else(|| stated(&self.groq().usage))
    }

    fn groq(&self) -> Groq {
        self.x_groq.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Usage out of timings, where nothing states it.
    fn timed(&self) -> Option<Usage> {
        timed(&serde_json::from_str(self.timings?.get()).ok()?)
    }

    /// An error that stands in no field `error`.
    fn numbered(&self) -> Option<Error> {
        numbered(&serde_json::from_str(self.base_resp?.get()).ok()?)
    }

    /// An error in Groq's place, or in a choice of `data`.
    fn beside(&self, data: &[u8]) -> Option<Value> {
        Some(self.groq().error).filter(says).or_else(|| in_choices(data, "error"))
    }

    fn has_error(&self) -> bool {
        self.error.and_then(|raw| serde_json::from_str(raw.get()).ok()).as_ref().is_some_and(says)
    }
}

/// Reads the usage of a whole answer.
///
/// # Errors
/// `InvalidResponse` when it is not this protocol; the provider's own error
/// when it hides in a 200.
pub(in crate::dialect) fn response(body: &[u8]) -> Result<Option<Usage>> {
    let body = body.trim_ascii();
    let text = std::str::from_utf8(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not UTF-8: {at}")))?;
    let head: Head<'_> = serde_json::from_str(text)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    if head.has_error() {
        return Err(Report::read(body).error(200));
    }
    if let Some(error) = head.numbered() {
        return Err(error);
    }
    if !matches!(head.choices, Some(Listed(true))) {
        return Err(Error::no_answer("choices"));
    }
    if CHOICE_ERROR.find(body).is_some()
        && let Some(error) = head.beside(body)
    {
        return Err(Report::of(&error).error(200));
    }
    Ok(head.usage().or_else(|| head.timed()))
}

static CHOICE_ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));

/// Keys that a frame is looked through for, all at once. The first five are
/// told apart; the value of the others is content when it is neither empty nor
/// `null`. `content"` stands for `content` and `reasoning_content`.
const KEYS: [&str; 12] = [
    "\"error\"",
    "\"usage\"",
    "\"base_resp\"",
    "\"timings\"",
    "\"finish_reason\"",
    "content\"",
    "\"text\"",
    "\"tool_calls\"",
    "\"reasoning\"",
    "\"refusal\"",
    "\"function_call\"",
    "\"audio\"",
];

/// Finds [`KEYS`]: with the processor's vectors, where it has them.
static FINDER: LazyLock<Keys> = LazyLock::new(|| match packed::Searcher::new(KEYS) {
    Some(searcher) => Keys::Packed(searcher),
    None => Keys::Each(KEYS.iter().map(Finder::new).collect()),
});

enum Keys {
    Packed(packed::Searcher),
    Each(Vec<Finder<'static>>),
}

impl Keys {
    /// Calls `found` with the place in [`KEYS`] of each key and with what stands behind it.
    fn each<'d>(&self, data: &'d [u8], mut found: impl FnMut(usize, &'d [u8])) {
        let mut at = |key: usize, end: usize| found(key, data.get(end..).unwrap_or_default());
        match self {
            Self::Packed(searcher) => {
                searcher.find_iter(data).for_each(|hit| at(hit.pattern().as_usize(), hit.end()));
            }
            Self::Each(finders) => {
                for (key, finder) in finders.iter().enumerate() {
                    finder.find_iter(data).for_each(|start| at(key, start + finder.needle().len()));
                }
            }
        }
    }
}

/// Looks at one frame of a stream.
pub(in crate::dialect) fn frame(frame: &Frame<'_>, seen: &mut Seen) {
    let data = frame.data;
    if data == b"[DONE]" {
        if !seen.done && !seen.content && seen.error.is_none() {
            seen.error = Some(Box::new(Error::no_answer("choices")));
        }
        seen.done = true;
        return;
    }
    let in_error = frame.event == "error";
    let (mut telling, mut content) = (in_error, false);
    FINDER.each(data, |key, behind| {
        if is_filled(behind) {
            match key {
                0..=3 => telling = true,
                4 => seen.done = true,
                _ => content = true,
            }
        }
    });
    if telling {
        read(data, in_error, seen);
    }
    if content {
        seen.content = true;
        seen.content_frames += 1;
    }
}

/// Whether a value stands `behind` a key that is neither empty nor `null`.
fn is_filled(behind: &[u8]) -> bool {
    let Some(value) = behind.trim_ascii_start().strip_prefix(b":") else { return false };
    match value.trim_ascii_start() {
        [b'"', rest @ ..] => rest.first() != Some(&b'"'),
        [open @ (b'[' | b'{'), rest @ ..] => rest.trim_ascii_start().first() != Some(&(open + 2)),
        _ => false,
    }
}

/// Parses a frame that has usage or an error.
fn read(data: &[u8], in_error: bool, seen: &mut Seen) {
    let Ok(head) = serde_json::from_slice::<Head<'_>>(data) else { return };
    if in_error || head.has_error() {
        seen.error = Some(Box::new(Report::read(data).error(200)));
    } else if CHOICE_ERROR.find(data).is_some() {
        seen.error =
            head.beside(data).map(|error| Box::new(Report::of(&error).error(200))).or(seen.error.take());
    }
    if let Some(error) = head.numbered() {
        seen.error = Some(Box::new(error));
    }
    // Moonshot's usage stands in the choice.
    let stated = head.usage().or_else(|| decode_usage(&in_choices(data, "usage")?));
    // What is timed grows, but not beyond what is stated.
    let counted = seen.usage.map_or(0, |usage| usage.output);
    let timed = || head.timed().filter(|usage| usage.output > counted);
    seen.usage = stated.or_else(timed).or(seen.usage);
}

/// What stands under `name` in one of the choices.
fn in_choices(data: &[u8], name: &str) -> Option<Value> {
    #[derive(Deserialize)]
    struct Choices {
        choices: Vec<Value>,
    }
    let Choices { choices } = serde_json::from_slice(data).ok()?;
    choices.iter().find_map(|choice| choice.get(name).filter(|value| says(value)).cloned())
}
