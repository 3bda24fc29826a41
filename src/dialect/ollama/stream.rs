//! A streamed answer of `/api/chat`: lines of JSON, the last one `done`.

use std::sync::Arc;

use super::response::{Line, read};
use crate::dialect::StreamDecoder;
use crate::error::{Error, Kind, Result};
use crate::ir::Event;
use crate::sse::Frame;

/// Decodes lines into events.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The time of the first line: makes ids of calls that have none.
    seed: Option<String>,
    calls: u32,
    ended: bool,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        match read(frame.data) {
            Ok(line) => self.line(line, out),
            Err(error) if error.kind == Kind::InvalidResponse => return Err(error),
            Err(error) => out.push(Event::Error(Box::new(error))),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<()> {
        if !self.ended {
            return Err(Error::broken_stream("the answer did"));
        }
        out.push(Event::Done);
        Ok(())
    }
}

impl Decoder {
    fn line(&mut self, mut line: Line, out: &mut Vec<Event>) {
        if self.seed.is_none() {
            let (id, model, created) = (String::new(), line.model.clone(), line.created());
            out.push(Event::Start { id, model, created });
        }
        let seed = self.seed.get_or_insert_with(|| line.created_at.clone());
        if let Some(text) = line.message.thinking.take().filter(|text| !text.is_empty()) {
            out.push(Event::Thinking { choice: 0, text });
        }
        if let Some(text) = line.message.content.take().filter(|text| !text.is_empty()) {
            out.push(Event::Text { choice: 0, text });
        }
        for picture in line.take_pictures() {
            out.push(Event::Media { choice: 0, part: Arc::new(picture) });
        }
        for call in line.take_calls(seed, self.calls as usize) {
            let (id, name, number) = (call.id, call.name, self.calls);
            self.calls += 1;
            out.push(Event::ToolCall { choice: 0, call: number, id, name, signature: None, custom: false });
            out.push(Event::ToolArguments { choice: 0, call: number, text: call.arguments });
        }
        if let Some(logprobs) = line.logprobs() {
            out.push(Event::Logprobs { choice: 0, logprobs });
        }
        if let Some(finish) = line.finish(self.calls > 0) {
            self.ended = true;
            out.push(Event::Finish { choice: 0, finish });
        }
        out.extend(line.usage().map(Event::Usage));
    }
}
