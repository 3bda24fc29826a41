//! A provider's streamed answer, from the wire.

use std::sync::Arc;

use serde_json::{Value, json};

use super::logprobs;
use crate::dialect::StreamDecoder;
use crate::dialect::openai_chat::fields::{Fields, as_count};
use crate::dialect::openai_chat::response::{finish_named, hidden_error};
use crate::dialect::openai_chat::usage::decode_usage;
use crate::error::{Error, Result};
use crate::ir::{Dialect, Event};
use crate::sse::Frame;

/// Decodes chunks.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    ended: bool,
    /// Choices that have begun, and whether each said why it stopped.
    choices: Vec<(u32, bool)>,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        let data = frame.data.trim_ascii();
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            if self.choices.is_empty() {
                return Err(Error::no_answer("choices"));
            }
            self.ended = true;
            out.push(Event::Done);
            return Ok(());
        }
        let value: Value = serde_json::from_slice(data)
            .map_err(|at| Error::bad_answer(format!("a chunk of the provider's stream is not JSON: {at}")))?;
        if let Err(error) = hidden_error(&value) {
            self.ended = true;
            out.push(Event::Error(Box::new(error)));
            return Ok(());
        }
        self.chunk(Fields::of(value), out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        if !self.choices.is_empty() && self.choices.iter().all(|(_, finished)| *finished) {
            self.ended = true;
            out.push(Event::Done);
            return Ok(());
        }
        Err(Error::broken_stream("the answer was complete"))
    }
}

impl Decoder {
    fn chunk(&mut self, mut fields: Fields, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let id = fields.text("id").unwrap_or_default();
            let model = fields.text("model").unwrap_or_default();
            out.push(Event::Start { id, model, created: fields.lenient("created", as_count) });
        }
        for choice in fields.list("choices") {
            self.choice(Fields::of(choice), out);
        }
        if let Some(usage) = fields.take("usage").as_ref().and_then(decode_usage) {
            out.push(Event::Usage(usage));
        }
    }

    fn choice(&mut self, mut fields: Fields, out: &mut Vec<Event>) {
        let index =
            fields.lenient("index", as_count).map_or(0, |index| u32::try_from(index).unwrap_or(u32::MAX));
        if !self.choices.iter().any(|(known, _)| *known == index) {
            self.choices.push((index, false));
        }
        if let Some(text) = fields.text("text").filter(|text| !text.is_empty()) {
            out.push(Event::Text { choice: index, text });
        }
        if let Some(own) = fields.take("logprobs") {
            let logprobs = logprobs::decode(&own);
            let value = Arc::new(json!({ "choices": [{ "index": index, "text": "", "logprobs": own }] }));
            out.push(Event::Opaque { dialect: Dialect::OpenAiCompletions, choice: index, value });
            out.extend(logprobs.map(|logprobs| Event::Logprobs { choice: index, logprobs }));
        }
        let finish = fields.text("finish_reason").and_then(|name| finish_named(&name));
        let known = self.choices.iter_mut().find(|(known, finished)| *known == index && !finished);
        if let (Some(finish), Some((_, finished))) = (finish, known) {
            *finished = true;
            out.push(Event::Finish { choice: index, finish });
        }
    }
}
