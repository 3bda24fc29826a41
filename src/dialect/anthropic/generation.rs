//! What a model of the dialect accepts, told from the generation in its name.
//!
//! The request's shape changed with the generations: a budget of thinking
//! tokens became an effort, sampling parameters went away. Names of other
//! makers' models that speak this dialect tell nothing; they get the oldest
//! thinking shape, which all of them take, and everything else as asked.
//!
//! Source: Anthropic, Adaptive thinking; Effort; Structured outputs; Migration
//! guide, checked 2026-11-21.

use std::cmp::Ordering;

use crate::ir::Effort;

/// What a model accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) struct Abilities {
    /// In which forms it is asked to think.
    pub(in crate::dialect) thinking: ThinkingForm,
    /// The highest `output_config.effort`; absent: none is accepted.
    pub(in crate::dialect) effort: Option<Effort>,
    /// `temperature`, `top_p`, `top_k` other than the default (up to 4.6).
    pub(in crate::dialect) sampling: bool,
    /// `temperature` and `top_p` in one request (before 4.1).
    pub(in crate::dialect) both_sampling: bool,
    /// `output_config.format` and `strict` tools (4.1 Opus, 4.5 and later).
    pub(in crate::dialect) structured: bool,
}

/// The form of `thinking` in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum ThinkingForm {
    /// `{type: enabled, budget_tokens}` (before 4.6).
    Budget,
    /// Both; adaptive is the recommended one (4.6).
    Both,
    /// `{type: adaptive}` with an effort (after 4.6).
    Adaptive,
    /// Another maker's model: as the client says it, a budget where it has to be said anew.
    Unknown,
}

impl ThinkingForm {
    /// Whether a budget of tokens is accepted.
    pub(in crate::dialect) fn takes_budget(self) -> bool {
        self != Self::Adaptive
    }

    /// Whether `adaptive` is accepted.
    pub(in crate::dialect) fn takes_adaptive(self) -> bool {
        self != Self::Budget
    }
}

impl Abilities {
    /// Of the model of this name, as its provider spells it.
    pub(in crate::dialect) fn of(model: &str) -> Self {
        let Some(version) = version(model) else {
            return Self {
                thinking: ThinkingForm::Unknown,
                effort: Some(Effort::Max),
                sampling: true,
                both_sampling: true,
                structured: true,
            };
        };
        let opus = model.contains("opus");
        Self {
            thinking: match version.cmp(&(4, 6)) {
                Ordering::Less => ThinkingForm::Budget,
                Ordering::Equal => ThinkingForm::Both,
                Ordering::Greater => ThinkingForm::Adaptive,
            },
            effort: match version {
                (4, 5) if opus => Some(Effort::High),
                _ if version >= (4, 6) => Some(Effort::Max),
                _ => None,
            },
            sampling: version <= (4, 6),
            both_sampling: version < (4, 1),
            structured: version >= (4, 5) || (opus && version >= (4, 1)),
        }
    }

    /// The effort as this model names it; `None` when it takes none.
    pub(in crate::dialect) fn effort_name(self, effort: Effort) -> Option<&'static str> {
        let highest = self.effort?;
        Some(match effort.min(highest) {
            Effort::None => return None,
            Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            // 4.6 knows `max`, but not the level below it.
            Effort::XHigh if self.thinking == ThinkingForm::Both => "high",
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
        })
    }
}

/// The generation in a Claude model's name: `claude-opus-4-7`, `claude-3-7-sonnet@20250219`,
/// `us.anthropic.claude-sonnet-4-5-20250929-v1:0`. A Claude without a number is
/// newer than the scheme; another maker's model has none.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.split_once("claude")?;
    let mut words = rest
        .split(|sign: char| !sign.is_ascii_alphanumeric())
        .take_while(|word| *word != "v1" && *word != "v2")
        .skip_while(|word| number(word).is_none());
    let major = words.next().and_then(number).unwrap_or(u32::MAX);
    Some((major, words.next().and_then(number).unwrap_or(0)))
}

/// A word that is a number of one or two digits; longer ones are dates.
fn number(word: &str) -> Option<u32> {
    if word.len() <= 2 { word.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_generation() {
        for (name, expected) in [
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-3-7-sonnet@20250219", Some((3, 7))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4-1-20250805", Some((4, 1))),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some((4, 5))),
            ("anthropic/claude-opus-4.6", Some((4, 6))),
            ("global.anthropic.claude-opus-4-6-v1", Some((4, 6))),
            ("claude-opus-4-8", Some((4, 8))),
            ("claude-fable-5", Some((5, 0))),
            ("claude-mythos-preview", Some((u32::MAX, 0))),
            ("glm-4.6", None),
        ] {
            assert_eq!(version(name), expected, "{name}");
        }
    }

    #[test]
    fn efforts_are_named_as_the_model_knows_them() {
        for (model, effort, expected) in [
            ("claude-haiku-4-5", Effort::High, None),
            ("claude-opus-4-5", Effort::Max, Some("high")),
            ("claude-opus-4-6", Effort::XHigh, Some("high")),
            ("claude-opus-4-6", Effort::Max, Some("max")),
            ("claude-opus-4-7", Effort::XHigh, Some("xhigh")),
            ("claude-opus-4-7", Effort::Minimal, Some("low")),
            ("claude-opus-4-7", Effort::None, None),
        ] {
            assert_eq!(Abilities::of(model).effort_name(effort), expected, "{model} {effort:?}");
        }
    }
}
