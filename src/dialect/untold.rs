//! What a client is not told of an answer because its dialect has no words for
//! it: one table for all encoders, so that nothing is lost in silence. Names
//! stand under `response.`, fields of requests stand without.
//!
//! The envelope is not reported: fingerprints, timings, tiers and echoes of the
//! request say nothing of the answer.

use serde_json::Value;

use super::openai_chat::citation::is_citation;
use super::{gemini, sound, work};
use crate::ir::{Choice, Citation, Dialect, Event, Extra, Of, Part, Response};

/// What a dialect has words for in an answer, besides text.
struct Words {
    thoughts: bool,
    calls: bool,
    pictures: bool,
    sound: bool,
    media: bool,
    logprobs: bool,
    choices: bool,
    cites: fn(&Citation) -> bool,
}

/// The words of a client's dialect.
const fn words(dialect: Dialect) -> Words {
    let all = Words {
        thoughts: true,
        calls: true,
        pictures: true,
        sound: false,
        media: false,
        logprobs: true,
        choices: true,
        cites: |citation| citation.url.is_some(),
    };
    match dialect {
        Dialect::OpenAiResponses => Words {
            choices: false,
            cites: |citation| citation.url.is_some() || citation.file.is_some(),
            ..all
        },
        Dialect::OpenAiCompletions => {
            Words { thoughts: false, calls: false, pictures: false, cites: |_| false, ..all }
        }
        Dialect::Anthropic => Words {
            pictures: false,
            logprobs: false,
            choices: false,
            cites: |citation| citation.label().is_some(),
            ..all
        },
        Dialect::Gemini => {
            Words { sound: true, media: true, cites: |citation| citation.label().is_some(), ..all }
        }
        Dialect::OpenAiChat => Words { sound: true, ..all },
        Dialect::Bedrock | Dialect::Cohere | Dialect::Ollama => all,
    }
}

/// What a client of `to` is not told of a whole answer, each name once.
#[must_use]
pub fn untold(response: &Response, to: Dialect) -> Vec<String> {
    let mut names = Names::default();
    if response.dialect == to {
        return names.0;
    }
    let words = words(to);
    if response.choices.len() > 1 && !words.choices {
        names.add("choices");
    }
    of_answer(&response.extra, &mut names);
    let told = if words.choices { usize::MAX } else { 1 };
    for choice in response.choices.iter().take(told) {
        of_choice(choice, to, &words, &mut names);
    }
    names.0
}

/// What a client of `to` is not told of one event of a stream, each name once.
#[must_use]
pub fn untold_event(event: &Event, to: Dialect) -> Vec<String> {
    let words = words(to);
    let mut names = Names::default();
    match event {
        Event::Text { choice, .. } if *choice > 0 && !words.choices => names.add("choices"),
        Event::Thinking { .. } if !words.thoughts => names.add("thinking"),
        Event::ThinkingSealed { thinking, .. } if !words.thoughts && !thinking.text.is_empty() => {
            names.add("thinking");
        }
        Event::ToolCall { .. } if !words.calls => names.add("tool_calls"),
        Event::Media { part, .. } if sound::stands_elsewhere(part, to) => {}
        Event::Media { part, .. } => of_part(part, to, &words, &mut names),
        Event::Logprobs { .. } if !words.logprobs => names.add("logprobs"),
        Event::Citation { citation, .. } if citation.dialect != to => {
            of_citation(citation, &words, &mut names);
        }
        Event::Opaque { dialect, value, .. } if *dialect != to => of_opaque(*dialect, value, to, &mut names),
        Event::Beside { dialect, of, fields } if *dialect != to => match of {
            Of::Call(_) => of_call(fields, &mut names),
            Of::Answer => of_answer(fields, &mut names),
            Of::Block => of_extra(fields, &mut names),
        },
        _ => {}
    }
    names.0
}

/// Names, each once.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn add(&mut self, name: &str) {
        let name = format!("response.{name}");
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }
}

/// Fields that are carried in a form of their own, or are no part of what is said.
const CARRIED: [&str; 19] = [
    "annotations",
    "audio",
    "avgLogprobs",
    "cache_control",
    "citationMetadata",
    "citations",
    "finishReason",
    "groundingMetadata",
    "id",
    "logprobs",
    "logprobsResult",
    "reasoning",
    "reasoning_content",
    "reasoning_text",
    "role",
    "safetyRatings",
    "status",
    "tokenCount",
    "type",
];

/// What fields of an answer as a whole say of it (Anthropic), besides its envelope.
const OF_ANSWER: [&str; 4] = ["container", "context_management", "input_transformations", "stop_details"];

fn of_answer(extra: &Extra, names: &mut Names) {
    let said = extra.iter().filter(|(name, value)| OF_ANSWER.contains(&name.as_str()) && says(value));
    said.for_each(|(name, _)| names.add(name));
}

/// A call that a program of the model's makes is answered otherwise than one of its own (Anthropic).
fn of_call(extra: &Extra, names: &mut Names) {
    let caller = extra.get("caller").and_then(|caller| caller.get("type")?.as_str());
    if caller.is_some_and(|kind| kind != "direct") {
        names.add("tool_calls.caller");
    }
}

fn of_choice(choice: &Choice, to: Dialect, words: &Words, names: &mut Names) {
    for part in &choice.message.parts {
        of_part(part, to, words, names);
    }
    for citation in &choice.message.citations {
        of_citation(citation, words, names);
    }
    let own_logprobs = choice.extra.is_lost("logprobs");
    if own_logprobs || (choice.logprobs.is_some() && !words.logprobs) {
        names.add("logprobs");
    }
    of_extra(&choice.message.extra, names);
    of_extra(&choice.extra, names);
    let grounding = choice.extra.get(gemini::work::METADATA);
    if grounding.and_then(gemini::work::searched).is_some_and(|work| !work.is_told(to)) {
        names.add(SEARCHED);
    }
}

fn of_citation(citation: &Citation, words: &Words, names: &mut Names) {
    if !(words.cites)(citation) {
        names.add(if citation.label().is_some() { "citations" } else { "citations.quote" });
    }
}

fn of_extra(extra: &Extra, names: &mut Names) {
    let annotations = extra.get("annotations").and_then(Value::as_array).into_iter().flatten();
    if annotations.filter(|value| !is_citation(value)).count() > 0 {
        names.add("annotations");
    }
    for (name, value) in extra.iter().filter(|(name, _)| !CARRIED.contains(&name.as_str())) {
        if says(value) {
            names.add(name);
        }
    }
}

/// Whether `value` says anything.
fn says(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

fn of_part(part: &Part, to: Dialect, words: &Words, names: &mut Names) {
    match part {
        Part::Text { extra, .. } => of_extra(extra, names),
        Part::Thinking(_) if !words.thoughts => names.add("thinking"),
        Part::ToolCall(_) if !words.calls => names.add("tool_calls"),
        Part::ToolCall(call) => of_call(&call.extra, names),
        Part::Image(_) if !words.pictures => names.add("image"),
        Part::Audio(_) if !words.sound && sound::data(part) != Some("") => names.add("audio"),
        Part::Video(_) if !words.media => names.add("video"),
        Part::Document(_) if !words.media => names.add("document"),
        Part::ToolResult(_) => names.add("tool_result"),
        // Parts of the client's own dialect do not come here.
        Part::Opaque { dialect, value } => of_opaque(*dialect, value, to, names),
        _ => {}
    }
}

/// Words that Gemini searched for.
const SEARCHED: &str = "groundingMetadata.webSearchQueries";

/// Something that one dialect knows: a part, or what its stream said in passing.
fn of_opaque(dialect: Dialect, value: &Value, to: Dialect, names: &mut Names) {
    let done = work::read(dialect, value).map(|work| (work.is_told(to), work));
    match done {
        Some((true, work)) if value.get("candidate").is_none() => {
            work.unsaid(to).into_iter().for_each(|name| names.add(name));
            return;
        }
        Some((false, _)) if value.get("candidate").is_some() => names.add(SEARCHED),
        _ => {}
    }
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    let fields = value.as_object();
    match dialect {
        Dialect::OpenAiResponses => match value.get("item") {
            // The picture is an event of its own.
            Some(item) if item.get("result").is_some_and(Value::is_string) => {}
            Some(item) if kind.ends_with(".done") => {
                names.add(item.get("type").and_then(Value::as_str).unwrap_or("item"));
            }
            // Signs of progress, and copies of the whole.
            Some(_) => {}
            // An item of an answer that was made whole.
            None if !kind.contains('.') => names.add(kind),
            // Sound is an event of its own.
            None => {}
        },
        Dialect::OpenAiChat | Dialect::OpenAiCompletions if kind.is_empty() => {
            let choice = value.pointer("/choices/0").and_then(Value::as_object);
            let delta = choice.and_then(|choice| choice.get("delta")?.as_object());
            // Lists of tokens in the completions' form are an event of their own.
            let listed = dialect == Dialect::OpenAiCompletions;
            let beside = choice.into_iter().flatten().filter(|(name, _)| *name == "logprobs" && !listed);
            // Sound is an event of its own.
            let delta = delta.into_iter().flatten().filter(|(name, _)| *name != "audio");
            let said = delta.chain(beside);
            said.for_each(|(name, _)| names.add(name));
        }
        Dialect::Gemini if value.get("promptFeedback").is_some() => {}
        Dialect::Gemini if value.get("candidate").is_some() => {
            let said = value.get("candidate").and_then(Value::as_object).into_iter().flatten();
            said.filter(|(name, _)| !CARRIED.contains(&name.as_str())).for_each(|(name, _)| names.add(name));
        }
        _ if !kind.is_empty() => names.add(kind),
        _ => {
            let mut members = fields.into_iter().flatten().map(|(name, _)| name);
            names.add(members.next().map_or("part", String::as_str));
        }
    }
}
