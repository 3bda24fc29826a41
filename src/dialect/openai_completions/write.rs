//! A streamed answer to a client, onto the wire.

use serde_json::{Value, json};

use super::answer::{id_of, reason};
use super::logprobs;
use crate::dialect::openai_chat::error::encode_error;
use crate::dialect::openai_chat::fields::merge;
use crate::dialect::openai_chat::usage::usage_value;
use crate::dialect::{ReplyFacts, StreamEncoder, sound};
use crate::error::Error;
use crate::ir::{BESIDE, Dialect, Event, Logprobs, Usage};
use crate::sse::write_data;

/// Encodes chunks.
pub(super) struct Encoder {
    reply: ReplyFacts,
    /// Every chunk's fields besides choices and usage.
    head: Value,
    usage: Option<Usage>,
    /// Whether log probabilities came in this dialect's own form.
    weighed: bool,
    /// Characters of each choice whose log probabilities were told.
    told: Vec<(u32, usize)>,
}

impl Encoder {
    pub(super) fn new(reply: &ReplyFacts) -> Self {
        Self {
            reply: reply.clone(),
            head: head("", "", None, reply),
            usage: None,
            weighed: false,
            told: Vec::new(),
        }
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

impl Encoder {
    /// Log probabilities of another dialect's tokens.
    fn weigh(&mut self, choice: u32, all: &Logprobs, out: &mut Vec<u8>) {
        let said = self.told.iter().find(|(known, _)| *known == choice).map_or(0, |(_, said)| *said);
        let Some(lists) = logprobs::encode(all, said) else { return };
        let tokens = lists.get("tokens").and_then(Value::as_array).into_iter().flatten();
        let more: usize = tokens.filter_map(Value::as_str).map(|token| token.chars().count()).sum();
        self.told.retain(|(known, _)| *known != choice);
        self.told.push((choice, said + more));
        let choice = json!({ "index": choice, "text": "", "logprobs": lists, "finish_reason": null });
        self.send(&json!({ "choices": [choice] }), out);
    }

    fn opaque(&mut self, choice: u32, value: &Value, out: &mut Vec<u8>) {
        let Some(beside) = value.get(BESIDE) else {
            self.weighed |= value.pointer("/choices/0/logprobs").is_some();
            return self.send(value, out);
        };
        self.weighed |= beside.get("logprobs").is_some();
        let mut choice = json!({ "index": choice, "text": "", "finish_reason": null });
        merge(&mut choice, beside);
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
            Event::Logprobs { choice, logprobs } if !self.weighed => self.weigh(*choice, logprobs, out),
            Event::Finish { choice, finish } => self.send_choice(*choice, "", Some(reason(finish)), out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Opaque { dialect: Dialect::OpenAiCompletions, choice, value } => {
                self.opaque(*choice, value, out);
            }
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
