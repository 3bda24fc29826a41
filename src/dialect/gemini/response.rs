//! Whole answers: a provider's GenerateContentResponse to the canonical form,
//! the canonical form to a client's.
//!
//! Source: Gemini API reference "GenerateContentResponse", checked 2026-11-21.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::emit::{Emit, Names, object, string};
use super::part::{self, Ids};
use super::work::{self, Searches};
use super::{citation, error, finish, logprobs};
use crate::dialect::ReplyFacts;
use crate::error::{Error, Result};
use crate::ir::{Choice, Dialect, Extra, Finish, Message, Part, Response, Role, Ruler, Usage};

/// Decodes the body of a whole answer: one response, or the list of them that
/// streaming without SSE makes.
pub(super) fn decode(body: &[u8]) -> Result<Response> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut whole: Option<Response> = None;
    let mut ids = None;
    for value in list {
        let chunk = Chunk::of(value)?;
        let ids = ids.get_or_insert_with(|| Ids::of(&chunk.id));
        let next = chunk.response(ids);
        match &mut whole {
            None => whole = Some(next),
            Some(whole) => append(whole, next),
        }
    }
    let mut whole = whole.ok_or_else(|| Error::bad_answer("the provider's answer is empty"))?;
    if whole.choices.is_empty() {
        whole.choices.push(refused(&whole.extra)?);
    }
    for choice in &mut whole.choices {
        settle_finish(choice);
        let said = ruler(&choice.message);
        choice.message.citations =
            citation::decode(|name| choice.extra.get(name), &|bytes| said.chars_at(bytes));
    }
    Ok(whole)
}

/// The choice of an answer without candidates, where the prompt was blocked.
///
/// # Errors
/// `InvalidResponse`: it was not, so that nothing was answered.
fn refused(extra: &Extra) -> Result<Choice> {
    if !blocked(extra) {
        return Err(Error::no_answer("candidates"));
    }
    let message = Message::of(Role::Assistant, Vec::new());
    Ok(Choice { index: 0, message, finish: Some(Finish::ContentFilter), logprobs: None, extra: Extra::NONE })
}

/// Whether the prompt was blocked, so that there are no candidates.
fn blocked(extra: &Extra) -> bool {
    extra.get("promptFeedback").is_some_and(|feedback| feedback.get("blockReason").is_some())
}

/// `STOP` with tool calls waits for their results.
fn settle_finish(choice: &mut Choice) {
    if choice.finish == Some(Finish::Stop) && choice.message.tool_calls().next().is_some() {
        choice.finish = Some(Finish::ToolCalls);
    }
}

/// Appends a later piece of the same answer.
fn append(whole: &mut Response, next: Response) {
    whole.usage = next.usage.or(whole.usage);
    for (name, value) in next.extra.iter() {
        whole.extra.insert(name.clone(), value.clone());
    }
    for mut choice in next.choices {
        match whole.choices.iter_mut().find(|known| known.index == choice.index) {
            Some(known) => {
                known.message.parts.append(&mut choice.message.parts);
                known.finish = choice.finish.or(known.finish.take());
                for (name, value) in choice.extra.iter() {
                    known.extra.insert(name.clone(), value.clone());
                }
            }
            None => whole.choices.push(choice),
        }
    }
}

/// One GenerateContentResponse, taken apart: a whole answer or a piece of a streamed one.
#[derive(Debug)]
pub(super) struct Chunk {
    /// `responseId`; may be empty.
    pub(super) id: String,
    /// `modelVersion`; may be empty.
    pub(super) model: String,
    /// `createTime` as seconds since the Unix epoch.
    pub(super) created: Option<u64>,
    /// The candidates.
    pub(super) candidates: Vec<Candidate>,
    /// Tokens so far.
    pub(super) usage: Option<Usage>,
    /// Everything else.
    pub(super) rest: Map<String, Value>,
}

/// One candidate, taken apart.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) index: u32,
    /// Its parts as they stood on the wire.
    pub(super) parts: Vec<Value>,
    /// The name of its finish reason.
    pub(super) finish: Option<String>,
    /// Its `logprobsResult`, grounding, ratings and the like.
    pub(super) rest: Map<String, Value>,
}

impl Chunk {
    /// Takes `value` apart.
    ///
    /// # Errors
    /// The provider's own error where it stands in the answer; `InvalidResponse`
    /// when nothing of the protocol does.
    pub(super) fn of(value: Value) -> Result<Self> {
        let Value::Object(mut map) = value else {
            return Err(Error::bad_answer("the provider's answer is not an object"));
        };
        if map.get("error").is_some_and(|error| !error.is_null()) {
            return Err(error::of_value(&Value::Object(map)));
        }
        const KNOWN: [&str; 5] =
            ["candidates", "promptFeedback", "usageMetadata", "responseId", "modelVersion"];
        if !KNOWN.into_iter().any(|name| map.contains_key(name)) {
            return Err(Error::bad_answer("the provider's answer is not a generateContent response"));
        }
        let candidates = match map.shift_remove("candidates") {
            Some(Value::Array(list)) => list.into_iter().enumerate().map(Candidate::of).collect(),
            _ => Vec::new(),
        };
        let usage =
            map.get("usageMetadata").and_then(|usage| finish::Metadata::deserialize(usage).ok()?.usage());
        Ok(Self {
            id: string(&mut map, "responseId").unwrap_or_default(),
            model: string(&mut map, "modelVersion").unwrap_or_default(),
            created: map.get("createTime").and_then(Value::as_str).and_then(seconds),
            candidates,
            usage,
            rest: map,
        })
    }

    fn response(self, ids: &mut Ids) -> Response {
        let mut response = Response::new(Dialect::Gemini, self.id, self.model);
        response.created = self.created;
        response.choices = self.candidates.into_iter().map(|candidate| candidate.choice(ids)).collect();
        response.usage = self.usage;
        response.extra = Extra::of(self.rest);
        response
    }
}

impl Candidate {
    fn of((at, value): (usize, Value)) -> Self {
        let mut map = match value {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let index = map.shift_remove("index").and_then(|index| u32::try_from(index.as_u64()?).ok());
        let mut content = match map.shift_remove("content") {
            Some(Value::Object(content)) => content,
            _ => Map::new(),
        };
        let parts = match content.shift_remove("parts") {
            Some(Value::Array(parts)) => parts,
            _ => Vec::new(),
        };
        let reason = map.shift_remove("finishReason");
        Self {
            index: index.unwrap_or_else(|| u32::try_from(at).unwrap_or(0)),
            parts,
            finish: reason.as_ref().and_then(finish::name).map(str::to_owned),
            rest: map,
        }
    }

    fn choice(self, ids: &mut Ids) -> Choice {
        let mut parts = Vec::with_capacity(self.parts.len());
        self.parts.into_iter().for_each(|part| part::decode(part, ids, &mut parts));
        let finish = self.finish.as_deref().map(|name| finish::decode(name, false));
        let logprobs = self.rest.get("logprobsResult").and_then(logprobs::decode);
        let message = Message::of(Role::Assistant, parts);
        let mut extra = Extra::of(self.rest);
        if finish == Some(Finish::ContentFilter) {
            extra.insert("finishReason", self.finish.map_or(Value::Null, Value::from));
        }
        Choice { index: self.index, message, finish, logprobs, extra }
    }
}

/// Where bytes of the visible text of `message` are in characters.
fn ruler(message: &Message) -> Ruler {
    let mut ruler = Ruler::default();
    message.parts.iter().filter_map(Part::as_text).for_each(|text| ruler.add(text));
    ruler
}

/// Seconds since the Unix epoch of an RFC 3339 time.
fn seconds(text: &str) -> Option<u64> {
    u64::try_from(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp()).ok()
}

/// Answers call tools and never answer them: there is nothing to look up.
#[derive(Debug)]
pub(super) struct NoNames;

impl Names for NoNames {
    fn name(&self, _: &str) -> &str {
        ""
    }
}

/// Encodes a whole answer for a client.
pub(super) fn encode(response: &Response, reply: &ReplyFacts) -> Bytes {
    let same = response.dialect == Dialect::Gemini;
    let mut body = Map::new();
    if !same || !blocked(&response.extra) {
        let candidates = response.choices.iter().map(|choice| encode_choice(choice, same)).collect();
        body.insert("candidates".to_owned(), Value::Array(candidates));
    }
    if let Some(usage) = &response.usage {
        body.insert("usageMetadata".to_owned(), Value::Object(finish::encode_usage(usage)));
    }
    body.insert("modelVersion".to_owned(), Value::from(stated(&response.model, &reply.model)));
    body.insert("responseId".to_owned(), Value::from(stated(&response.id, &reply.request_id)));
    if same {
        body.extend(response.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    Bytes::from(Value::Object(body).to_string())
}

/// What the provider stated, else what we know.
pub(super) fn stated<'a>(theirs: &'a str, ours: &'a str) -> &'a str {
    if theirs.is_empty() { ours } else { theirs }
}

/// A part without the fields of another dialect, which this one's SDKs refuse.
fn bare(part: &Part) -> Part {
    let mut bare = part.clone();
    match &mut bare {
        Part::Text { extra, .. } => *extra = Extra::NONE,
        Part::Image(media) | Part::Audio(media) | Part::Video(media) | Part::Document(media) => {
            media.extra = Extra::NONE;
        }
        Part::ToolCall(call) => call.extra = Extra::NONE,
        Part::ToolResult(result) => result.extra = Extra::NONE,
        Part::Thinking(thinking) => thinking.extra = Extra::NONE,
        Part::Refusal(_) | Part::Opaque { .. } => {}
    }
    bare
}

fn encode_choice(choice: &Choice, same: bool) -> Value {
    let mut parts = Vec::new();
    let shown: Vec<Part>;
    let said = if same {
        &choice.message.parts
    } else {
        shown = choice.message.parts.iter().map(bare).collect();
        &shown
    };
    Emit { same: true, names: &NoNames, dropped: &mut Vec::new() }.parts(said, "", &mut parts);
    let mut content = Map::new();
    if !parts.is_empty() || !same {
        content.insert("parts".to_owned(), Value::Array(parts));
    }
    content.insert("role".to_owned(), Value::from("model"));
    let mut candidate = object([("content", Value::Object(content))]);
    if let Some(finish) = &choice.finish {
        candidate.insert("finishReason".to_owned(), Value::from(finish::encode(finish)));
    }
    candidate.insert("index".to_owned(), Value::from(choice.index));
    if same {
        candidate.extend(choice.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    } else {
        let said = ruler(&choice.message);
        let cited = citation::encode(&choice.message.citations, &|chars| said.bytes_at(chars));
        let mut searches = Searches::default();
        for part in &choice.message.parts {
            if let Part::Opaque { dialect, value } = part {
                crate::dialect::work::read(*dialect, value).into_iter().for_each(|work| searches.add(work));
            }
        }
        candidate.extend(searches.beside(cited).map(|all| (work::METADATA.to_owned(), all)));
        let result = choice.logprobs.as_ref().and_then(logprobs::encode);
        candidate.extend(result.map(|result| ("logprobsResult".to_owned(), result)));
    }
    Value::Object(candidate)
}
