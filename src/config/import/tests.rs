//! What `import` promises, as tests.

use std::path::Path;

use super::litellm;
use crate::config::tests::folder;
use crate::config::{Snapshot, Sources, build};

const CONFIG: &str = r#"
model_list:
  - model_name: gpt-4o
    litellm_params: { model: azure/my-gpt, api_base: "https://eu.openai.azure.com", api_key: os.environ/AZURE_KEY, api_version: "2024-10-21", rpm: 600 }
  - model_name: gpt-4o
    litellm_params: { model: openai/gpt-4o-2024-11-20, api_key: os.environ/OPENAI_API_KEY, tpm: 200000, input_cost_per_token: 0.0000025, output_cost_per_token: 0.00001 }
    model_info: { max_input_tokens: 128000, max_output_tokens: 16384 }
  - model_name: claude
    litellm_params: { model: claude-haiku-4-5, api_key: sk-ant-in-clear, temperature: 0.2 }
  - model_name: local
    litellm_params: { model: hosted_vllm/llama, api_base: "http://127.0.0.1:8000/v1", api_key: none, timeout: 20 }
    model_info: { mode: chat, supports_vision: true }
  - model_name: "anthropic/*"
    litellm_params: { model: "anthropic/*", api_key: os.environ/ANTHROPIC_API_KEY }
  - model_name: vertex-claude
    litellm_params: { model: vertex_ai/claude-haiku-4-5, vertex_project: p, vertex_location: global }
  - model_name: bedrock-claude
    litellm_params: { model: bedrock/converse/anthropic.claude-v2, aws_region_name: eu-west-1, aws_access_key_id: os.environ/ID, aws_profile_name: team, aws_role_name: "arn:aws:iam::1:role/r", extra_headers: { X-Team: a } }
  - model_name: odd
    litellm_params: { model: unheard_of/x }
router_settings:
  routing_strategy: latency-based-routing
  num_retries: 3
  timeout: 30
  fallbacks: [{ gpt-4o: [claude] }]
  context_window_fallbacks: [{ claude: [gpt-4o] }]
  model_group_alias: { gpt-4: gpt-4o }
  redis_host: x
litellm_settings: { drop_params: true, callbacks: [langfuse] }
general_settings: { master_key: os.environ/MASTER, database_url: "postgres://x" }
"#;

#[test]
fn what_has_an_equal_loads_and_what_has_none_is_listed() {
    let imported = litellm(Path::new("config.yaml"), CONFIG).unwrap();
    let findings: Vec<String> = imported
        .findings
        .iter()
        .map(|finding| format!("{} {}: {}", finding.at.unwrap().line, finding.rule, finding.message))
        .collect();
    for expected in [
        "9 secret_in_clear",
        "9 no_equal: `temperature`",
        "11 no_equal: `timeout` of `litellm_params`",
        "12 no_equal: `supports_vision` of `model_info`",
        "18 no_equal: `aws_access_key_id`",
        "13 wildcard: `anthropic/*`",
        "20 unknown_provider",
        "28 no_equal: `redis_host`",
        "29 no_equal: `callbacks`",
        "30 no_equal: `database_url`",
        "26 merged: `context_window_fallbacks`",
        "30 master_key",
    ] {
        assert!(findings.iter().any(|finding| finding.starts_with(expected)), "{expected}: {findings:#?}");
    }
    assert!(!imported.yaml.contains("sk-ant"), "a secret was copied");
    assert!(!findings.iter().any(|finding| finding.starts_with("11 secret_in_clear")), "{findings:#?}");
    let timeout = imported.findings.iter().find(|finding| finding.message.contains("`timeout` of `litellm"));
    assert!(timeout.unwrap().help.as_ref().unwrap().contains("timeouts:"), "{timeout:?}");

    let policies: Vec<(String, String)> =
        imported.policies.iter().map(|(name, text)| (format!("policies/{name}"), text.clone())).collect();
    let mut files: Vec<(&str, &str)> =
        policies.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("gateway.yaml", &imported.yaml));
    let dir = folder(&files);
    let snapshot = Snapshot::read(dir.path()).unwrap();
    let sources = Sources { env: &|_| None, folder: dir.path(), pretend: true };
    let loaded =
        build(&snapshot, &sources).unwrap_or_else(|problems| panic!("{problems:#?}\n{}", imported.yaml));
    let bundle = &loaded.bundle;
    let route = bundle.route("gpt-4", crate::ir::Endpoint::Chat).unwrap();
    let names: Vec<&str> = route.candidates.iter().map(|model| &*model.name).collect();
    assert_eq!(names, ["gpt-4o-1", "gpt-4o-2", "claude"]);
    assert_eq!((route.retries.max, route.timeouts.total.as_secs()), (3, 30));
    assert_eq!(&*route.policies[0].policy.name, "route/spread");
    let openai = &bundle.models["gpt-4o-2"];
    assert_eq!((openai.upstream.as_str(), openai.context_window), ("gpt-4o-2024-11-20", Some(128_000)));
    assert_eq!(
        openai.price.as_ref().map(|price| (price.input, price.output)),
        Some((2_500_000_000, 10_000_000_000))
    );
    assert_eq!(bundle.models["gpt-4o-1"].limits.requests_per_minute, Some(600));
    assert_eq!(bundle.providers["vllm"].base_url, "http://127.0.0.1:8000/v1");
    let google = &bundle.providers["vertex_anthropic"].base_url;
    assert_eq!(google, "https://aiplatform.googleapis.com/v1/projects/p/locations/global");
    assert_eq!(bundle.providers["bedrock"].base_url, "https://bedrock-runtime.eu-west-1.amazonaws.com");
    let account = &bundle.providers["bedrock"].account;
    assert_eq!(
        (account.profile.as_deref(), account.role_arn.as_deref()),
        (Some("team"), Some("arn:aws:iam::1:role/r"))
    );
    assert_eq!(bundle.models["bedrock-claude"].upstream, "anthropic.claude-v2");
    let claude = bundle.route("claude", crate::ir::Endpoint::Chat).unwrap();
    assert_eq!(claude.candidates.len(), 3);
    assert!(bundle.models.contains_key("local") && !bundle.models.contains_key("odd"));
    assert_eq!(&*bundle.keys[0].principal.key, "master");
}

#[test]
fn every_strategy_becomes_a_policy_that_compiles() {
    for strategy in [
        "simple-shuffle",
        "least-busy",
        "latency-based-routing",
        "cost-based-routing",
        "usage-based-routing-v2",
    ] {
        let text = format!(
            "model_list:\n  - {{ model_name: a, litellm_params: {{ model: openai/x }} }}\n  - {{ model_name: a, litellm_params: {{ model: openai/y }} }}\nrouter_settings: {{ routing_strategy: {strategy} }}\n"
        );
        let imported = litellm(Path::new("c.yaml"), &text).unwrap();
        let (name, policy) = &imported.policies[0];
        let dir = folder(&[("gateway.yaml", &imported.yaml), (&format!("policies/{name}"), policy)]);
        let built = crate::config::tests::build_in(dir.path());
        assert!(built.is_ok(), "{strategy}: {built:?}\n{policy}");
    }
}

#[test]
fn what_is_no_config_of_litellm_is_refused() {
    for text in ["models: []", "model_list: [", ""] {
        assert!(litellm(Path::new("c.yaml"), text).is_err(), "{text}");
    }
}
