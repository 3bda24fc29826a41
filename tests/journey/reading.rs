//! Policies that read answers on their way: sentence by sentence, streamed or
//! whole, in every dialect, however the provider's bytes are cut.

use serde_json::Value;

use super::gateway::{Answer, Gateway};
use super::upstream::{TALK, Upstream};
use super::{route, yaml};

const REDACT: &str = include_str!("../../policies/guard/redact.rhai");
/// What is left of [`TALK`].
const REDACTED: &str = "Write to [withheld] today. Your account is [withheld], is it?\n\nIt costs 3.14 USD, e.g. now! 今日は。Good";

/// The events of a stream, as JSON.
fn events(answer: &Answer) -> Vec<Value> {
    let data = answer.body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// The text of a stream in OpenAI's chat form.
fn text(answer: &Answer) -> String {
    let events = events(answer);
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

fn finish(answer: &Answer) -> Option<String> {
    let events = events(answer);
    events.iter().find_map(|event| event["choices"][0]["finish_reason"].as_str().map(str::to_owned))
}

/// Expressions are compiled at their first use, which takes long in a build for tests.
const PATIENT: &str = "policy_limits: { inline: { wall: 5s, cpu: 5s } }\n";

async fn start(models: &[&str], policy: &str, more: &str) -> (Upstream, Gateway) {
    let (upstream, base) = Upstream::start().await;
    let config = format!("{}{more}{}", yaml(&base, models), route(models, ", policies: [read]"));
    (upstream, Gateway::start(&config, &[("read", policy)]).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sentence_is_read_however_the_stream_is_cut() {
    for piece in [1, 2, 3, 7, 64, 100_000] {
        let (_upstream, gateway) = start(&[&format!("talks-{piece}")], REDACT, PATIENT).await;
        let answer = gateway.chat("r", true).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(text(&answer), REDACTED, "pieces of {piece}");
        assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
        assert_eq!(finish(&answer).as_deref(), Some("stop"));
        assert!(!answer.body.contains("DE89") && !answer.body.contains("anna"), "{}", answer.body);
        gateway.account_holds().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_keeps_its_place_and_nothing_is_lost() {
    let (_upstream, gateway) = start(&["talks-5"], "fn on_text() { }", "").await;
    let answer = gateway.chat("r", true).await;
    let events = events(&answer);
    assert_eq!(text(&answer), TALK);
    let place = |find: &dyn Fn(&Value) -> bool| events.iter().position(find).unwrap();
    let reasons = place(&|event| event["choices"][0]["delta"]["reasoning_content"] == " Yes.");
    let calls = place(&|event| event["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] == "look");
    let ends = place(&|event| event["choices"][0]["finish_reason"] == "stop");
    assert!(reasons < calls && calls < ends, "{}", answer.body);
    let before: String =
        events[..calls].iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(before, "Write to anna.b@example.com today.");
    assert!(!answer.body.contains("\"logprobs\":{"), "they would tell the sentences: {}", answer.body);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_answers_and_answers_of_policies_are_read_too() {
    let (_upstream, gateway) = start(&["talks-9"], REDACT, PATIENT).await;
    let answer = gateway.chat("r", false).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], REDACTED, "{}", answer.body);
    let own = format!("{REDACT}\nfn route() {{ respond(\"Ask anna@example.com. Or Bob.\") }}");
    let (_upstream, gateway) = start(&["talks-9"], &own, PATIENT).await;
    for stream in [false, true] {
        let answer = gateway.chat("r", stream).await;
        assert!(answer.body.contains("Ask [withheld]. Or Bob."), "{}", answer.body);
    }
    let reviews = format!("{REDACT}\nfn on_response() {{ ctx.note(\"reviewed\", true); }}");
    let (_upstream, gateway) = start(&["talks-9"], &reviews, PATIENT).await;
    let answer = gateway.chat("r", true).await;
    assert_eq!(text(&answer), REDACTED);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_dialects_read_the_same() {
    let (_upstream, gateway) = start(&["talks-6"], REDACT, PATIENT).await;
    let ask = r#"{"model":"r","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let answer = gateway.send(gateway.post("/v1/messages", ask)).await;
    let said: String = events(&answer).iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(said, REDACTED, "{}", answer.body);
    assert!(answer.body.contains("message_stop"), "{}", answer.body);
    let ask = r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#;
    let answer = gateway.send(gateway.post("/v1beta/models/r:streamGenerateContent?alt=sse", ask)).await;
    let said: String = events(&answer)
        .iter()
        .flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default())
        .filter(|part| part["thought"] != true)
        .filter_map(|part| part["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(said, REDACTED, "{}", answer.body);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_stops_an_answer_and_the_provider_is_left() {
    let stops = r#"fn on_text() { if text.contains("account") { stop("[no more]") } }"#;
    let (upstream, gateway) = start(&["chatters"], stops, "").await;
    let answer = gateway.chat("r", true).await;
    assert_eq!(text(&answer), "Write to anna.b@example.com today. [no more]");
    assert_eq!(finish(&answer).as_deref(), Some("content_filter"));
    assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    upstream.until("the provider to be left", |upstream| upstream.left.lock().len() == 1).await;
    assert_eq!(gateway.metric("pointsman_exchanges_settled_total", "outcome=\"completed\"").await, 1.0);
    assert_eq!(gateway.metric("pointsman_attempts_total", "result=\"cancelled\"").await, 1.0);
    gateway.account_holds().await;

    let (_upstream, gateway) = start(&["talks-8"], stops, "").await;
    let answer = gateway.chat("r", false).await.json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], "Write to anna.b@example.com today. [no more]");
    assert_eq!(choice["finish_reason"], "content_filter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_fails_ends_the_answer_unless_it_may_be_ignored() {
    let spins = "fn on_text() { if text.contains(\"account\") { loop { } } }";
    let throws = "fn on_text() { if text.contains(\"account\") { throw \"no\" } }";
    let wrong = "fn on_text() { if text.contains(\"account\") { 7 } }";
    let route_only = "fn on_text() { if text.contains(\"account\") { reject(400, \"a\", \"b\") } }";
    for source in [spins, throws, wrong, route_only] {
        let (_upstream, gateway) = start(&["talks-50"], source, "").await;
        let answer = gateway.chat("r", true).await;
        assert_eq!(text(&answer), "Write to anna.b@example.com today.", "{source}: {}", answer.body);
        assert!(answer.body.contains("policy_failed") && !answer.body.contains("[DONE]"), "{}", answer.body);
        assert_eq!(gateway.metric("pointsman_exchanges_settled_total", "outcome=\"partial\"").await, 1.0);
        let answer = gateway.chat("r", false).await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "policy_failed"), "{}", answer.body);
        assert_eq!(gateway.metric("pointsman_policy_faults_total", "hook=\"on_text\"").await, 2.0);
        gateway.account_holds().await;

        let ignored = format!("//! on_error: ignore\n{source}");
        let (_upstream, gateway) = start(&["talks-50"], &ignored, "").await;
        assert_eq!(text(&gateway.chat("r", true).await), TALK, "{source}");
        gateway.account_holds().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_asks_a_model_reads_too_within_its_time() {
    let asks = r#"
        fn on_text() {
            let said = ask("fine", "Is this fit to print? " + text);
            if said.ok { "<" + said.text + ">" }
        }
    "#;
    let (upstream, base) = Upstream::start().await;
    let names = ["talks-70", "fine", "hang"];
    let config =
        |more: &str| format!("{}{more}{}", yaml(&base, &names), route(&["talks-70"], ", policies: [read]"));
    let gateway = Gateway::start(&config(""), &[("read", asks)]).await;
    let answer = gateway.chat("r", true).await;
    let asked = upstream.asked().iter().filter(|model| *model == "fine").count();
    assert!(asked >= 5, "{asked}");
    let said = text(&answer);
    let reasoning = answer.body.matches("reasoning_content").count();
    assert_eq!(said.matches("<Hello you>").count() + reasoning, asked, "{said}");
    assert!(said.starts_with("<Hello you> <Hello you>"), "{said}");
    gateway.account_holds().await;

    let hangs = asks.replace("\"fine\"", "\"hang\"");
    let gateway = Gateway::start(&config("policy_limits: { sentence: 200ms }\n"), &[("read", &hangs)]).await;
    let answer = gateway.chat("r", true).await;
    assert_eq!(text(&answer), "");
    assert!(answer.body.contains("policy_failed"), "{}", answer.body);
    upstream.until("the question to be left", |upstream| !upstream.left.lock().is_empty()).await;
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_a_sentence_is_read_leaves_nothing_behind() {
    let asks = r#"fn on_text() { let said = ask("hang", text); "x" }"#;
    let (upstream, base) = Upstream::start().await;
    let config =
        format!("{}{}", yaml(&base, &["chatters", "hang"]), route(&["chatters"], ", policies: [read]"));
    let gateway = Gateway::start(&config, &[("read", asks)]).await;
    let body = r#"{"model":"r","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let reply = gateway.post("/v1/chat/completions", body).send().await.unwrap();
    upstream.until("the question", |upstream| upstream.asked().iter().any(|model| model == "hang")).await;
    drop(reply);
    upstream.until("both to be left", |upstream| upstream.left.lock().len() == 2).await;
    gateway.metric_reaches("pointsman_exchanges_settled_total", "outcome=\"cancelled\"", 1.0).await;
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_repeats_the_words_that_were_taken_out_goes_with_them() {
    let (_upstream, base) = Upstream::start().await;
    let models = ["gemini-cited", "gemini-cited-stream"];
    let yaml = format!(
        "{PATIENT}providers:\n  g: {{ kind: gemini, base_url: \"{base}\", api_key: k }}\nmodels:\n  {}: {{ provider: g }}\n  {}: {{ provider: g }}\nroutes:\n  - {{ name: r, models: [\"*\"], candidates: [{}, {}], policies: [p] }}\n",
        models[0], models[1], models[0], models[1],
    );
    let policy = format!("{REDACT}\nfn route() {{ plan(req.model) }}");
    let gateway = Gateway::start(&yaml, &[("p", &policy)]).await;
    let ask = r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#;
    for (model, call) in [(models[0], "generateContent"), (models[1], "streamGenerateContent?alt=sse")] {
        let path = format!("/v1beta/models/{model}:{call}");
        let answer = gateway.send(gateway.post(&path, ask)).await;
        assert!(answer.body.contains("[withheld]"), "{model}: {}", answer.body);
        assert!(!answer.body.contains("anna.b@"), "{model}: {}", answer.body);
    }
    // A client of another dialect still learns the source, without the place of its words.
    let ask = format!(r#"{{"model":"{}","messages":[{{"role":"user","content":"x"}}]}}"#, models[0]);
    let answer = gateway.send(gateway.post("/v1/chat/completions", ask)).await;
    assert!(!answer.body.contains("anna.b@"), "{}", answer.body);
    assert!(answer.body.contains("https://example.com/people"), "{}", answer.body);
    gateway.account_holds().await;
}
