//! What matters of an answer, made twice: by an independent reader of the raw
//! JSON, and from what the product decoded. The two must agree.

use std::collections::BTreeMap;

use pointsman::ir::{Event, Finish, Part, Response, Usage};
use serde_json::Value;

/// What matters of an answer.
#[derive(Debug, Default, PartialEq, Clone)]
pub struct Gist {
    pub choices: BTreeMap<u64, Said>,
    pub usage: Option<Tokens>,
}

impl Gist {
    fn said(&mut self, choice: u32) -> &mut Said {
        self.choices.entry(u64::from(choice)).or_default()
    }
}

/// What matters of one choice.
#[derive(Debug, Default, PartialEq, Clone)]
pub struct Said {
    pub text: String,
    pub thoughts: String,
    pub refusal: String,
    /// Names and arguments: JSON where they parse, else the text.
    pub calls: Vec<(String, Value)>,
    pub finish: Option<String>,
}

/// What matters of usage.
#[derive(Debug, Default, PartialEq, Clone, Copy)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cached: u64,
    pub reasoning: u64,
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        let (cached, reasoning) = (usage.cached_input.unwrap_or(0), usage.reasoning.unwrap_or(0));
        Self { input: usage.input, output: usage.output, cached, reasoning }
    }
}

/// Arguments for comparing: none are `{}`, unless the answer was cut off.
pub fn arguments(text: &str, cut: bool) -> Value {
    match text.trim() {
        "" | "null" if !cut => serde_json::json!({}),
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    }
}

fn finish_name(finish: &Finish) -> String {
    match finish {
        Finish::Stop => "stop",
        Finish::StopSequence(_) => "stop sequence",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
        Finish::Refusal => "refusal",
        Finish::Pause => "pause",
        Finish::Other(name) => name,
    }
    .to_owned()
}

/// The gist of a decoded answer.
pub fn of_response(response: &Response) -> Gist {
    let mut gist = Gist { usage: response.usage.as_ref().map(Tokens::from), ..Gist::default() };
    for choice in &response.choices {
        let said = gist.choices.entry(u64::from(choice.index)).or_default();
        said.finish = choice.finish.as_ref().map(finish_name);
        let cut = choice.finish == Some(Finish::Length);
        for part in &choice.message.parts {
            match part {
                Part::Text { text, .. } => said.text.push_str(text),
                Part::Thinking(thought) => said.thoughts.push_str(&thought.text),
                Part::Refusal(text) => said.refusal.push_str(text),
                Part::ToolCall(call) => {
                    assert!(!call.id.is_empty(), "a call without an id");
                    said.calls.push((call.name.clone(), arguments(&call.arguments, cut)));
                }
                _ => {}
            }
        }
    }
    gist
}

/// The gist of decoded events.
pub fn of_events(events: &[Event]) -> Gist {
    let mut gist = Gist::default();
    let mut raw: BTreeMap<(u64, u32), (String, String)> = BTreeMap::new();
    for event in events {
        match event {
            Event::Text { choice, text } => gist.said(*choice).text.push_str(text),
            Event::Refusal { choice, text } => gist.said(*choice).refusal.push_str(text),
            Event::Thinking { choice, text } => gist.said(*choice).thoughts.push_str(text),
            Event::ThinkingSealed { choice, thinking } => {
                gist.said(*choice).thoughts.push_str(&thinking.text);
            }
            Event::Finish { choice, finish } => gist.said(*choice).finish = Some(finish_name(finish)),
            Event::ToolCall { choice, call, id, name, .. } => {
                assert!(!id.is_empty(), "a call without an id");
                gist.said(*choice);
                let fresh = raw.insert((u64::from(*choice), *call), (name.clone(), String::new()));
                assert!(fresh.is_none(), "a call that begins twice");
            }
            Event::ToolArguments { choice, call, text } => {
                let call = raw.get_mut(&(u64::from(*choice), *call)).expect("arguments of a call that began");
                call.1.push_str(text);
            }
            Event::Usage(usage) => gist.usage = Some(Tokens::from(usage)),
            _ => {}
        }
    }
    for ((choice, _), (name, text)) in raw {
        let said = gist.choices.entry(choice).or_default();
        let cut = said.finish.as_deref() == Some("length");
        said.calls.push((name, arguments(&text, cut)));
    }
    gist
}
