//! An answer of `/api/chat`, whole or one line of a streamed one.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::dialect::anthropic::picture_type;
use crate::dialect::lenient::{count, lenient, nullable};
use crate::dialect::refusal::Report;
use crate::error::{Error, Result};
use crate::ir::{
    Choice, Dialect, Extra, Finish, Logprobs, Media, MediaSource, Message, Part, Response, Role, Thinking,
    ToolCall, Usage,
};

/// One answer or line on the wire.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) model: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) created_at: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) message: Said,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) done: bool,
    #[serde(default, deserialize_with = "lenient")]
    done_reason: Option<String>,
    #[serde(default, deserialize_with = "count")]
    prompt_eval_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    eval_count: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    logprobs: Option<Vec<Value>>,
    /// Durations and what else comes.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    pub(super) content: Option<String>,
    #[serde(default)]
    pub(super) thinking: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
    /// Pictures that the model made, as base64.
    #[serde(default)]
    images: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Call {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    function: Function,
}

#[derive(Debug, Default, Deserialize)]
struct Function {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default)]
    arguments: Value,
}

/// Reads a body or a line; an `error` in it is the provider's.
pub(super) fn read(data: &[u8]) -> Result<Line> {
    let bad = |at| Error::bad_answer(format!("the provider's answer is not a chat answer: {at}"));
    let value: Value = serde_json::from_slice(data).map_err(bad)?;
    if value.get("error").is_some_and(|error| !error.is_null()) {
        return Err(Report::of(&value).error(200));
    }
    Line::deserialize(value).map_err(bad)
}

impl Line {
    /// Tokens; said in the last line.
    pub(super) fn usage(&self) -> Option<Usage> {
        // Ollama leaves a count of zero out: that of a prompt that was cached whole, of an empty answer.
        let counted = self.eval_count.or(self.prompt_eval_count).is_some();
        let (input, output) = (self.prompt_eval_count.unwrap_or(0), self.eval_count.unwrap_or(0));
        counted.then(|| Usage { input, output, ..Usage::default() })
    }

    /// Why it ended. `calls`: whether tools were called, which Ollama names `stop`.
    pub(super) fn finish(&self, calls: bool) -> Option<Finish> {
        self.done.then_some(match self.done_reason.as_deref() {
            None | Some("stop") if calls => Finish::ToolCalls,
            None | Some("stop") => Finish::Stop,
            Some("length") => Finish::Length,
            Some(other) => Finish::Other(other.to_owned()),
        })
    }

    /// The seconds since the Unix epoch at which the line was made.
    pub(super) fn created(&self) -> Option<u64> {
        u64::try_from(OffsetDateTime::parse(&self.created_at, &Rfc3339).ok()?.unix_timestamp()).ok()
    }

    /// The tool calls; `before` many came in earlier lines, `seed` makes ids where there are none.
    pub(super) fn take_calls(&mut self, seed: &str, before: usize) -> Vec<ToolCall> {
        let calls = self.message.tool_calls.take().unwrap_or_default();
        let numbered = calls.into_iter().zip(before..);
        numbered.map(|(call, number)| call.canonical(seed, number)).collect()
    }

    /// The pictures.
    pub(super) fn take_pictures(&mut self) -> impl Iterator<Item = Part> + use<> {
        let pictures = self.message.images.take().unwrap_or_default().into_iter();
        pictures.map(|data| {
            let mime = picture_type(&data).to_owned();
            Part::Image(Media::of(MediaSource::Base64(data.into()), Some(mime)))
        })
    }

    /// Log probabilities in OpenAI's form, which is Ollama's own but for the frame.
    pub(super) fn logprobs(&mut self) -> Option<Logprobs> {
        let list = self.logprobs.take().filter(|list| !list.is_empty())?;
        Some(json!({"content": list, "refusal": null}))
    }
}

impl Call {
    fn canonical(self, seed: &str, number: usize) -> ToolCall {
        let made = || {
            let digits: String = seed.chars().filter(char::is_ascii_digit).collect();
            format!("call_{digits}_{number}")
        };
        let arguments = match self.function.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text,
            object => object.to_string(),
        };
        let id = self.id.filter(|id| !id.is_empty()).unwrap_or_else(made);
        ToolCall { id, name: self.function.name, arguments, ..ToolCall::default() }
    }
}

/// Decodes a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Response> {
    let mut line = read(body)?;
    let mut parts = Vec::new();
    if let Some(text) = line.message.thinking.take().filter(|text| !text.is_empty()) {
        parts.push(Part::Thinking(Thinking { text, ..Thinking::default() }));
    }
    if let Some(text) = line.message.content.take().filter(|text| !text.is_empty()) {
        parts.push(Part::text(text));
    }
    parts.extend(line.take_pictures());
    let seed = line.created_at.clone();
    let calls = line.take_calls(&seed, 0);
    let finish = line.finish(!calls.is_empty());
    parts.extend(calls.into_iter().map(Part::ToolCall));
    let mut response = Response::new(Dialect::Ollama, "", line.model.as_str());
    response.created = line.created();
    response.usage = line.usage();
    let logprobs = line.logprobs();
    let message = Message::of(Role::Assistant, parts);
    response.choices.push(Choice { index: 0, message, finish, logprobs, extra: Extra::NONE });
    response.extra = Extra::of(line.rest);
    Ok(response)
}
