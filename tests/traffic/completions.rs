//! Legacy completions as an independent reader sees them, by the documentation alone.

use pointsman::ir::Dialect;
use serde_json::{Value, json};

use crate::Wire;
use crate::chat::{finish, tokens};
use crate::gist::Gist;

pub const COMPLETIONS: Wire =
    Wire { dialect: Dialect::OpenAiCompletions, endpoints: &["completions"], whole, streamed, same_request };

fn whole(answer: &Value) -> Gist {
    streamed(std::slice::from_ref(answer))
}

fn streamed(frames: &[Value]) -> Gist {
    let mut gist = Gist::default();
    for frame in frames {
        gist.usage = tokens(&frame["usage"]).or(gist.usage);
        for choice in frame["choices"].as_array().into_iter().flatten() {
            let said = gist.choices.entry(choice["index"].as_u64().unwrap_or(0)).or_default();
            said.text += choice["text"].as_str().unwrap_or_default();
            said.finish = finish(&choice["finish_reason"]).or(said.finish.take());
        }
    }
    gist
}

fn same_request(request: &mut Value) {
    let Value::Object(fields) = request else { return };
    if let Some(stop) = fields.get_mut("stop").filter(|stop| stop.is_string()) {
        *stop = json!([stop]);
    }
    if fields.get("stream") == Some(&json!(false)) {
        fields.remove("stream");
    }
    if fields.contains_key("stream") {
        fields.entry("stream_options").or_insert_with(|| json!({}))["include_usage"] = true.into();
    }
}
