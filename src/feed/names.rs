//! Which entry of a feed is a model of ours.
//!
//! Feeds name providers and models in their own ways. In this order:
//!
//! 1. our own name for the model (only the `pointsman` form has such entries);
//! 2. the provider and the upstream name as they stand, capitals aside;
//! 3. the same simplified: without a region before it (`us.`, `eu.`, `global.`),
//!    without a vendor's path before it (`accounts/fireworks/models/`), without
//!    a date, `-latest` or a Bedrock revision behind it.
//!
//! Only the provider's own prices count: a look-alike server is asked for by
//! its own name in YAML or by the `pointsman` form, never by another's list.

use super::{Entry, Sheet};

/// The provider under which our own names stand.
pub(super) const OURS: &str = "pointsman";

/// The model that a price is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Our name for it.
    pub name: &'a str,
    /// The provider's name in YAML.
    pub provider: &'a str,
    /// The provider's kind; `None` for an account at another address than the kind's own.
    pub kind: Option<&'a str>,
    /// The provider's name for the model.
    pub upstream: &'a str,
}

impl Sheet {
    /// What the feed says of a model.
    #[must_use]
    pub fn find(&self, wanted: &Wanted<'_>) -> Option<&Entry> {
        let ours = self.entries.get(&key(OURS, wanted.name));
        let account = || self.entries.get(&key(wanted.provider, wanted.upstream));
        ours.or_else(account).or_else(|| {
            let exact = key(wanted.kind?, wanted.upstream);
            self.entries.get(&exact).or_else(|| {
                let name = self.simplified.get(&simplified(&exact))?;
                self.entries.get(name)
            })
        })
    }
}

/// Providers whose names for models begin with a vendor: that is part of them.
const WHOLE_NAMES: [&str; 2] = ["openrouter", OURS];

/// What others call the kinds of provider, letters and digits only.
const ALIASES: [(&str, &str); 31] = [
    ("amazonbedrock", "bedrock"),
    ("bedrockconverse", "bedrock"),
    ("awsbedrock", "bedrock"),
    ("azureai", "azure"),
    ("azureopenai", "azure"),
    ("azurecognitiveservices", "azure"),
    ("google", "gemini"),
    ("googleaistudio", "gemini"),
    ("googlevertex", "vertex"),
    ("googlevertexanthropic", "vertex"),
    ("vertexai", "vertex"),
    ("vertexailanguagemodels", "vertex"),
    ("vertexaianthropicmodels", "vertex"),
    ("vertexaiembeddingmodels", "vertex"),
    ("vertexaimistralmodels", "vertex"),
    ("togetherai", "together"),
    ("fireworksai", "fireworks"),
    ("mistralai", "mistral"),
    ("moonshotai", "moonshot"),
    ("coherechat", "cohere"),
    ("perplexityai", "perplexity"),
    ("xaigrok", "xai"),
    ("zaiorg", "zai"),
    ("zhipuai", "zai"),
    ("alibaba", "dashscope"),
    ("qwen", "dashscope"),
    ("nvidianim", "nvidia"),
    ("huggingfaceinference", "huggingface"),
    ("textcompletionopenai", "openai"),
    ("deepinfra", "deepinfra"),
    ("voyageai", "voyage"),
];

/// The key of a model in a sheet.
pub(super) fn key(provider: &str, model: &str) -> String {
    let plain: String =
        provider.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let provider =
        ALIASES.iter().find(|(theirs, _)| *theirs == plain).map_or(plain.as_str(), |(_, ours)| ours);
    format!("{provider}/{}", model.trim().to_ascii_lowercase())
}

/// The key without what does not change a price.
pub(super) fn simplified(key: &str) -> String {
    let (provider, model) = key.split_once('/').unwrap_or(("", key));
    let model =
        if WHOLE_NAMES.contains(&provider) { model } else { model.rsplit('/').next().unwrap_or(model) };
    let mut model = model;
    for region in ["us.", "eu.", "apac.", "jp.", "au.", "global."] {
        model = model.strip_prefix(region).unwrap_or(model);
    }
    model = model.strip_suffix(":0").unwrap_or(model);
    for revision in ["-v1", "-v2", "-latest"] {
        model = model.strip_suffix(revision).unwrap_or(model);
    }
    format!("{provider}/{}", undated(model))
}

/// Without `-2025-08-07`, `-20250807` or `@20250807` behind it.
fn undated(model: &str) -> &str {
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((head, date)) = model.rsplit_once('@')
        && digits(date, 8)
    {
        return head;
    }
    let long = model.len().checked_sub(11).and_then(|at| model.split_at_checked(at));
    if let Some((head, date)) = long
        && let Some(date) = date.strip_prefix('-')
        && digits(&date.replace('-', ""), 8)
    {
        return head;
    }
    match model.rsplit_once('-') {
        Some((head, date)) if digits(date, 8) => head,
        _ => model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_simplified_and_nothing_is_lost_that_matters() {
        for (name, expected) in [
            ("openai/gpt-5-mini-2025-08-07", "openai/gpt-5-mini"),
            ("anthropic/claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"),
            ("vertex/claude-haiku-4-5@20251001", "vertex/claude-haiku-4-5"),
            ("bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0", "bedrock/anthropic.claude-opus-4-5"),
            ("fireworks/accounts/fireworks/models/glm-5p3-flash", "fireworks/glm-5p3-flash"),
            ("mistral/mistral-medium-latest", "mistral/mistral-medium"),
            ("openrouter/openai/gpt-4o", "openrouter/openai/gpt-4o"),
            ("openai/gpt-4-32k", "openai/gpt-4-32k"),
        ] {
            assert_eq!(simplified(name), expected);
        }
        assert_eq!(key("bedrock_converse", "Amazon.Nova"), "bedrock/amazon.nova");
        assert_eq!(key("vertex_ai-anthropic_models", "x"), "vertex/x");
    }
}
