//! LiteLLM's providers and ours.
//! Source: LiteLLM documentation, "Providers", checked 2026-11-21.

use super::Notes;
use super::write::quoted;
use crate::yaml::Node;

/// Their prefix of a model's name, our kind, where the two differ.
const PREFIXES: [(&str, &str); 21] = [
    ("azure", "azure_deployments"),
    ("azure_text", "azure_deployments"),
    ("text-completion-openai", "openai"),
    ("vertex_ai", "vertex"),
    ("vertex_ai_beta", "vertex"),
    ("bedrock_converse", "bedrock"),
    ("together_ai", "together"),
    ("fireworks_ai", "fireworks"),
    ("cohere_chat", "cohere"),
    ("ollama_chat", "ollama"),
    ("hosted_vllm", "vllm"),
    ("nvidia_nim", "nvidia"),
    ("jina_ai", "jina"),
    ("lm_studio", "lmstudio"),
    ("github", "github_models"),
    ("litellm_proxy", "litellm"),
    ("openai_like", "openai_compatible"),
    ("custom_openai", "openai_compatible"),
    ("vercel_ai_gateway", "vercel"),
    ("zai", "zai"),
    ("mistral", "mistral"),
];

/// What a model's name begins with when its prefix is left out.
const GUESSES: [(&str, &str); 11] = [
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("dall-e", "openai"),
    ("whisper-", "openai"),
    ("tts-", "openai"),
    ("omni-moderation", "openai"),
    ("claude", "anthropic"),
    ("gemini", "gemini"),
];

/// An account as `litellm_params` describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) kind: String,
    pub(super) base_url: Option<String>,
    /// A reference, never a secret.
    pub(super) api_key: Option<String>,
    pub(super) api_version: Option<String>,
    pub(super) region: Option<String>,
    pub(super) project: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

/// The account and the provider's name for the model.
pub(super) fn account(params: &Node, notes: &mut Notes) -> Option<(Account, String)> {
    let model = params.get("model")?;
    let full = model.text().unwrap_or_default();
    let (kind, upstream) = kind_of(params, full, notes, model)?;
    let base = params.get("api_base").or_else(|| params.get("base_url"));
    let base_url = base.and_then(Node::text).map(reference);
    let api_key = params.get("api_key").or_else(|| params.get("azure_ad_token"));
    let api_key = api_key.and_then(|key| secret(key, &kind, notes));
    let text = |name: &str| params.get(name).and_then(Node::text).map(reference);
    let organization = text("organization").map(|value| ("openai-organization".to_owned(), value));
    let extra = params.get("extra_headers").map(Node::entries).unwrap_or_default().iter();
    let extra = extra.filter_map(|(name, value)| Some((name.text()?.to_owned(), reference(value.text()?))));
    let (region, project) = match &base_url {
        Some(_) => (None, None),
        None => (text("aws_region_name").or_else(|| text("vertex_location")), text("vertex_project")),
    };
    let region = region.or_else(|| project.is_some().then(|| "us-central1".to_owned()));
    let headers = organization.into_iter().chain(extra).collect();
    let api_version = text("api_version");
    let profile = plain(params, "aws_profile_name", notes);
    let role_arn = plain(params, "aws_role_name", notes);
    let account =
        Account { kind, base_url, api_key, api_version, region, project, profile, role_arn, headers };
    Some((account, upstream))
}

fn kind_of(params: &Node, full: &str, notes: &mut Notes, at: &Node) -> Option<(String, String)> {
    let named = params.get("custom_llm_provider").and_then(Node::text);
    let split = full.split_once('/').map(|(prefix, rest)| (prefix.to_owned(), rest.to_owned()));
    let (prefix, upstream) = match (named, split) {
        (Some(name), _) => {
            (name.to_owned(), full.strip_prefix(&format!("{name}/")).unwrap_or(full).to_owned())
        }
        (None, Some((prefix, rest))) => (prefix, rest),
        (None, None) => {
            let guess = GUESSES.iter().find(|(begin, _)| full.starts_with(begin));
            let Some((_, kind)) = guess else {
                let help = "write the model with its provider before it: `openai/...`";
                notes.tell(at, "unknown_provider", format!("`{full}` names no provider"), help);
                return None;
            };
            ((*kind).to_owned(), full.to_owned())
        }
    };
    // Claude on Vertex speaks Anthropic's dialect, and ways to ask Bedrock are no part of a model's name.
    let prefix = match prefix.as_str() {
        "vertex_ai" | "vertex_ai_beta" if upstream.starts_with("claude") => "vertex_anthropic".to_owned(),
        _ => prefix,
    };
    let upstream = match upstream.split_once('/') {
        Some(("converse" | "invoke", name)) if prefix.starts_with("bedrock") => name.to_owned(),
        _ => upstream,
    };
    let ours =
        PREFIXES.iter().find(|(theirs, _)| *theirs == prefix).map_or(prefix.as_str(), |(_, ours)| ours);
    if crate::provider::kind(ours).is_some() {
        return Some((ours.to_owned(), upstream));
    }
    if params.get("api_base").is_some() {
        let message = format!("`{prefix}` is taken as a server that speaks OpenAI's API");
        notes.tell(at, "guessed_provider", message, "set `kind` if it speaks another");
        return Some(("openai_compatible".to_owned(), upstream));
    }
    let help = "if it speaks OpenAI's API: add `api_base` and import again";
    notes.tell(at, "unknown_provider", format!("the provider `{prefix}` is not known here"), help);
    None
}

/// `os.environ/NAME` as `${env:NAME}`, other texts as they are.
pub(super) fn reference(text: &str) -> String {
    text.strip_prefix("os.environ/").map_or_else(|| text.to_owned(), |name| format!("${{env:{name}}}"))
}

/// A text that stands as it is; a reference has no equal in its place.
fn plain(params: &Node, name: &str, notes: &mut Notes) -> Option<String> {
    let node = params.get(name)?;
    let text = node.text()?;
    if !text.starts_with("os.environ/") {
        return Some(text.to_owned());
    }
    let message = format!("`{name}` is read from the environment, and is written out here");
    notes.tell(node, "no_equal", message, "write the name itself");
    None
}

/// What people write where a server asks for no key, but the client wants one.
const NO_KEYS: [&str; 9] =
    ["none", "null", "na", "empty", "dummy", "no-key", "not-needed", "fake-key", "anything"];

/// A reference to a secret. One that stands in clear is not written out.
pub(super) fn secret(node: &Node, kind: &str, notes: &mut Notes) -> Option<String> {
    let text = node.text()?;
    if NO_KEYS.contains(&text.to_ascii_lowercase().as_str()) {
        return None;
    }
    if text.starts_with("os.environ/") {
        return Some(reference(text));
    }
    let name = format!("{}_API_KEY", kind.to_uppercase());
    let message = "a secret stands here in clear and was not copied";
    notes.tell(node, "secret_in_clear", message, &format!("export {name}=..., and change the secret"));
    Some(format!("${{env:{name}}}"))
}

impl Account {
    /// Its entry under `providers`.
    pub(super) fn yaml(&self) -> String {
        let mut parts = vec![format!("kind: {}", quoted(&self.kind))];
        let fields = [
            ("base_url", &self.base_url),
            ("region", &self.region),
            ("project", &self.project),
            ("profile", &self.profile),
            ("role_arn", &self.role_arn),
            ("api_key", &self.api_key),
            ("api_version", &self.api_version),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                parts.push(format!("{name}: {}", quoted(value)));
            }
        }
        if !self.headers.is_empty() {
            let headers =
                self.headers.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)));
            parts.push(format!("headers: {{ {} }}", headers.collect::<Vec<_>>().join(", ")));
        }
        format!("{{ {} }}", parts.join(", "))
    }
}
