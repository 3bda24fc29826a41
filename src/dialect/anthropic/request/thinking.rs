//! How a model is asked to think: the canonical wish in the form that the
//! model's generation takes.
//!
//! Source: Anthropic, Adaptive thinking; Extended thinking, "Feature
//! compatibility"; Effort, checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::super::block::{Encoder, object};
use super::super::generation::{Abilities, ThinkingForm};
use crate::dialect::fields::Path;
use crate::ir::{Effort, Reasoning};

/// Smallest budget of thinking tokens.
const LEAST_BUDGET: u64 = 1024;

/// What bounds the thinking of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// What the model accepts.
    pub(super) abilities: Abilities,
    /// Most tokens of the answer, thoughts included.
    pub(super) max_tokens: u64,
    /// Whether the client said so; else it may grow with the budget.
    pub(super) max_tokens_stated: bool,
    /// Whether `tool_choice` forces a tool, which excludes thinking.
    pub(super) forced_tool: bool,
    /// Whether the conversation lets a budget be asked for.
    pub(super) may_think: bool,
}

/// What goes into the body.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// `thinking`.
    pub(super) config: Option<Map<String, Value>>,
    /// `output_config.effort`.
    pub(super) effort: Option<&'static str>,
    /// `max_tokens`, where a budget makes it grow.
    pub(super) max_tokens: Option<u64>,
}

impl Thinking {
    /// Whether the model is asked to think.
    pub(super) fn is_on(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config.get("type").is_some_and(|kind| kind != "disabled"))
    }
}

/// Puts the wish in the form that the model takes.
pub(super) fn encode(wish: &Reasoning, bounds: Bounds, encoder: &mut Encoder) -> Thinking {
    let mut thinking =
        if encoder.same() { as_said(wish, bounds, encoder) } else { translated(wish, bounds, encoder) };
    if let Some(config) = &mut thinking.config {
        encoder.extra(config, &wish.extra, Path::Root.field("thinking"));
    }
    thinking
}

/// For a wish that came in this dialect: as it was said, unless the model takes only the other form.
fn as_said(wish: &Reasoning, bounds: Bounds, encoder: &mut Encoder) -> Thinking {
    let form = bounds.abilities.thinking;
    let effort = wish.effort.and_then(|effort| bounds.abilities.effort_name(effort));
    let mut thinking = match (wish.enabled, wish.budget_tokens) {
        (None, _) => Thinking::default(),
        (Some(false), _) => Thinking::of(json!({ "type": "disabled" })),
        (Some(true), Some(budget)) if form.takes_budget() => {
            Thinking::of(json!({ "type": "enabled", "budget_tokens": budget }))
        }
        (Some(true), None) if form.takes_adaptive() => Thinking::of(json!({ "type": "adaptive" })),
        (Some(true), _) => {
            encoder.drop(Path::Root.field("thinking"));
            return translated(wish, bounds, encoder);
        }
    };
    if wish.effort.is_some_and(|wanted| effort != word(wanted)) {
        let config = Path::Root.field("output_config");
        encoder.drop(config.field("effort"));
    }
    thinking.effort = effort;
    if let (Some(config), Some(shown)) = (&mut thinking.config, wish.include_thoughts) {
        config.insert("display".to_owned(), display(shown).into());
    }
    thinking
}

/// For a wish in another form: adaptive where the model knows it, else a budget.
fn translated(wish: &Reasoning, bounds: Bounds, encoder: &mut Encoder) -> Thinking {
    let off =
        wish.enabled == Some(false) || wish.effort == Some(Effort::None) || wish.budget_tokens == Some(0);
    let on = wish.enabled == Some(true) || wish.effort.is_some() || wish.budget_tokens.is_some();
    if off || !on {
        return Thinking::default();
    }
    let form = bounds.abilities.thinking;
    let adaptive = match form {
        ThinkingForm::Adaptive => true,
        ThinkingForm::Both => wish.budget_tokens.is_none(),
        ThinkingForm::Budget | ThinkingForm::Unknown => false,
    };
    if bounds.forced_tool || (!adaptive && !bounds.may_think) {
        encoder.drop(Path::Root.field("reasoning"));
        return Thinking::default();
    }
    if !adaptive {
        return with_budget(wish, bounds, encoder);
    }
    if wish.budget_tokens.is_some() && !encoder.same() {
        let reasoning = Path::Root.field("reasoning");
        encoder.drop(reasoning.field("budget_tokens"));
    }
    let effort = wish.effort.or(wish.budget_tokens.map(effort_of));
    let shown = wish.include_thoughts.unwrap_or(true);
    Thinking {
        effort: effort.and_then(|effort| bounds.abilities.effort_name(effort)),
        ..Thinking::of(json!({ "type": "adaptive", "display": display(shown) }))
    }
}

/// A budget that leaves at least half of the answer to what is said.
fn with_budget(wish: &Reasoning, bounds: Bounds, encoder: &mut Encoder) -> Thinking {
    let wanted = wish
        .budget_tokens
        .unwrap_or_else(|| budget_of(wish.effort.unwrap_or(Effort::High)))
        .max(LEAST_BUDGET);
    if !bounds.max_tokens_stated {
        let max_tokens = Some(bounds.max_tokens.max(wanted.saturating_mul(2)));
        return Thinking {
            max_tokens,
            ..Thinking::of(json!({ "type": "enabled", "budget_tokens": wanted }))
        };
    }
    if bounds.max_tokens <= LEAST_BUDGET {
        encoder.drop(Path::Root.field("reasoning"));
        return Thinking::default();
    }
    let budget = wanted.min(LEAST_BUDGET.max(bounds.max_tokens / 2));
    Thinking::of(json!({ "type": "enabled", "budget_tokens": budget }))
}

impl Thinking {
    fn of(config: Value) -> Self {
        Self { config: Some(object(config)), ..Self::default() }
    }
}

/// The name of `thinking.display`.
fn display(shown: bool) -> &'static str {
    if shown { "summarized" } else { "omitted" }
}

/// The effort as this dialect's clients name it.
fn word(effort: Effort) -> Option<&'static str> {
    Abilities::of("").effort_name(effort)
}

/// A budget for models that know no effort.
fn budget_of(effort: Effort) -> u64 {
    match effort {
        Effort::None | Effort::Minimal => LEAST_BUDGET,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::XHigh => 24_576,
        Effort::Max => 32_768,
    }
}

/// The effort nearest to a budget, for models that know no budget.
fn effort_of(budget: u64) -> Effort {
    match budget {
        0..4096 => Effort::Low,
        4096..16_384 => Effort::Medium,
        16_384..32_768 => Effort::High,
        _ => Effort::Max,
    }
}
