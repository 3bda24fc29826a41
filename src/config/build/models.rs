//! `models:`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Build, ByName};
use crate::config::file;
use crate::model::{Limits, Model, Price, Tag, Tier};
use crate::provider::{Answer, Provider, Simulate};
use crate::yaml::{At, Named};

/// What can go in or come out.
const MODALITIES: [&str; 6] = ["text", "image", "audio", "video", "document", "embedding"];
/// Capabilities that policies and the gateway ask for by name.
const CAPABILITIES: [&str; 11] = [
    "tools",
    "parallel_tools",
    "structured_output",
    "reasoning",
    "streaming",
    "system",
    "logprobs",
    "prompt_caching",
    "embeddings",
    "web_search",
    "computer_use",
];

impl Build<'_> {
    pub(super) fn models(&mut self, providers: &ByName<Provider>) -> ByName<Model> {
        let declared = std::mem::take(&mut self.file.models);
        let known = self.declared("providers");
        let mut built = ByName::new();
        for (name, written) in &declared {
            match providers.get(written.provider.as_str()) {
                Some(provider) => {
                    let model = self.model(name, written, provider);
                    built.insert(Arc::clone(&model.name), Arc::new(model));
                }
                None if known.contains(&written.provider.value) => {}
                None => {
                    self.findings.unknown(&written.provider, "provider", known.iter().map(String::as_str));
                }
            }
        }
        if self.declared("models").is_empty() {
            let place = self.root.get("models").map_or(self.root.place, |node| node.place);
            let help = "declare a provider and a model; `pointsman init` shows how";
            self.findings.error(place, "nothing_to_serve", "no model is declared", help);
        }
        self.file.models = declared;
        built
    }

    fn model(&mut self, name: &At<String>, written: &file::Model, provider: &Arc<Provider>) -> Model {
        let text = || vec!["text".to_owned()];
        let input = self.modalities(written.modalities.input.as_deref()).unwrap_or_else(text);
        let output = self.modalities(written.modalities.output.as_deref()).unwrap_or_else(text);
        self.capabilities(written.capabilities.as_deref());
        self.token_limits(written);
        if let Some(simulate) = written.simulate.as_ref().filter(|_| !provider.kind.in_process) {
            let message = format!("`{}` is not a simulated provider", provider.name);
            let help = "take `simulate` out, or use a provider with `kind: simulated`";
            self.findings.error(simulate.place, "not_simulated", message, help);
        }
        Model {
            name: name.value.as_str().into(),
            provider: Arc::clone(provider),
            upstream: written.upstream.as_ref().unwrap_or(name).value.clone(),
            context_window: written.context_window.as_ref().map(|tokens| tokens.0),
            max_output_tokens: written.max_output_tokens.as_ref().map(|tokens| tokens.0),
            input,
            output,
            capabilities: written
                .capabilities
                .as_ref()
                .map(|list| list.iter().map(|at| at.value.clone()).collect()),
            price: written.price.as_ref().map(|price| Arc::new(price_of(price))),
            tags: tags(&written.tags),
            limits: Limits {
                requests_per_minute: written.limits.requests_per_minute,
                tokens_per_minute: written.limits.tokens_per_minute.map(|tokens| tokens.0),
                concurrent: written.limits.concurrent,
            },
            simulate: provider.kind.in_process.then(|| simulate(written.simulate.as_deref())),
        }
    }

    fn modalities(&mut self, written: Option<&[At<String>]>) -> Option<Vec<String>> {
        let written = written?;
        for modality in written.iter().filter(|modality| !MODALITIES.contains(&modality.as_str())) {
            self.findings.unknown(modality, "modality", MODALITIES);
        }
        Some(written.iter().map(|modality| modality.value.clone()).collect())
    }

    /// Own words are allowed, for policies; what looks like a slip is told.
    fn capabilities(&mut self, written: Option<&[At<String>]>) {
        for word in written.unwrap_or_default() {
            let near = crate::problem::did_you_mean(word, CAPABILITIES);
            if let Some(near) = near.filter(|near| *near != word.value) {
                let message = format!("`{}` is a capability of your own", word.value);
                self.findings.warn(word.place, "own_capability", message, &format!("did you mean `{near}`?"));
            }
        }
    }

    fn token_limits(&mut self, written: &file::Model) {
        for tokens in [&written.context_window, &written.max_output_tokens].into_iter().flatten() {
            if tokens.value.0 == 0 {
                let help = "leave it out while it is not known";
                self.findings.error(tokens.place, "invalid_value", "no model has room for 0 tokens", help);
            }
        }
        if let (Some(window), Some(most)) = (&written.context_window, &written.max_output_tokens)
            && most.value.0 > window.value.0
        {
            let message = "the longest answer is larger than the context window";
            self.findings.warn(most.place, "output_beyond_window", message, "are the two exchanged?");
        }
    }
}

/// Labels by name.
pub(super) fn tags(written: &Named<file::TagValue>) -> BTreeMap<String, Tag> {
    written.iter().map(|(name, tag)| (name.value.clone(), tag.0.clone())).collect()
}

/// A price as it is charged.
pub(in crate::config) fn price_of(written: &file::Price) -> Price {
    let nano = |usd: Option<file::Usd>| usd.map(|usd| usd.0);
    let mut tiers: Vec<Tier> = written
        .tiers
        .iter()
        .map(|tier| Tier {
            above: tier.above.0,
            input: tier.input.0,
            output: tier.output.0,
            cached_input: nano(tier.cached_input),
            cache_write: nano(tier.cache_write),
        })
        .collect();
    tiers.sort_by_key(|tier| tier.above);
    Price {
        input: written.input.0,
        output: written.output.0,
        cached_input: nano(written.cached_input),
        cache_write: nano(written.cache_write),
        cache_write_1h: nano(written.cache_write_1h),
        reasoning: nano(written.reasoning),
        audio_input: nano(written.audio_input),
        audio_output: nano(written.audio_output),
        batch: written.batch.map(|batch| (batch.input.0, batch.output.0)),
        request: nano(written.request),
        image: nano(written.image),
        audio_second: nano(written.audio_second),
        characters: nano(written.characters),
        tiers,
    }
}

fn simulate(written: Option<&file::Simulate>) -> Simulate {
    let Some(written) = written else { return Simulate::default() };
    let p50 = written.latency_ms.p50;
    Simulate {
        latency_p50: Duration::from_millis(p50),
        latency_p95: Duration::from_millis(written.latency_ms.p95.unwrap_or(p50).max(p50)),
        tokens_per_second: written.tokens_per_second.max(0.0),
        error_rate: written.error_rate.map_or(0.0, |share| share.0),
        rate_limit_rate: written.rate_limit_rate.map_or(0.0, |share| share.0),
        answer: match &written.answer {
            None | Some(file::Script::Canned) => Answer::Canned,
            Some(file::Script::Echo) => Answer::Echo,
            Some(file::Script::Texts(texts)) => Answer::Scripted(texts.clone()),
        },
        cast: BTreeMap::new(),
        seed: written.seed,
    }
}
