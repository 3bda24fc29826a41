//! Function calls that are open, each an item of its own.

use serde_json::json;

use super::super::items;
use super::{Encoder, put};
use crate::ir::ToolCall;

/// A call of a function that is open.
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) index: usize,
    pub(super) call: ToolCall,
}

impl Encoder {
    /// Closes all calls with the arguments that came.
    pub(super) fn close_calls(&mut self, out: &mut Vec<u8>) {
        for Call { index, call, .. } in std::mem::take(&mut self.calls) {
            let id = self.item_id(index);
            let (kind, field) = call_names(call.custom);
            let done = json!({ "item_id": id, "output_index": index, field: call.arguments });
            self.send(&format!("response.{kind}.done"), done, out);
            let mut item = items::call_value(&call);
            put(&mut item, json!({ "id": id, "status": "completed" }));
            self.complete(index, item, out);
        }
    }

    /// More of the arguments of a call.
    pub(super) fn argue(&mut self, number: u32, piece: &str, out: &mut Vec<u8>) {
        let Some(open) = self.calls.iter_mut().find(|open| open.number == number) else { return };
        open.call.arguments.push_str(piece);
        let (index, (kind, _)) = (open.index, call_names(open.call.custom));
        let delta = json!({ "item_id": self.item_id(index), "output_index": index, "delta": piece });
        self.send(&format!("response.{kind}.delta"), delta, out);
    }
}

/// The event and the field of a call's arguments.
fn call_names(custom: bool) -> (&'static str, &'static str) {
    if custom { ("custom_tool_call_input", "input") } else { ("function_call_arguments", "arguments") }
}
