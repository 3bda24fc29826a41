//! Tool calls that arrive in pieces. Servers differ: deltas with or without
//! `index`, ids that are empty, missing or repeated, whole calls in one delta.

use serde_json::Value;

use super::fields::{Fields, as_count};
use super::message::invented_id;
use crate::ir::Event;

/// The calls of one choice so far.
#[derive(Debug)]
pub(super) struct Calls {
    /// Makes invented ids differ between answers.
    seed: String,
    calls: Vec<Call>,
}

/// One call.
#[derive(Debug)]
struct Call {
    index: Option<u64>,
    /// The server's id; empty when it gave none.
    id: String,
    /// Whether its start was passed on.
    begun: bool,
    /// Arguments that came before the name.
    held: String,
    /// Whether any arguments came.
    argued: bool,
    closed: bool,
    custom: bool,
}

impl Call {
    /// Whether what came so far may still be `null`, which some servers send for no arguments.
    fn is_undecided(&self) -> bool {
        self.held.is_empty() || (!self.argued && !self.custom && "null".starts_with(self.held.trim()))
    }
}

impl Calls {
    pub(super) fn new(seed: String) -> Self {
        Self { seed, calls: Vec::new() }
    }

    /// Takes one element of a delta's `tool_calls`.
    pub(super) fn push(&mut self, mut delta: Fields, choice: u32, out: &mut Vec<Event>) {
        let index = delta.lenient("index", as_count);
        // Mistral's ids are `null` where there is none.
        let id = delta.text("id").filter(|id| id != "null").unwrap_or_default();
        let custom = delta.get("type").is_some_and(|kind| kind == "custom");
        let inner = delta.take("custom").or_else(|| delta.take("function")).unwrap_or_default();
        let mut inner = Fields::of(inner);
        let name = inner.text("name").unwrap_or_default();
        let text = match inner.take("arguments").or_else(|| inner.take("input")) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let signature = delta
            .get("extra_content")
            .and_then(|extra| extra.pointer("/google/thought_signature")?.as_str())
            .map(str::to_owned);
        let known = self.find(index, &id, &name);
        if known.is_none() && [&id, &name, &text].iter().all(|said| said.is_empty()) {
            // Nothing is said of a call that nobody began.
            return;
        }
        let at = known.unwrap_or_else(|| {
            let held = String::new();
            let id = id.clone();
            self.calls.push(Call { index, id, begun: false, held, argued: false, closed: false, custom });
            self.calls.len() - 1
        });
        let invented = invented_id(&self.seed, at);
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            call.id = id;
        }
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        if !call.begun && !name.is_empty() {
            call.begun = true;
            let id = if call.id.is_empty() { invented } else { call.id.clone() };
            out.push(Event::ToolCall { choice, call: number, id, name, signature, custom: call.custom });
        }
        call.held.push_str(&text);
        if call.begun && !call.is_undecided() {
            call.argued = true;
            let text = std::mem::take(&mut call.held);
            out.push(Event::ToolArguments { choice, call: number, text });
        }
    }

    /// Whether nothing was called.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The call that a delta continues; `None` when it begins one.
    fn find(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let same_id = |call: &Call| id.is_empty() || call.id.is_empty() || call.id == id;
        if index.is_some() {
            // Gemini's form of this dialect numbers every parallel call 0: a new id with a name is a new call.
            let at = self.calls.iter().rposition(|call| call.index == index)?;
            return self.calls.get(at).filter(|call| same_id(call) || name.is_empty()).map(|_| at);
        }
        if !id.is_empty() {
            return self.calls.iter().position(|call| call.id == id);
        }
        // Neither index nor id: a name begins a call, anything else goes on with the last.
        if name.is_empty() { self.calls.len().checked_sub(1) } else { None }
    }

    /// No more deltas come. Calls without arguments get `{}`, unless the answer was `cut`.
    pub(super) fn close(&mut self, cut: bool, choice: u32, out: &mut Vec<Event>) {
        for (at, call) in self.calls.iter_mut().enumerate().filter(|(_, call)| !call.closed) {
            call.closed = true;
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            if !call.begun {
                call.begun = true;
                let id = if call.id.is_empty() { invented_id(&self.seed, at) } else { call.id.clone() };
                let (name, custom) = (String::new(), call.custom);
                out.push(Event::ToolCall { choice, call: number, id, name, signature: None, custom });
            }
            let held = std::mem::take(&mut call.held);
            let text = match held.trim() {
                "" | "null" if !call.custom && (call.argued || cut) => continue,
                "" | "null" if !call.custom => "{}".to_owned(),
                "" => continue,
                _ => held,
            };
            out.push(Event::ToolArguments { choice, call: number, text });
        }
    }
}
