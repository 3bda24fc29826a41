//! Every request to every provider: it arrives, or what does not is reported.

use pointsman::dialect::{self, PathFacts, Quirks, Target};
use pointsman::error;
use pointsman::ir::{CacheLife, Caching, Dialect};
use serde_json::{Value, json};

use crate::requests::{Kind, request};

/// What must arrive: marked texts, and the numbers of sampling.
fn marks(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with('{') && text.contains("mk-") => {
            marks(&serde_json::from_str(text).unwrap(), found);
        }
        Value::String(text) => {
            if let Some(at) = text.find("mk-") {
                // Inline files keep their bytes, whatever stands before them.
                let own = text.rsplit(',').next().unwrap_or(text);
                found.push(if own.ends_with("mk-") { own.to_owned() } else { text[at..].to_owned() });
            }
        }
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(list) => list.iter().for_each(|value| marks(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| marks(value, found)),
        _ => {}
    }
}

/// Models of each provider's dialect whose rules apply.
fn model(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "claude-sonnet-4-5",
        Dialect::Bedrock => "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        Dialect::Gemini => "gemini-3-flash",
        Dialect::Cohere => "command-a",
        Dialect::Ollama => "qwen3",
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompletions => "gpt-5-mini",
    }
}

/// What one cell of the matrix gives: a body and what was dropped, or a refusal.
pub fn cell(from: Dialect, body: &Value, to: Dialect) -> Result<(String, Vec<String>), error::Error> {
    let path = PathFacts { model: Some("m"), stream: false };
    let request = dialect::inbound(from).unwrap().decode_request(body.to_string().as_bytes(), path)?;
    let quirks = Quirks::default();
    let target = Target { model: model(to), max_output_tokens: Some(64_000), quirks: &quirks };
    let wire = dialect::outbound(to).unwrap().encode_request(&request, &target)?;
    Ok((String::from_utf8(wire.body.to_vec()).unwrap(), wire.dropped))
}

#[test]
fn what_does_not_arrive_is_reported() {
    let mut wrong = Vec::new();
    let mut cells = 0;
    for from in Dialect::ALL {
        for kind in Kind::ALL {
            let Some(body) = request(from, kind) else { continue };
            let mut expected = Vec::new();
            marks(&body, &mut expected);
            for to in Dialect::ALL {
                cells += 1;
                let name = format!("{kind:?} from {} to {}", from.name(), to.name());
                match cell(from, &body, to) {
                    Ok((sent, dropped)) => {
                        let lost: Vec<&String> =
                            expected.iter().filter(|mark| !sent.contains(*mark)).collect();
                        if !lost.is_empty() && dropped.is_empty() {
                            wrong.push(format!("{name}: lost {lost:?} in silence: {sent}"));
                        }
                        if from == to && !(lost.is_empty() && dropped.is_empty()) {
                            wrong.push(format!("{name}: lost {lost:?}, dropped {dropped:?}: {sent}"));
                        }
                    }
                    Err(refused) if refused.kind == error::Kind::Unsupported && from != to => {}
                    Err(refused) => wrong.push(format!("{name}: {refused:?}")),
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_dialect_and_no_kind_is_left_out() {
    for dialect in Dialect::ALL {
        let speaks = dialect::inbound(dialect).is_some();
        assert_eq!(request(dialect, Kind::Plain).is_some(), speaks, "{}", dialect.name());
    }
    for kind in Kind::ALL {
        let of: Vec<&str> =
            Dialect::ALL.iter().filter(|of| request(**of, kind).is_some()).map(|of| of.name()).collect();
        let alone = matches!(kind, Kind::Named);
        assert!(of.len() >= 2 || alone, "{kind:?} is asked by {of:?} alone");
    }
}

/// What a policy asks to be kept reaches providers that take it, in their words, and harms nobody else.
#[test]
fn prompts_are_kept_where_providers_take_it() {
    let body = json!({
        "model": "m", "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hello" }],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
    });
    let inbound = dialect::inbound(Dialect::OpenAiChat).unwrap();
    let mut request = inbound.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap();
    request.caching = Caching { key: Some("team".to_owned()), prefix: Some(CacheLife::Hour) };
    let sent = |to: Dialect, quirks: Quirks| -> Value {
        let target = Target { model: model(to), max_output_tokens: Some(64_000), quirks: &quirks };
        let wire = dialect::outbound(to).unwrap().encode_request(&request, &target).unwrap();
        let hints = wire.dropped.iter().any(|path| path.contains("cach"));
        assert!(!hints, "{}: a hint is no field of the client's: {:?}", to.name(), wire.dropped);
        serde_json::from_slice(&wire.body).unwrap()
    };
    let hour = json!({ "type": "ephemeral", "ttl": "1h" });
    let anthropic = sent(Dialect::Anthropic, Quirks::default());
    for place in ["/tools/0", "/system/0", "/messages/0/content/0"] {
        assert_eq!(anthropic.pointer(place).unwrap()["cache_control"], hour, "{place}");
    }
    let bedrock = sent(Dialect::Bedrock, Quirks::default());
    let point = json!({ "cachePoint": { "type": "default", "ttl": "1h" } });
    for place in ["/toolConfig/tools/1", "/system/1", "/messages/0/content/1"] {
        assert_eq!(bedrock.pointer(place), Some(&point), "{place}");
    }
    let keyed = sent(Dialect::OpenAiChat, Quirks { cache_key: true, ..Quirks::default() });
    assert_eq!(keyed["prompt_cache_key"], "team");
    assert_eq!(
        sent(Dialect::OpenAiResponses, Quirks { cache_key: true, ..Quirks::default() })["prompt_cache_key"],
        "team"
    );
    let marked = sent(Dialect::OpenAiChat, Quirks { cache_marks: true, ..Quirks::default() });
    assert_eq!(marked["messages"][0]["content"][0]["cache_control"], hour);
    assert_eq!(marked["messages"][1]["content"][0]["cache_control"], hour);
    for to in Dialect::ALL.into_iter().filter(|to| !matches!(to, Dialect::Anthropic | Dialect::Bedrock)) {
        let text = sent(to, Quirks::default()).to_string();
        assert!(!text.contains("cache"), "{}: {text}", to.name());
    }
}
