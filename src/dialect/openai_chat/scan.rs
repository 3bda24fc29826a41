//! Answers that are passed through as bytes: finds usage, errors and the end
//! without parsing what is plain content.
//!
//! Inside a JSON text a quote is escaped, so `"usage":` in the bytes is always
//! a key and never part of what the model said.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::usage::{decode_usage, read_usage};
use crate::dialect::Seen;
use crate::dialect::refusal::Report;
use crate::error::{Error, Result};
use crate::ir::Usage;
use crate::sse::Frame;

/// The parts of an answer or chunk that are read.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    x_groq: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
}

impl Head<'_> {
    fn usage(&self) -> Option<Usage> {
        let usage = self.usage.and_then(|raw| read_usage(raw.get()));
        usage.or_else(|| {
            let groq: Value = serde_json::from_str(self.x_groq?.get()).ok()?;
            decode_usage(groq.get("usage")?)
        })
    }

    fn has_error(&self) -> bool {
        self.error.is_some_and(|raw| !matches!(raw.get(), "null" | "\"\"" | "false"))
    }
}

/// Reads the usage of a whole answer.
///
/// # Errors
/// `InvalidResponse` when it is not this protocol; the provider's own error
/// when it hides in a 200.
pub(in crate::dialect) fn response(body: &[u8]) -> Result<Option<Usage>> {
    let body = body.trim_ascii();
    let head: Head<'_> = serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    if head.has_error() {
        return Err(Report::read(body).error(200));
    }
    if !head.choices.is_some_and(|choices| choices.get().starts_with('[')) {
        return Err(Error::bad_answer("the provider's answer has no list of `choices`"));
    }
    if CHOICE_ERROR.find(body).is_some() {
        super::response::decode(body)?;
    }
    Ok(head.usage())
}

static CHOICE_ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"finish_reason\""));

/// Keys whose value is content when it is neither empty nor `null`. The first
/// stands for `content` and `reasoning_content`.
static CONTENT: LazyLock<[Finder<'static>; 7]> = LazyLock::new(|| {
    [
        "content\"",
        "\"text\"",
        "\"tool_calls\"",
        "\"reasoning\"",
        "\"refusal\"",
        "\"function_call\"",
        "\"audio\"",
    ]
    .map(Finder::new)
});

/// Looks at one frame of a stream.
pub(in crate::dialect) fn frame(frame: &Frame<'_>, seen: &mut Seen) {
    let data = frame.data;
    if data == b"[DONE]" {
        seen.done = true;
        return;
    }
    let in_error = frame.event == "error";
    if in_error || holds(&CHOICE_ERROR, data) || holds(&USAGE, data) {
        read(data, in_error, seen);
    }
    if CONTENT.iter().any(|key| holds(key, data)) {
        seen.content = true;
        seen.content_frames += 1;
    }
    if holds(&FINISH, data) {
        seen.done = true;
    }
}

/// Whether a key stands in `data` with a value that is neither empty nor `null`.
fn holds(key: &Finder<'_>, data: &[u8]) -> bool {
    key.find_iter(data).any(|at| {
        let behind = data.get(at + key.needle().len()..).unwrap_or_default();
        let Some(value) = behind.trim_ascii_start().strip_prefix(b":") else { return false };
        let value = value.trim_ascii_start();
        match value {
            [b'"', rest @ ..] => rest.first() != Some(&b'"'),
            [open @ (b'[' | b'{'), rest @ ..] => rest.trim_ascii_start().first() != Some(&(open + 2)),
            _ => false,
        }
    })
}

/// Parses a frame that has usage or an error.
fn read(data: &[u8], in_error: bool, seen: &mut Seen) {
    let Ok(head) = serde_json::from_slice::<Head<'_>>(data) else { return };
    if let Some(usage) = head.usage() {
        seen.usage = Some(usage);
    }
    let choice_error = || {
        let choices: Vec<Value> = serde_json::from_str(head.choices?.get()).ok()?;
        choices.iter().find_map(|choice| choice.get("error").filter(|error| !error.is_null()).cloned())
    };
    if in_error || head.has_error() {
        seen.error = Some(Box::new(Report::read(data).error(200)));
    } else if let Some(error) = choice_error() {
        seen.error = Some(Box::new(Report::of(&error).error(200)));
    }
}
