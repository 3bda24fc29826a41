//! What `feed` promises, as tests.

use serde_json::json;

use super::*;

fn wanted<'a>(kind: &'a str, upstream: &'a str) -> Wanted<'a> {
    Wanted { name: "ours", provider: "account", kind: Some(kind), upstream }
}

fn sheet(format: Format, json: &Value) -> Sheet {
    parse(format, json.to_string().as_bytes()).unwrap()
}

#[test]
fn litellm_rates_limits_tiers_and_pieces() {
    let sheet = sheet(
        Format::LiteLlm,
        &json!({
            "sample_spec": { "input_cost_per_token": "USD" },
            "gemini/gemini-2.5-pro": {
                "litellm_provider": "gemini", "mode": "chat", "max_input_tokens": 1_048_576, "max_output_tokens": 65535,
                "input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5, "cache_read_input_token_cost": 3.125e-7,
                "input_cost_per_token_above_200k_tokens": 2.5e-6, "output_cost_per_token_above_200k_tokens": 1.5e-5,
                "supports_function_calling": true, "supports_reasoning": true, "supports_vision": true
            },
            "claude-x": {
                "litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5,
                "cache_creation_input_token_cost": 3.75e-6, "cache_creation_input_token_cost_above_1hr": 6e-6,
                "input_cost_per_token_batches": 1.5e-6, "output_cost_per_token_batches": 7.5e-6
            },
            "dall-e-3": { "litellm_provider": "openai", "mode": "image_generation", "output_cost_per_image": 0.04 },
            "text-embedding-3-small": { "litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-8 },
            "half": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6 },
            "minus": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": -1e-6, "output_cost_per_token": 1e-6 },
            "absurd": { "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 3.0, "output_cost_per_token": 1e-6 },
            "nothing": { "litellm_provider": "openai", "mode": "chat" }
        }),
    );
    let gemini = sheet.find(&wanted("gemini", "gemini-2.5-pro")).unwrap();
    assert_eq!((gemini.price.input, gemini.price.output), (1_250_000_000, 10_000_000_000));
    let tier = &gemini.price.tiers[0];
    assert_eq!((tier.above, tier.input, tier.cached_input), (200_000, 2_500_000_000, Some(312_500_000)));
    assert_eq!(gemini.capabilities, ["tools", "reasoning"]);
    let claude = &sheet.find(&wanted("anthropic", "claude-x")).unwrap().price;
    assert_eq!((claude.cache_write, claude.cache_write_1h), (Some(3_750_000_000), Some(6_000_000_000)));
    assert_eq!(claude.batch, Some((1_500_000_000, 7_500_000_000)));
    assert_eq!(sheet.find(&wanted("openai", "dall-e-3")).unwrap().price.image, Some(40_000_000));
    assert_eq!(sheet.find(&wanted("openai", "text-embedding-3-small")).unwrap().price.input, 20_000_000);
    let mut refused: Vec<&str> = sheet.refused.iter().map(|refused| refused.name.as_str()).collect();
    refused.sort_unstable();
    assert_eq!(refused, ["openai/absurd", "openai/half", "openai/minus"]);
    assert!(sheet.find(&wanted("openai", "nothing")).is_none());
}

#[test]
fn openrouter_texts_and_its_unknown_prices() {
    let sheet = sheet(
        Format::OpenRouter,
        &json!({ "data": [
            { "id": "openai/gpt-4o", "context_length": 128000, "supported_parameters": ["tools", "structured_outputs"],
              "pricing": { "prompt": "0.0000025", "completion": "0.00001", "request": "0", "image": "0.003613",
                           "input_cache_read": "0.00000125", "internal_reasoning": "0" },
              "top_provider": { "max_completion_tokens": 16384 } },
            { "id": "openrouter/auto", "pricing": { "prompt": "-1", "completion": "-1" } },
            { "id": "x/free:free", "pricing": { "prompt": "0", "completion": "0" } }
        ] }),
    );
    let entry = sheet.find(&wanted("openrouter", "openai/gpt-4o")).unwrap();
    assert_eq!((entry.price.input, entry.price.output), (2_500_000_000, 10_000_000_000));
    assert_eq!((entry.price.cached_input, entry.price.reasoning), (Some(1_250_000_000), None));
    assert_eq!((entry.price.image, entry.max_output_tokens), (Some(3_613_000), Some(16_384)));
    assert_eq!(entry.capabilities, ["tools", "structured_output"]);
    assert!(sheet.find(&wanted("openai", "gpt-4o")).is_none(), "a reseller's price is not the vendor's");
    assert_eq!(sheet.find(&wanted("openrouter", "x/free:free")).unwrap().price.input, 0);
    assert_eq!(sheet.refused.len(), 1);
}

#[test]
fn models_dev_nested_flat_and_inherited() {
    let nested = sheet(
        Format::ModelsDev,
        &json!({ "openai": { "id": "openai", "models": { "gpt-5": {
            "cost": { "input": 1.25, "output": 10, "cache_read": 0.125, "context_over_200k": { "input": 2.5, "output": 15 } },
            "limit": { "context": 400000, "output": 128000 }, "tool_call": true, "reasoning": true } } } }),
    );
    let entry = nested.find(&wanted("openai", "gpt-5-2025-08-07")).unwrap();
    assert_eq!(
        (entry.price.input, entry.price.tiers[0].input, entry.context_window),
        (1_250_000_000, 2_500_000_000, Some(400_000))
    );
    assert_eq!(entry.price.tiers[0].cached_input, Some(125_000_000));
    let flat = sheet(
        Format::ModelsDev,
        &json!({
            "openai/gpt-5.4": { "cost": { "input": 2.5, "output": 15 }, "limit": { "context": 1_000_000 } },
            "azure/gpt-5.4": { "base_model": "openai/gpt-5.4", "cost": { "input": 3, "output": 16,
                "tiers": [{ "tier": { "type": "context", "size": 272000 }, "input": 5, "output": 22.5 }] } },
            "azure/loop": { "base_model": "azure/loop" }
        }),
    );
    let azure = flat.find(&wanted("azure", "gpt-5.4")).unwrap();
    assert_eq!(
        (azure.price.input, azure.price.tiers[0].above, azure.context_window),
        (3_000_000_000, 272_000, Some(1_000_000))
    );
    assert_eq!(flat.len(), 2);
}

#[test]
fn our_own_form_goes_by_our_names_too() {
    let sheet = sheet(
        Format::Pointsman,
        &json!({ "models": {
            "ours": { "input": 0.25, "output": 2, "batch": { "input": 0.1, "output": 1 }, "tiers": [{ "above": 200000, "input": 1, "output": 4 }] },
            "openai/gpt-x": { "input": 1 },
            "slip": { "imput": 1 }
        } }),
    );
    assert_eq!(
        sheet.find(&wanted("vertex", "whatever")).unwrap().price.batch,
        Some((100_000_000, 1_000_000_000))
    );
    let other = Wanted { name: "other", provider: "local", kind: None, upstream: "gpt-x" };
    assert!(sheet.find(&other).is_none(), "a look-alike server has no price of another's list");
    assert!(sheet.find(&Wanted { kind: Some("openai"), ..other }).is_some());
    assert!(sheet.refused[0].reason.contains("did you mean `input`?"), "{:?}", sheet.refused);
}

#[test]
fn what_is_no_feed_is_refused_whole() {
    for (format, text) in [
        (Format::LiteLlm, "not json"),
        (Format::LiteLlm, "[]"),
        (Format::LiteLlm, "{}"),
        (Format::OpenRouter, "{\"data\": {}}"),
        (Format::ModelsDev, "[1]"),
        (Format::Pointsman, "{\"modles\": {}}"),
        (
            Format::LiteLlm,
            "{\"a\": {\"litellm_provider\": \"openai\", \"input_cost_per_token\": -1, \"output_cost_per_token\": 1}}",
        ),
    ] {
        assert!(parse(format, text.as_bytes()).is_err(), "{text}");
    }
}

/// The real lists, read in place where they are.
#[test]
#[expect(clippy::disallowed_methods, reason = "the lists' place comes from whoever runs the tests")]
fn real_lists_are_read() {
    let data = std::env::var("POINTSMAN_SHARED")
        .unwrap_or_else(|_| format!("{}/../shared", env!("CARGO_MANIFEST_DIR")));
    let (Ok(litellm), Ok(models_dev)) = (
        std::fs::read(format!("{data}/data/model_prices.json")),
        std::fs::read(format!("{data}/data/models_dev_prices.json")),
    ) else {
        eprintln!("skipped: {data}/data is not there");
        return;
    };
    let litellm = parse(Format::LiteLlm, &litellm).unwrap();
    let models_dev = parse(Format::ModelsDev, &models_dev).unwrap();
    eprintln!("litellm: {} entries, {} refused", litellm.len(), litellm.refused.len());
    eprintln!("models.dev: {} entries, {} refused", models_dev.len(), models_dev.refused.len());
    assert!(litellm.len() > 1_500 && litellm.refused.len() < 100, "{:?}", litellm.refused);
    assert!(models_dev.len() > 700 && models_dev.refused.is_empty(), "{:?}", models_dev.refused);
    for sheet in [&litellm, &models_dev] {
        assert!(sheet.iter().all(|(_, entry)| entry.price.input >= 0 && entry.price.output >= 0));
        for (kind, upstream) in
            [("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5-20251001"), ("gemini", "gemini-2.5-pro")]
        {
            assert!(sheet.find(&wanted(kind, upstream)).is_some(), "{kind}/{upstream}");
        }
    }
}
