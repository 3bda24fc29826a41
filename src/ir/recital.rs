//! A whole answer told as a stream: for clients that asked for one where the
//! answer was made whole.

use std::sync::Arc;

use super::{Event, Finish, Part, Response};

impl Response {
    /// The events of this answer, from [`Event::Start`] to [`Event::Done`].
    #[must_use]
    pub fn recite(&self) -> Vec<Event> {
        let start = Event::Start { id: self.id.clone(), model: self.model.clone(), created: self.created };
        let mut events = vec![start];
        for choice in &self.choices {
            let mut call = 0;
            for part in &choice.message.parts {
                recite_part(part, choice.index, &mut call, &mut events);
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

fn recite_part(part: &Part, choice: u32, call: &mut u32, events: &mut Vec<Event>) {
    match part {
        Part::Text { text, .. } => events.push(Event::Text { choice, text: text.clone() }),
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
