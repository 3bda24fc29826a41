//! Every request to every provider: it arrives, or what does not is reported.

use pointsman::dialect::{self, PathFacts, Quirks, Target};
use pointsman::error;
use pointsman::ir::Dialect;
use serde_json::Value;

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
fn cell(from: Dialect, body: &Value, to: Dialect) -> Result<(String, Vec<String>), error::Error> {
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
        assert!(of.len() >= 2, "{kind:?} is asked by {of:?} alone");
    }
}
