//! What `config` promises, as tests.

use std::path::Path;

use super::*;
use crate::problem::Severity;
use crate::provider::Answer;

/// A folder with these files.
pub(super) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("sk-0123456789abcdef".to_owned()),
        "HTTPS_PROXY" => Some("of-environment".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

pub(super) fn build_in(dir: &Path) -> Result<Loaded, Vec<Problem>> {
    let snapshot = Snapshot::read(dir).map_err(|problem| vec![*problem])?;
    build(&snapshot, &Sources { env: &env, folder: &snapshot.folder, pretend: false })
}

fn built(yaml: &str) -> Loaded {
    let dir = folder(&[("gateway.yaml", yaml)]);
    build_in(dir.path()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// `line:column rule: message (help)` of every problem.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let dir = folder(files);
    let problems = match build_in(dir.path()) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(line).collect()
}

fn line(problem: &Problem) -> String {
    let at = problem.at.map(|at| format!("{}:{} ", at.line, at.column)).unwrap_or_default();
    let mild = if problem.severity == Severity::Warning { "warning " } else { "" };
    let help = problem.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{at}{mild}{}: {}{help}", problem.rule, problem.message)
}

const SMALL: &str = "providers: { demo: { kind: simulated } }\nmodels: { a: { provider: demo } }\n";

#[test]
fn the_smallest_file_serves_its_model_on_loopback() {
    let loaded = built(SMALL);
    assert_eq!((loaded.listen.to_string().as_str(), loaded.admin.port()), ("127.0.0.1:8080", 8081));
    let bundle = &loaded.bundle;
    let route = bundle.route("a", crate::ir::Endpoint::Chat).unwrap();
    assert_eq!((&*route.name, &*route.candidates[0].name), ("a", "a"));
    assert!(bundle.route("b", crate::ir::Endpoint::Chat).is_none());
    assert_eq!(bundle.hash.len(), 12);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

const FULL: &str = r#"
listen: 127.0.0.1:9000
admin: { listen: "127.0.0.1:9001" }
strict: true
max_body: 1MiB
policy_headers: [X-Team]
timeouts: { idle: 30s }
providers:
  openai: { kind: openai, api_key: "${env:KEY}", headers: { x-org: "o-${env:KEY}" }, api_version: 2024-10-21 }
  local: { kind: openai, base_url: "http://127.0.0.1:8000/" }
  demo: { kind: simulated }
models:
  gpt: &gpt
    provider: openai
    upstream: gpt-2025
    context_window: 400k
    max_output_tokens: 128000
    modalities: { input: [text, image] }
    capabilities: [tools, reasoning]
    price: { input: 0.25, cached_input: 0.025, output: 2.00, tiers: [{ above: 200k, input: 0.5, output: 4 }] }
    tags: { quality: 0.78, safety: high, eu: true }
    limits: { requests_per_minute: 500, tokens_per_minute: 200000, concurrent: 64 }
  llama: { provider: local }
  tiny: { provider: demo, simulate: { latency_ms: { p50: 120, p95: 400 }, error_rate: 1%, answer: [yes, "no"] } }
routes:
  - name: assistant
    models: [assistant, "assistant-*"]
    endpoints: [chat, messages]
    candidates: [tiny, "g*"]
    timeouts: { first_byte: 10s }
    retries: { max: 1, budget: 10% }
  - { name: rest, models: ["*"], strict: false }
keys:
  - { name: ci, secret: "${env:KEY}", team: platform, tags: { tier: gold }, models: ["assistant*"], expires: 2027-01-31 }
services:
  docs: { kind: qdrant, base_url: "http://127.0.0.1:6333", collection: handbook, limit: 3 }
feeds:
  prices: [{ source: "https://openrouter.ai/api/v1/models", format: openrouter, refresh: 1h }]
records: { folder: ./records }
"#;

#[test]
fn every_part_of_a_full_file_is_built() {
    let loaded = built(FULL);
    let bundle = &loaded.bundle;
    let openai = &bundle.providers["openai"];
    assert_eq!(openai.base_url, "https://api.openai.com/v1");
    assert_eq!(openai.quirks.query.as_deref(), Some("api-version=2024-10-21"));
    assert_eq!(openai.headers[0].1.as_bytes(), b"o-sk-0123456789abcdef");
    assert!(!format!("{bundle:?}").contains("sk-0123"), "a secret is shown");
    assert_eq!(bundle.providers["local"].base_url, "http://127.0.0.1:8000/v1");
    let gpt = &bundle.models["gpt"];
    assert_eq!((gpt.upstream.as_str(), gpt.context_window), ("gpt-2025", Some(400_000)));
    let price = gpt.price.as_ref().unwrap();
    assert_eq!(
        (price.input, price.cached_input, price.tiers[0].above),
        (250_000_000, Some(25_000_000), 200_000)
    );
    let tiny = bundle.models["tiny"].simulate.as_ref().unwrap();
    assert_eq!(tiny.answer, Answer::Scripted(vec!["yes".into(), "no".into()]));
    let route = bundle.route("assistant-2", crate::ir::Endpoint::Chat).unwrap();
    let names: Vec<&str> = route.candidates.iter().map(|model| &*model.name).collect();
    assert_eq!((&*route.name, names), ("assistant", vec!["tiny", "gpt"]));
    assert_eq!(
        (route.timeouts.first_byte.as_secs(), route.timeouts.idle.as_secs(), route.strict),
        (10, 30, true)
    );
    assert_eq!((route.retries.max, route.retries.budget), (1, 0.1));
    let rest = bundle.route("assistant", crate::ir::Endpoint::Embeddings).unwrap();
    assert_eq!((&*rest.name, rest.candidates.len(), rest.strict), ("rest", 3, false));
    assert_eq!(bundle.keys[0].expires_ms, Some(1_801_439_999_000));
    assert_eq!(bundle.services["docs"].settings["collection"], "handbook");
    assert_eq!(loaded.feeds[0].refresh.as_secs(), 3_600);
    assert_eq!(bundle.settings.max_body, 1 << 20);
}

const FAULTY: &str = r#"listen: 0.0.0.0:8080
admin: { listen: "0.0.0.0:8080" }
polices: ./policies
providers:
  a: { kind: opnai }
  b: { kind: openai, api_key: sk-clear-clear-clear }
  c: { kind: openai, api_key: "${env:NOT_SET}", base_url: "https://me:pw@host/v1" }
  d: { kind: openai, api_key: "${file:./no-such}", dialect: anthropic }
  demo: { kind: simulated }
models:
  m: { provider: demo, context_window: 8k, max_output_tokens: 9k }
  n: { provider: deno }
  o: { provider: a }
  p: { provider: demo, price: { input: -1, output: 2 }, modalities: { input: [txt] } }
  q: { provider: demo, limits: { concurrent: many } }
routes:
  - { name: r, models: ["x-*"], candidates: [m, nn] }
  - { name: r, models: [x-1], candidates: [] }
  - { name: s, models: ["[x"], endpoints: [chatt], policies: [route/cheap] }
keys:
  - { name: k, secret: short-in-clear }
  - { name: k, secret: "${env:EMPTY}", expires: soon }
services:
  v: { kind: qdrant, base_url: "ftp://x", embed_with: zz }
feeds: { prices: [{ source: ./no.json, format: litellm, refresh: 10 }] }
"#;

#[test]
fn an_account_at_amazon_is_chosen_where_amazon_signs() {
    let yaml = r#"
providers:
  a: { kind: bedrock, region: eu-west-1, profile: team, role_arn: "arn:aws:iam::1:role/r" }
  b: { kind: bedrock, region: eu-west-1 }
models: { m: { provider: a } }
"#;
    let dir = folder(&[("gateway.yaml", yaml)]);
    let providers = &build_in(dir.path()).unwrap().bundle.providers;
    let account = &providers["a"].account;
    assert_eq!(
        (account.profile.as_deref(), account.role_arn.as_deref()),
        (Some("team"), Some("arn:aws:iam::1:role/r"))
    );
    assert_eq!(providers["b"].account, crate::provider::aws::Account::default());
    let wrong = r#"
providers:
  a: { kind: openai, api_key: "${env:KEY}", profile: team }
  b: { kind: bedrock, region: eu-west-1, api_key: "${env:KEY}", role_arn: "arn:aws:iam::1:role/r" }
  c: { kind: bedrock, region: eu-west-1, role_arn: reader }
  d: { kind: bedrock, region: eu-west-1, profile: "" }
  e: { kind: openai, base_url: "http://0xa9fea9fe/v1" }
models: { m: { provider: a } }
"#;
    let found = problems(&[("gateway.yaml", wrong)]);
    let expected = [
        "3:54 invalid_value: `profile` chooses an account at Amazon",
        "4:75 invalid_value: the `api_key` is used",
        "5:52 invalid_value: `reader` is no ARN",
        "6:51 invalid_value: `profile` is empty",
        "7:32 invalid_url: this is a cloud's metadata service",
    ];
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected), "\nfound    {found}\nexpected {expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn proxies_of_the_gateway_hold_where_nobody_says_another() {
    let yaml = r#"
proxy: "http://us:${env:KEY}@proxy.example:3128"
providers:
  a: { kind: openai, base_url: "https://a.example/v1" }
  b: { kind: openai, base_url: "https://b.example/v1", proxy: none }
  c: { kind: openai, base_url: "https://c.example/v1", proxy: "https://other:8443" }
  d: { kind: openai, base_url: "https://d.example/v1", proxy: environment }
models: { m: { provider: a } }
services:
  s: { kind: http, base_url: "https://s.example" }
  t: { kind: http, base_url: "https://t.example", proxy: none }
feeds: { prices: [{ source: "https://prices.example/x.json", format: litellm }] }
"#;
    let loaded = built(yaml);
    let target = "https://x.example/".parse().unwrap();
    let name = |proxies: &Option<std::sync::Arc<crate::provider::Proxies>>| {
        proxies.as_ref().and_then(|proxies| proxies.of(&target)).map(|proxy| proxy.name().to_owned())
    };
    let (bundle, all) = (&loaded.bundle, Some("proxy.example:3128".to_owned()));
    assert_eq!(name(&bundle.providers["a"].proxies), all);
    assert_eq!(name(&bundle.providers["b"].proxies), None);
    assert_eq!(name(&bundle.providers["c"].proxies).as_deref(), Some("other:8443"));
    assert_eq!(name(&bundle.providers["d"].proxies).as_deref(), Some("of-environment:80"));
    assert_eq!(
        (name(&bundle.services["s"].proxies), name(&bundle.services["t"].proxies)),
        (all.clone(), None)
    );
    assert_eq!(name(&loaded.feeds[0].proxies), all);
    assert!(!format!("{bundle:?}").contains("sk-0123456789abcdef"));
    let wrong = r#"
proxy: "socks5://proxy:1"
providers:
  a: { kind: openai, base_url: "https://a.example/v1", proxy: "http://us:hush@proxy:1" }
  b: { kind: openai, base_url: "https://b.example/v1", proxy: "http://us:hush@proxy:1/x" }
  c: { kind: openai, base_url: "https://c.example/v1", proxy: off }
models: { m: { provider: a } }
"#;
    let found = problems(&[("gateway.yaml", wrong)]);
    let expected = [
        "2:8 invalid_url: a proxy is spoken to over http:// or https://",
        "4:63 warning secret_in_clear: the proxy's password stands here in clear",
        "5:63 invalid_url: the address of a proxy has no path",
        "6:63 invalid_url: this is no address of a proxy (write `http://user:${env:PASSWORD}@proxy.example:3128`, `environment` or `none`)",
    ];
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            found.starts_with(expected) && !found.contains("hush"),
            "\nfound    {found}\nexpected {expected}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn every_problem_of_a_file_is_listed_at_once() {
    let policy = "fn route() { }\n";
    let found = problems(&[("gateway.yaml", FAULTY), ("policies/route/cheapest.rhai", policy)]);
    let expected = [
        "2:18 open_port",
        "2:18 same_port",
        "3:1 unknown_key: unknown key `polices` (did you mean `policies`?)",
        "5:14 unknown_name: there is no kind of provider `opnai` (did you mean `openai`?)",
        "6:31 warning secret_in_clear",
        "7:31 missing_env: the environment variable `NOT_SET` is not set",
        "7:59 invalid_url: an address must not carry credentials",
        "8:31 unreadable_file",
        "8:61 unknown_name: there is no dialect",
        "11:63 warning output_beyond_window",
        "12:18 unknown_name: there is no provider `deno` (did you mean `demo`?)",
        "14:40 invalid_value: a price cannot be negative",
        "14:79 unknown_name: there is no modality `txt` (did you mean `text`?)",
        "15:46 wrong_type: expected a whole number, 0 or more, found the text `many`",
        "17:49 unknown_name: there is no model `nn` (did you mean `n`?)",
        "18:13 duplicate_name",
        "18:13 no_candidates",
        "18:25 warning shadowed: no request for `x-1` comes here",
        "19:25 invalid_glob",
        "19:44 unknown_value: `chatt` is not known here (did you mean `chat`?)",
        "19:63 unknown_name: there is no policy `route/cheap`",
        "21:24 warning secret_in_clear",
        "21:24 warning short_secret",
        "22:13 duplicate_name",
        "22:24 empty_secret",
        "22:49 invalid_value: `soon` is no date",
        "24:3 missing_key: `v` needs `collection`",
        "24:32 invalid_url",
        "24:55 unknown_name: there is no model `zz`",
        "25:29 warning missing_feed",
        "25:66 invalid_value: 10 of what?",
        "warning unused_policy: no route uses `route/cheapest`",
    ];
    let shown = found.join("\n");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected), "\nfound    {found}\nexpected {expected}\n\n{shown}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_port_is_open_only_when_that_is_said() {
    let open = |head: &str| problems(&[("gateway.yaml", &format!("{head}\n{SMALL}"))]).len();
    assert_eq!(open("listen: 0.0.0.0:80"), 1);
    assert_eq!(open("listen: \"[::]:80\""), 1);
    assert_eq!(open("listen: 0.0.0.0:80\nopen: true"), 0);
    assert_eq!(open("listen: \"[::1]:80\""), 0);
    assert_eq!(open("listen: 0.0.0.0:80\nkeys: [{ name: a, secret: \"${env:KEY}\" }]"), 0);
    assert_eq!(open("admin: { listen: \":80\" }\nopen: true"), 1);
    assert_eq!(open("admin: { listen: \":80\", open: true }"), 0);
}

#[test]
fn files_that_cannot_be_used_are_told() {
    assert!(problems(&[]).iter().any(|p| p.contains("unreadable_file") && p.contains("pointsman init")));
    assert!(problems(&[("gateway.yaml", "")]).iter().any(|p| p.contains("nothing_to_serve")));
    assert_eq!(problems(&[("gateway.yaml", "listen: [")]).len(), 1);
    let gone = problems(&[(
        "gateway.yaml",
        &format!("policies: ./none\ndefault_policies: [a, b]\n{SMALL}routes: [{{ name: r, policies: [a] }}]"),
    )]);
    assert!(gone.len() == 1 && gone[0].starts_with("1:11 unreadable_file: the policies folder"), "{gone:?}");
    assert!(problems(&[("gateway.yaml", &format!("listen: 8080\n{SMALL}"))])[0].contains("127.0.0.1:8080"));
    let dir = folder(&[("gateway.yaml", SMALL), ("policies/a.rhai", "fn route() {}"), ("out.rhai", "x")]);
    std::os::unix::fs::symlink(dir.path().join("out.rhai"), dir.path().join("policies/b.rhai")).unwrap();
    std::os::unix::fs::symlink(dir.path(), dir.path().join("policies/loop")).unwrap();
    let mut found: Vec<_> = build_in(dir.path()).unwrap_err().iter().map(|problem| problem.rule).collect();
    found.sort_unstable();
    assert_eq!(found, ["outside_folder", "outside_folder", "unused_policy"]);
}

/// As Kubernetes mounts a map of files: links into a hidden folder.
#[test]
fn cases_behind_links_are_run_and_hidden_folders_passed_over() {
    let cases = "cases:\n  - { name: c, request: Hi, expect: { targets: [b] } }\n";
    let yaml = format!("{SMALL}routes: [{{ name: r, policies: [p] }}]\n");
    let dir = folder(&[
        ("gateway.yaml", &yaml),
        ("policies/..data/p.rhai", "fn route() { \"a\" }"),
        ("policies/..data/p.cases.yaml", cases),
    ]);
    for name in ["p.rhai", "p.cases.yaml"] {
        let policies = dir.path().join("policies");
        std::os::unix::fs::symlink(policies.join("..data").join(name), policies.join(name)).unwrap();
    }
    let found = build_in(dir.path()).unwrap_err();
    let told: Vec<String> =
        found.iter().map(|one| format!("{} {}", one.file.display(), one.message)).collect();
    assert!(told.len() == 1 && told[0].contains("policies/p.cases.yaml case `c`: targets"), "{told:?}");
}

/// A misspelt hook leaves none, and a route that lists such a policy does not mean that.
#[test]
fn a_route_lists_only_policies_with_hooks() {
    let yaml = format!("{SMALL}routes: [{{ name: r, models: [x], policies: [p] }}]\n");
    let found = problems(&[("gateway.yaml", &yaml), ("policies/p.rhai", "fn rout() { \"a\" }")]);
    assert!(
        found.len() == 1 && found[0].contains("no_hook") && found[0].contains("did you mean `fn route()`?"),
        "{found:?}"
    );
}

#[test]
fn names_that_a_route_returns_are_looked_up() {
    let yaml = format!("{SMALL}routes: [{{ name: r, models: [x], policies: [p] }}]\n");
    for (policy, unknown) in [
        ("fn route() { \"aa\" }", true),
        ("fn route() { if req.stream { return \"aa\"; } \"a\" }", true),
        ("fn route() { if req.stream { return [\"a\", \"aa\"]; } \"a\" }", true),
        ("fn route() { if req.stream { throw \"aa\"; } \"a\" }", false),
        ("fn on_request() { reject(400, \"aa\", \"aa\") }", false),
    ] {
        let found = problems(&[("gateway.yaml", &yaml), ("policies/p.rhai", policy)]);
        let told = found.iter().any(|one| one.contains("unknown_name: there is no model `aa`"));
        assert_eq!((told, found.len()), (unknown, usize::from(unknown)), "{policy}: {found:?}");
    }
}

#[test]
fn the_hash_is_of_contents_only() {
    let hash = |files: &[(&str, &str)]| Snapshot::read(folder(files).path()).unwrap().hash;
    let base = hash(&[("gateway.yaml", SMALL), ("policies/a.rhai", "1")]);
    assert_eq!(
        base,
        hash(&[("policies/a.rhai", "1"), ("gateway.yaml", SMALL), ("policies/.a.rhai.swp", "x")])
    );
    assert_ne!(base, hash(&[("gateway.yaml", SMALL), ("policies/a.rhai", "2")]));
    assert_ne!(base, hash(&[("gateway.yaml", SMALL), ("policies/b.rhai", "1")]));
    assert_ne!(
        base,
        hash(&[("gateway.yaml", SMALL), ("policies/a.rhai", "1"), ("policies/a.cases.yaml", "")])
    );
}

/// Ten thousand mutations of a good file: never a panic, never a hang.
#[test]
fn mutated_files_are_refused_calmly() {
    let seed = 7;
    let mut rng = fastrand::Rng::with_seed(seed);
    let good = "listen: 127.0.0.1:1\nproviders: &p { demo: { kind: simulated } }\nmodels:\n  a: { provider: demo, price: { input: 1, output: 2 } }\nroutes:\n  - name: r\n    candidates: [a]\n    policies: [{ x: { y: 1 } }]\n";
    let alphabet: Vec<char> = "{}[]:,-&*!|>'\"%@`#\n \tab1.~<<".chars().collect();
    for round in 0..10_000 {
        let mut text: Vec<char> = good.chars().collect();
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(0..text.len());
            match rng.u8(0..3) {
                0 => text[at] = alphabet[rng.usize(0..alphabet.len())],
                1 => text.insert(at, alphabet[rng.usize(0..alphabet.len())]),
                _ => text.truncate(text.len().min(at + 1)),
            }
        }
        let text: String = text.into_iter().collect();
        let (tree, problems) = crate::yaml::Tree::parse(Path::new("m.yaml"), &text);
        let read = tree.map(|tree| crate::yaml::decode::<file::GatewayFile>(Path::new("m.yaml"), &tree.root));
        assert!(read.is_some() || !problems.is_empty(), "seed {seed}, round {round}: {text}");
    }
}

#[test]
fn a_policy_that_asks_needs_a_share_or_a_sample_to_be_on_trial() {
    let yaml =
        |shadow: &str| format!("{SMALL}routes:\n  - {{ name: r, shadow: {{ policy: asks{shadow} }} }}\n");
    let asks = "fn route() { ask(\"a\", req); }\n";
    for refused in ["", ", sample: 0%", ", share: 0%"] {
        let found = problems(&[("gateway.yaml", &yaml(refused)), ("policies/asks.rhai", asks)]);
        assert!(found.iter().any(|one| one.contains("shadow_waits")), "{refused}: {found:?}");
    }
    for taken in [", share: 5%", ", sample: 5%"] {
        let found = problems(&[("gateway.yaml", &yaml(taken)), ("policies/asks.rhai", asks)]);
        assert!(found.is_empty(), "{taken}: {found:?}");
    }
}

#[test]
fn clouds_have_region_and_project_in_their_address() {
    let base = |account: &str| {
        let yaml = format!("providers: {{ p: {{ {account} }} }}\nmodels: {{ m: {{ provider: p }} }}\n");
        built(&yaml).bundle.providers["p"].base_url.clone()
    };
    for (account, expected) in [
        ("kind: bedrock, region: eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        (
            "kind: vertex, region: us-east5, project: p-1",
            "https://us-east5-aiplatform.googleapis.com/v1/projects/p-1/locations/us-east5",
        ),
        (
            "kind: vertex_anthropic, region: global, project: p-1",
            "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global",
        ),
        ("kind: bedrock, base_url: \"https://vpce-1.example\"", "https://vpce-1.example"),
    ] {
        assert_eq!(base(account), expected);
    }
    let yaml = "providers:\n  a: { kind: bedrock }\n  b: { kind: vertex, region: \"x/y\", project: p }\n  c: { kind: openai, region: eu }\nmodels: { m: { provider: a } }\n";
    let found = problems(&[("gateway.yaml", yaml)]);
    for expected in [
        "2:3 missing_key: `a` needs a region: it is in the address of Amazon Bedrock",
        "3:30 invalid_value: `x/y` cannot stand in an address",
        "4:30 warning unused_key: OpenAI",
    ] {
        assert!(found.iter().any(|line| line.starts_with(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn hooks_that_would_never_run_are_refused() {
    let answers = "fn on_response() { () }\n";
    let route = |endpoints: &str| {
        format!(
            "providers: {{ demo: {{ kind: simulated }} }}\nmodels: {{ m: {{ provider: demo }} }}\nroutes:\n  - {{ name: r, endpoints: {endpoints}, policies: [look] }}\n"
        )
    };
    let found =
        |endpoints: &str| problems(&[("gateway.yaml", &route(endpoints)), ("policies/look.rhai", answers)]);
    assert!(
        found("[embeddings, images]")
            .iter()
            .any(|line| line.starts_with("4:13 unheard_hook: `on_response` of `look`"))
    );
    assert_eq!(found("[embeddings, chat]"), Vec::<String>::new());
}
