//! How OpenAI's dialects hang together: their forms differ, the manner in which
//! they are read and written does not. Each is a table of its own functions.

use bytes::Bytes;
use serde_json::Value;

use super::openai_chat::caching::KEY;
use super::openai_chat::error::encode_error;
use super::{
    Framing, Inbound, Outbound, PathFacts, Quirks, ReplyFacts, Seen, StreamDecoder, StreamEncoder, Target,
    Wire,
};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Extra, Request, Response, Usage};
use crate::sse::Frame;

/// Fields of a request that chat and responses have by one name and with one
/// meaning; but for the key of the cache, vendors that look alike do not know them.
/// Source: OpenAI, Python SDK, `CompletionCreateParams`, `ResponseCreateParams`, checked 2026-11-22.
const SHARED: [&str; 6] = [
    "moderation",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
];

/// Values that ask for nothing: they are the defaults, or what other providers do anyway.
/// Source: OpenAI API reference "Create response", "Create chat completion", checked 2026-11-22.
fn asks_nothing(name: &str, value: &Value) -> bool {
    match name {
        "store" | "background" => *value == false,
        "truncation" => value == "disabled",
        "service_tier" => value == "auto" || value == "default",
        "modalities" => value.as_array().is_some_and(|list| list.iter().all(|one| one == "text")),
        _ => false,
    }
}

/// Says of those fields of a request which hold such a value that nobody misses them.
pub(super) fn tell_defaults(extra: &mut Extra) {
    let told = extra.iter().filter(|(name, value)| asks_nothing(name, value)).map(|(name, _)| name.clone());
    told.collect::<Vec<_>>().into_iter().for_each(|name| extra.tell(&name));
}

/// How long an answer shall be; responses have it in `text`.
pub(super) const VERBOSITY: &str = "verbosity";

/// Whether the extra field `name` goes from one of OpenAI's dialects to the other as it is.
pub(super) fn is_shared(request: &Request, name: &str, quirks: &Quirks) -> bool {
    is_kin(request) && (name == KEY || (quirks.cache_key && SHARED.contains(&name)))
}

/// Whether the vendor knows the [`VERBOSITY`] that the other of OpenAI's dialects asks for.
pub(super) fn has_verbosity(request: &Request, quirks: &Quirks) -> bool {
    is_kin(request) && quirks.cache_key
}

fn is_kin(request: &Request) -> bool {
    matches!(request.dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses)
}

/// One of OpenAI's dialects, both sides. The fields are what [`Inbound`] and
/// [`Outbound`] call by the same names.
pub(super) struct OpenAi {
    pub(super) dialect: Dialect,
    pub(super) has_plain_talks: bool,
    pub(super) decode_request: fn(&[u8]) -> Result<Request>,
    pub(super) encode_response: fn(&Response, &ReplyFacts) -> Bytes,
    pub(super) stream_encoder: fn(&ReplyFacts) -> Box<dyn StreamEncoder>,
    pub(super) encode_request: fn(&Request, &Target<'_>) -> Result<Wire>,
    pub(super) pass_through: fn(&Bytes, &Target<'_>) -> Option<Wire>,
    pub(super) decode_response: fn(&[u8]) -> Result<Response>,
    pub(super) stream_decoder: fn() -> Box<dyn StreamDecoder>,
    pub(super) scan_response: fn(&[u8]) -> Result<Option<Usage>>,
    pub(super) scan_frame: fn(&Frame<'_>, &mut Seen),
}

impl Inbound for OpenAi {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn has_plain_talks(&self) -> bool {
        self.has_plain_talks
    }

    fn decode_request(&self, body: &[u8], _path: PathFacts<'_>) -> Result<Request> {
        (self.decode_request)(body)
    }

    fn encode_response(&self, response: &Response, reply: &ReplyFacts) -> Bytes {
        (self.encode_response)(response, reply)
    }

    fn stream_encoder(&self, reply: &ReplyFacts) -> Box<dyn StreamEncoder> {
        (self.stream_encoder)(reply)
    }

    fn encode_error(&self, error: &Error, _request_id: &str) -> Bytes {
        encode_error(error)
    }
}

impl Outbound for OpenAi {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        (self.encode_request)(request, target)
    }

    fn pass_through(&self, raw: &Bytes, target: &Target<'_>, _stream: bool) -> Option<Wire> {
        (self.pass_through)(raw, target)
    }

    fn decode_response(&self, body: &[u8]) -> Result<Response> {
        (self.decode_response)(body)
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        (self.stream_decoder)()
    }

    fn scan_response(&self, body: &[u8]) -> Result<Option<Usage>> {
        (self.scan_response)(body)
    }

    fn scan_frame(&self, frame: &Frame<'_>, seen: &mut Seen) {
        (self.scan_frame)(frame, seen);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::{inbound, outbound};

    /// What `to` is sent of `more` in a request of `from`, and what is reported.
    fn sent(from: Dialect, to: Dialect, more: &Value, quirks: &Quirks) -> (Value, Vec<String>) {
        let mut body = match from {
            Dialect::OpenAiChat => json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] }),
            Dialect::OpenAiResponses => json!({ "model": "m", "input": "hi" }),
            _ => json!({ "model": "m", "prompt": "hi" }),
        };
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request =
            inbound(from).unwrap().decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap();
        let target = Target { model: "m", max_output_tokens: None, quirks };
        let wire = outbound(to).unwrap().encode_request(&request, &target).unwrap();
        (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
    }

    #[test]
    fn fields_of_one_meaning_go_between_openais_dialects() {
        let (chat, responses) = (Dialect::OpenAiChat, Dialect::OpenAiResponses);
        let own = Quirks { cache_key: true, ..Quirks::default() };
        let shared = json!({
            "service_tier": "flex", "store": true, "safety_identifier": "u", "prompt_cache_retention": "24h",
        });
        for (from, to) in [(chat, responses), (responses, chat)] {
            let (body, lost) = sent(from, to, &shared, &own);
            assert!(shared.as_object().unwrap().iter().all(|(name, value)| body[name] == *value), "{body}");
            assert!(lost.is_empty(), "{lost:?}");
            // Look-alikes refuse what they do not know.
            assert_eq!(sent(from, to, &shared, &Quirks::default()).1.len(), 4);
        }
        let (body, lost) = sent(
            chat,
            responses,
            &json!({ "verbosity": "low", "response_format": { "type": "json_object" } }),
            &own,
        );
        let text = json!({ "format": { "type": "json_object" }, "verbosity": "low" });
        assert_eq!((&body["text"], &body["store"], lost.len()), (&text, &json!(false), 0));
        let (body, lost) = sent(responses, chat, &json!({ "text": { "verbosity": "low" } }), &own);
        assert_eq!((&body["verbosity"], lost.len()), (&json!("low"), 0));
        let text = json!({ "text": { "format": { "type": "json_object" }, "verbosity": "low" } });
        assert_eq!(sent(responses, responses, &text, &own).0["text"]["verbosity"], "low");
    }

    #[test]
    fn log_probabilities_are_asked_for_in_each_dialects_words() {
        let include = json!(["message.output_text.logprobs"]);
        let (chat, responses, texts) =
            (Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::OpenAiCompletions);
        for (from, asked, to, name, expected) in [
            (responses, json!({ "include": include, "top_logprobs": 2 }), chat, "logprobs", json!(true)),
            (responses, json!({ "include": include, "top_logprobs": 2 }), texts, "logprobs", json!(2)),
            (
                responses,
                json!({ "include": ["reasoning.encrypted_content", include[0]] }),
                responses,
                "include",
                json!([include[0], "reasoning.encrypted_content"]),
            ),
            (chat, json!({ "logprobs": true, "top_logprobs": 3 }), texts, "logprobs", json!(3)),
            (chat, json!({ "logprobs": true }), responses, "include", include.clone()),
            (texts, json!({ "logprobs": 3 }), chat, "top_logprobs", json!(3)),
            (texts, json!({ "logprobs": 0 }), chat, "logprobs", json!(true)),
            (texts, json!({ "logprobs": 4 }), texts, "logprobs", json!(4)),
            (texts, json!({ "logprobs": 4 }), responses, "top_logprobs", json!(4)),
        ] {
            let (body, lost) = sent(from, to, &asked, &Quirks::default());
            assert_eq!((&body[name], lost.len()), (&expected, 0), "{asked} {body} {lost:?}");
        }
    }
}
