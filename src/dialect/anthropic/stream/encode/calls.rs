//! Tool calls of a stream: one after the other, whatever order their pieces come in.

use serde_json::{Value, json};

use super::{Encoder, Open, object};

/// A tool call and its arguments so far.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Call {
    /// Whether the arguments are all there.
    fn is_complete(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.arguments).is_ok()
    }
}

impl Encoder {
    /// A tool call begins: at once when no other is under way, else after it.
    pub(super) fn call(&mut self, call: Call, out: &mut Vec<u8>) {
        self.calls_tools = true;
        if matches!(&self.open, Open::Call(open) if !open.is_complete()) {
            self.waiting.push(call);
        } else {
            self.open_call(call, out);
        }
    }

    /// Begins a call, with the arguments that came while it waited.
    pub(super) fn open_call(&mut self, call: Call, out: &mut Vec<u8>) {
        let mut block = object(json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": {} }));
        let beside = self.of_calls.iter().filter(|(number, _)| *number == call.number);
        block.extend(
            beside.flat_map(|(_, fields)| fields.iter()).map(|(name, value)| (name.clone(), value.clone())),
        );
        let block = Value::Object(block);
        self.stop_block(out);
        let arguments = call.arguments.clone();
        self.start_block(&block, out);
        self.open = Open::Call(call);
        self.partial_json(&arguments, out);
    }

    /// More of the arguments of a call.
    pub(super) fn arguments(&mut self, number: u32, text: &str, out: &mut Vec<u8>) {
        if let Open::Call(open) = &mut self.open
            && open.number == number
        {
            open.arguments.push_str(text);
            let complete = !self.waiting.is_empty() && open.is_complete();
            self.partial_json(text, out);
            if complete {
                self.advance(out);
            }
        } else if let Some(call) = self.waiting.iter_mut().find(|call| call.number == number) {
            call.arguments.push_str(text);
        }
    }

    /// Opens waiting calls, each after the one before it is complete.
    fn advance(&mut self, out: &mut Vec<u8>) {
        while !self.waiting.is_empty() && !matches!(&self.open, Open::Call(open) if !open.is_complete()) {
            let next = self.waiting.remove(0);
            self.open_call(next, out);
        }
    }

    /// Arguments of the open call.
    pub(super) fn partial_json(&mut self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.delta(&json!({ "type": "input_json_delta", "partial_json": text }), out);
        }
    }
}
