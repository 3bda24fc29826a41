//! A streamed answer to a client, onto the wire.

use serde_json::{Value, json};

use super::answer::{id_of, reason};
use crate::dialect::openai_chat::error::encode_error;
use crate::dialect::openai_chat::fields::merge;
use crate::dialect::openai_chat::usage::usage_value;
use crate::dialect::{ReplyFacts, StreamEncoder, sound};
use crate::error::Error;
use crate::ir::{BESIDE, Dialect, Event, Usage};
use crate::sse::write_data;

/// Encodes chunks.
pub(super) struct Encoder {
    reply: ReplyFacts,
    /// Every chunk's fields besides choices and usage.
    head: Value,
    usage: Option<Usage>,
}

impl Encoder {
    pub(super) fn new(reply: &ReplyFacts) -> Self {
        Self { reply: reply.clone(), head: head("", "", None, reply), usage: None }
    }

    fn send(&self, fields: &Value, out: &mut Vec<u8>) {
        let mut chunk = self.head.clone();
        merge(&mut chunk, fields);
        write_data(out, chunk.to_string().as_bytes());
    }

    fn send_choice(&self, choice: u32, text: &str, finish: Option<&str>, out: &mut Vec<u8>) {
        let choice = json!({ "index": choice, "text": text, "logprobs": null, "finish_reason": finish });
        self.send(&json!({ "choices": [choice] }), out);
    }
}

fn head(id: &str, model: &str, created: Option<u64>, reply: &ReplyFacts) -> Value {
    json!({
        "id": id_of(id, reply),
        "object": "text_completion",
        "created": created.unwrap_or(reply.created),
        "model": if model.is_empty() { &reply.model } else { model },
    })
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created } => self.head = head(id, model, *created, &self.reply),
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.send_choice(*choice, text, None, out);
            }
            Event::Media { choice, part } => {
                if let Some(words) = sound::words(part) {
                    self.send_choice(*choice, words, None, out);
                }
            }
            Event::Finish { choice, finish } => self.send_choice(*choice, "", Some(reason(finish)), out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Opaque { dialect: Dialect::OpenAiCompletions, choice, value } => match value.get(BESIDE) {
                Some(beside) => {
                    let mut choice = json!({ "index": choice, "text": "", "finish_reason": null });
                    merge(&mut choice, beside);
                    self.send(&json!({ "choices": [choice] }), out);
                }
                None => self.send(value, out),
            },
            Event::Error(error) => self.fail(error, out),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            // Thoughts and tool calls have no place in a text.
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(usage) = self.usage.filter(|_| self.reply.include_usage) {
            self.send(&json!({ "choices": [], "usage": usage_value(&usage, None) }), out);
        }
        write_data(out, b"[DONE]");
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        write_data(out, &encode_error(error));
    }
}
