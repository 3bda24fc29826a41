//! What a request says of reasoning, to and from the wire.

use serde_json::{Map, Value};

use super::fields::Fields;
use crate::ir::{Effort, Extra, Reasoning};

/// The fields in which clients of this dialect speak of reasoning: OpenAI's
/// first, OpenRouter's object and flag, and the switch of DeepSeek, Z.ai and Moonshot.
const REASONING: [&str; 4] = ["reasoning_effort", "reasoning", "include_reasoning", "thinking"];

/// Takes what a request says of reasoning. What is more than a plain
/// `reasoning_effort` is kept as it stood as well, to go back word for word.
pub(super) fn decode_reasoning(fields: &mut Fields) -> Option<Reasoning> {
    let mut raw = Map::new();
    for name in REASONING {
        if let Some(value) = fields.take(name) {
            raw.insert(name.to_owned(), value);
        }
    }
    if raw.is_empty() {
        return None;
    }
    let mut reasoning = read_reasoning(&raw);
    let plain = encode_reasoning(&reasoning);
    reasoning.extra = if plain == raw { Extra::NONE } else { Extra::of(raw) };
    Some(reasoning)
}

/// What the raw fields mean.
fn read_reasoning(raw: &Map<String, Value>) -> Reasoning {
    let at = |name: &str, pointer: &str| raw.get(name).and_then(|value| value.pointer(pointer));
    let effort = at("reasoning_effort", "")
        .or_else(|| at("reasoning", "/effort"))
        .or_else(|| at("thinking", "/effort"));
    let switch = at("thinking", "/type").and_then(Value::as_str).map(|kind| kind != "disabled");
    let hidden = at("reasoning", "/exclude").and_then(Value::as_bool);
    Reasoning {
        enabled: at("reasoning", "/enabled").and_then(Value::as_bool).or(switch),
        effort: effort.and_then(Value::as_str).and_then(effort_named),
        budget_tokens: at("reasoning", "/max_tokens")
            .or_else(|| at("thinking", "/budget_tokens"))
            .and_then(Value::as_u64),
        include_thoughts: hidden
            .map(|hidden| !hidden)
            .or(at("include_reasoning", "").and_then(Value::as_bool)),
        extra: Extra::NONE,
    }
}

/// The fields that say `reasoning`: as they came, unless somebody changed their
/// meaning since; else as OpenAI has it.
pub(super) fn encode_reasoning(reasoning: &Reasoning) -> Map<String, Value> {
    let raw: Map<String, Value> =
        reasoning.extra.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if !raw.is_empty() && read_reasoning(&raw) == (Reasoning { extra: Extra::NONE, ..reasoning.clone() }) {
        return raw;
    }
    let effort = effort_of(reasoning);
    effort.map(|effort| ("reasoning_effort".to_owned(), effort_name(effort).into())).into_iter().collect()
}

/// The effort that `reasoning` asks for, by its budget where it names none.
pub(in crate::dialect) fn effort_of(reasoning: &Reasoning) -> Option<Effort> {
    reasoning.effort.or_else(|| match (reasoning.enabled, reasoning.budget_tokens) {
        (Some(false), _) => Some(Effort::None),
        (_, Some(budget)) => Some(effort_of_budget(budget)),
        _ => None,
    })
}

/// The effort that comes nearest to a budget of thinking tokens.
fn effort_of_budget(tokens: u64) -> Effort {
    match tokens {
        0 => Effort::None,
        1..=2_048 => Effort::Low,
        2_049..=12_288 => Effort::Medium,
        _ => Effort::High,
    }
}

/// An effort by OpenAI's name for it.
pub(in crate::dialect) fn effort_named(name: &str) -> Option<Effort> {
    Some(match name {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// OpenAI's name for an effort.
pub(in crate::dialect) fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        // Anthropic and DeepSeek say `max`; OpenAI's highest is `xhigh`.
        Effort::XHigh | Effort::Max => "xhigh",
    }
}
