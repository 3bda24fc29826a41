//! What the makers' models on Bedrock take beside Converse's own fields, told
//! from the model's id: how they are asked to reason, where `top_k` goes.
//!
//! Source: Amazon Bedrock, Converse, "additionalModelRequestFields"; Amazon
//! Nova 2, Extended thinking; OpenAI models on Bedrock, checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::block::Encoder;
use crate::dialect::Target;
use crate::dialect::anthropic;
use crate::dialect::fields::Path;
use crate::ir::{Effort, Reasoning, Request, Role};

/// A maker's models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's.
    Claude,
    /// Amazon's own.
    Nova,
    /// OpenAI's.
    Gpt,
    /// Any other.
    Other,
}

/// Parts of model ids and the family that they tell.
const MARKERS: [(&str, Family); 3] =
    [("anthropic.", Family::Claude), ("amazon.nova", Family::Nova), ("openai.", Family::Gpt)];

impl Family {
    /// The family of the model of this id; inference profiles carry the id within.
    pub(super) fn of(model: &str) -> Self {
        MARKERS.iter().find(|(marker, _)| model.contains(marker)).map_or(Self::Other, |(_, family)| *family)
    }
}

/// `additionalModelRequestFields`; takes out of `inference` what does not go with reasoning.
pub(super) fn fields(
    request: &Request,
    target: &Target<'_>,
    inference: &mut Map<String, Value>,
    encoder: &mut Encoder,
) -> Map<String, Value> {
    let family = Family::of(target.model);
    if family == Family::Claude {
        return claude(request, target, inference, encoder);
    }
    let mut fields = Map::new();
    match (request.params.top_k, family) {
        (Some(top_k), Family::Nova) => {
            fields.insert("inferenceConfig".to_owned(), json!({ "topK": top_k }));
        }
        (Some(_), _) => encoder.drop(Path::Root.field("top_k")),
        (None, _) => {}
    }
    let Some(effort) = request.reasoning.as_ref().and_then(wanted) else { return fields };
    match family {
        Family::Nova => {
            let level = three_levels(effort);
            fields.insert(
                "reasoningConfig".to_owned(),
                json!({ "type": "enabled", "maxReasoningEffort": level }),
            );
            if level == "high" {
                without(&["temperature", "topP", "maxTokens"], inference, encoder);
            }
        }
        Family::Gpt => {
            fields.insert("reasoning_effort".to_owned(), three_levels(effort).into());
        }
        Family::Claude | Family::Other => encoder.drop(Path::Root.field("reasoning")),
    }
    fields
}

/// For Claude: the fields of its own dialect, with the same rules.
fn claude(
    request: &Request,
    target: &Target<'_>,
    inference: &mut Map<String, Value>,
    encoder: &mut Encoder,
) -> Map<String, Value> {
    // Only the last turns bear on the parameters.
    let last = request.messages.iter().rposition(|message| message.role == Role::Assistant).unwrap_or(0);
    let mut thin = Request::new(request.dialect, "");
    thin.messages = request.messages.get(last..).unwrap_or_default().to_vec();
    thin.tool_choice.clone_from(&request.tool_choice);
    thin.params.clone_from(&request.params);
    thin.reasoning.clone_from(&request.reasoning);
    let Ok(body) = anthropic::encode_body(&thin, target) else { return Map::new() };
    let mut fields = Map::new();
    for name in ["thinking", "top_k", "anthropic_beta"] {
        fields.extend(body.fields.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if let Some(effort) = body.fields.get("output_config").and_then(|config| config.get("effort")) {
        fields.insert("output_config".to_owned(), json!({ "effort": effort }));
    }
    for (name, ours) in [("temperature", "temperature"), ("top_p", "topP")] {
        if !body.fields.contains_key(name) {
            inference.shift_remove(ours);
        }
    }
    let most = body.fields.get("max_tokens").cloned().unwrap_or_default();
    if fields.contains_key("thinking") || inference.contains_key("maxTokens") {
        inference.insert("maxTokens".to_owned(), most);
    }
    let shared = ["reasoning", "temperature", "top_p", "top_k", "thinking", "output_config"];
    for path in body.dropped {
        let head = path.split('.').next().unwrap_or_default();
        if shared.contains(&head) && !encoder.dropped.contains(&path) {
            encoder.dropped.push(path);
        }
    }
    fields
}

/// The effort that is asked for, if reasoning is.
fn wanted(wish: &Reasoning) -> Option<Effort> {
    let by_budget = wish.budget_tokens.filter(|budget| *budget > 0).map(|budget| match budget {
        0..4096 => Effort::Low,
        4096..16_384 => Effort::Medium,
        _ => Effort::High,
    });
    let effort = wish.effort.or(by_budget).or(wish.enabled.filter(|on| *on).map(|_| Effort::Medium))?;
    (wish.enabled != Some(false) && effort != Effort::None).then_some(effort)
}

/// Low, medium, high: all that these models know.
fn three_levels(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

fn without(names: &[&str], inference: &mut Map<String, Value>, encoder: &mut Encoder) {
    for name in names {
        if inference.shift_remove(*name).is_some() {
            let at = Path::Root.field("inferenceConfig");
            encoder.drop(at.field(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_the_family() {
        for (model, expected) in [
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Family::Claude),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0", Family::Nova),
            ("openai.gpt-oss-120b-1:0", Family::Gpt),
            ("zai.glm-4.7-flash", Family::Other),
        ] {
            assert_eq!(Family::of(model), expected, "{model}");
        }
    }
}
