//! A whole answer told as a stream: for clients that asked for one where the
//! answer was made whole.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Citation, Dialect, Event, Extent, Finish, Of, Part, Response};

/// Under this name a recital has the extra fields of a message and its choice.
pub const BESIDE: &str = "beside";

impl Response {
    /// The events of this answer, from its fields and [`Event::Start`] to [`Event::Done`].
    #[must_use]
    pub fn recite(&self) -> Vec<Event> {
        let start = Event::Start { id: self.id.clone(), model: self.model.clone(), created: self.created };
        let mut events = Vec::new();
        if !self.extra.is_empty() {
            events.push(Event::Beside { dialect: self.dialect, of: Of::Answer, fields: self.extra.clone() });
        }
        events.push(start);
        for choice in &self.choices {
            let mut call = 0;
            let mut said = Extent::default();
            let mut cited: Vec<&Citation> = choice.message.citations.iter().collect();
            let all = choice.message.parts.iter().rposition(|part| part.as_text().is_some());
            for (at, part) in choice.message.parts.iter().enumerate() {
                recite_part(part, (self.dialect, choice.index), &mut call, &mut events);
                let Some(text) = part.as_text() else { continue };
                said.add(text);
                // A source is named as soon as all that rests on it is said.
                cited.retain(|citation| {
                    let due = all == Some(at) || citation.range.is_some_and(|(_, end)| end <= said.chars);
                    if due {
                        let citation = Arc::new((*citation).clone());
                        events.push(Event::Citation { choice: choice.index, citation });
                    }
                    !due
                });
            }
            let beside = choice.message.extra.iter().chain(choice.extra.iter());
            let beside: Map<String, Value> =
                beside.map(|(name, value)| (name.clone(), value.clone())).collect();
            if !beside.is_empty() {
                let value = Arc::new(json!({ BESIDE: beside }));
                events.push(Event::Opaque { dialect: self.dialect, choice: choice.index, value });
            }
            if let Some(logprobs) = &choice.logprobs {
                events.push(Event::Logprobs { choice: choice.index, logprobs: logprobs.clone() });
            }
            let finish = choice.finish.clone().unwrap_or(Finish::Stop);
            events.push(Event::Finish { choice: choice.index, finish });
        }
        events.extend(self.usage.map(Event::Usage));
        events.push(Event::Done);
        events
    }
}

fn recite_part(part: &Part, (dialect, choice): (Dialect, u32), call: &mut u32, events: &mut Vec<Event>) {
    match part {
        Part::Text { text, extra } => {
            if choice == 0 && !extra.is_empty() {
                events.push(Event::Beside { dialect, of: Of::Block, fields: extra.clone() });
            }
            events.push(Event::Text { choice, text: text.clone() });
        }
        Part::Refusal(text) => events.push(Event::Refusal { choice, text: text.clone() }),
        Part::Thinking(thinking) => {
            if !thinking.text.is_empty() {
                events.push(Event::Thinking { choice, text: thinking.text.clone() });
            }
            if thinking.signature.is_some() || thinking.id.is_some() || !thinking.extra.is_empty() {
                let sealed = super::Thinking { text: String::new(), ..thinking.clone() };
                events.push(Event::ThinkingSealed { choice, thinking: sealed });
            }
        }
        Part::ToolCall(tool) => {
            if choice == 0 && !tool.extra.is_empty() {
                events.push(Event::Beside { dialect, of: Of::Call(*call), fields: tool.extra.clone() });
            }
            events.push(Event::ToolCall {
                choice,
                call: *call,
                id: tool.id.clone(),
                name: tool.name.clone(),
                signature: tool.signature.clone(),
                custom: tool.custom,
            });
            events.push(Event::ToolArguments { choice, call: *call, text: tool.arguments.clone() });
            *call += 1;
        }
        Part::Opaque { dialect, value } => {
            events.push(Event::Opaque { dialect: *dialect, choice, value: value.clone() });
        }
        Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::Document(_) => {
            events.push(Event::Media { choice, part: Arc::new(part.clone()) });
        }
        // Answers have none.
        Part::ToolResult(_) => {}
    }
}
