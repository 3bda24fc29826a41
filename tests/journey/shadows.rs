//! Policies on trial that ask models: beside the exchange, off the client's
//! path, in an account of their own, and without any effect on it.

use serde_json::Value;

use super::gateway::Gateway;
use super::upstream::Upstream;
use super::{route, yaml};

/// A simulated provider `s` with the models `a` and `b`.
const SIMULATED: &str =
    "providers: { s: { kind: simulated } }\nmodels: { a: { provider: s }, b: { provider: s } }\n";
const ACTS: &str = "fn route() { ctx.note(\"n\", state.get(\"n\")); plan(\"a\") }";

async fn status(gateway: &Gateway) -> Value {
    let status = gateway.client.get(format!("http://{}/status", gateway.admin)).send().await.unwrap();
    serde_json::from_slice(&status.bytes().await.unwrap()).unwrap()
}

fn trial(shadow: &str) -> String {
    format!(
        "{SIMULATED}{}",
        route(&["a", "b"], &format!(", policies: [acts], shadow: {{ policy: trial{shadow} }}"))
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_asks_decides_beside_the_acting_one() {
    let asks = r#"fn route() { state.add("n", 1); let said = ask("b", req); if said.ok { plan("b") } else { plan("a") } }"#;
    let gateway = Gateway::start(&trial(", sample: 100%"), &[("acts", ACTS), ("trial", asks)]).await;
    for stream in [false, true, false] {
        let answer = gateway.chat("r", stream).await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "a"), "{}", answer.body);
        assert_eq!(
            (answer.header("x-pointsman-attempts"), answer.header("x-pointsman-notes")),
            ("1", r#"{"n":null}"#)
        );
    }
    gateway.metric_reaches("pointsman_shadow_decisions_total", "agreed=\"no\"", 3.0).await;
    gateway.metric_reaches("pointsman_exchanges_settled_total", "route=\"r/shadow\"", 3.0).await;
    gateway.account_holds().await;
    assert_eq!(gateway.metric("pointsman_attempts_total", "model=\"b\"").await, 3.0);
    assert_eq!(gateway.metric("pointsman_attempts_total", "model=\"a\"").await, 3.0);
    let shadow = &status(&gateway).await["shadows"][0];
    assert_eq!(
        (&shadow["disagreed"], &shadow["agreed"], &shadow["acted"]),
        (&3.into(), &0.into(), &0.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_without_a_model_are_compared_too() {
    for (acts, tries, agrees) in [
        (
            "fn route() { respond(\"x\") }",
            "fn route() { let said = ask(\"b\", req); respond(said.text) }",
            true,
        ),
        (ACTS, "fn route() { let said = ask(\"b\", req); respond(said.text) }", false),
        (ACTS, "fn route() { ask(\"b\", req); throw \"no\" }", false),
        (ACTS, "fn route() { ask(\"b\", req); () }", true),
        ("fn route() { reject(403, \"a\", \"b\") }", "fn route() { reject(400, \"c\", \"d\") }", true),
    ] {
        let gateway = Gateway::start(&trial(", sample: 100%"), &[("acts", acts), ("trial", tries)]).await;
        gateway.chat("r", false).await;
        let agreed = if agrees { "agreed=\"yes\"" } else { "agreed=\"no\"" };
        gateway.metric_reaches("pointsman_shadow_decisions_total", agreed, 1.0).await;
        assert_eq!(gateway.metric("pointsman_shadow_decisions_total", "").await, 1.0, "{acts} {tries}");
        gateway.account_holds().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_shadow_holds_nobody_up_and_a_client_that_leaves_does_not_end_it() {
    let (upstream, base) = Upstream::start().await;
    let names = ["fine", "hang"];
    let asks = r#"fn route() { ask("hang", req); plan("fine") }"#;
    let shadow = ", policies: [acts], shadow: { policy: trial, sample: 100% }, timeouts: { first_byte: 400ms, total: 2s }";
    let config = format!("{}{}", yaml(&base, &names), route(&names, shadow));
    let gateway =
        Gateway::start(&config, &[("acts", "fn route() { plan(\"fine\") }"), ("trial", asks)]).await;
    let answer = gateway.chat("r", true).await;
    assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    assert_eq!(gateway.metric("pointsman_shadow_decisions_total", "").await, 0.0, "the answer came first");
    gateway.metric_reaches("pointsman_shadow_decisions_total", "agreed=\"yes\"", 1.0).await;
    assert!(upstream.asked().contains(&"hang".to_owned()));
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_sample_is_asked_beside() {
    let asks = r#"fn route() { ask("b", req); plan("a") }"#;
    let gateway =
        Gateway::start(&trial(", share: 0%, sample: 20%"), &[("acts", ACTS), ("trial", asks)]).await;
    for _ in 0..200 {
        assert_eq!(gateway.chat("r", false).await.header("x-pointsman-model"), "a");
    }
    gateway.account_holds().await;
    let asked = gateway.metric("pointsman_attempts_total", "model=\"b\"").await;
    assert!((10.0..=80.0).contains(&asked), "{asked} of 200 at 20 %");
    assert_eq!(gateway.metric("pointsman_shadow_decisions_total", "agreed=\"yes\"").await, asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_on_trial_changes_nothing_at_a_service_unless_it_acts() {
    let calls = r#"fn route() {
        let seen = http("tools", "get", "/look");
        let sent = ["post", "PUT", "PATCH", "DELETE", "PURGE"].filter(|method| http("tools", method, "/act", #{}).ok);
        let why = http("tools", "POST", "/act", #{}).error ?? "";
        if seen.ok && sent.is_empty() && why.contains("on trial") { plan("a") } else { plan("b") }
    }"#;
    let (upstream, base) = Upstream::start().await;
    let services = format!("services: {{ tools: {{ kind: http, base_url: \"{base}\" }} }}\n");
    let config = |share: &str| services.clone() + trial(&format!(", sample: 100%{share}")).as_str();
    let count = |path: &str| upstream.seen.lock().iter().filter(|seen| seen.path.ends_with(path)).count();
    let gateway = Gateway::start(&config(""), &[("acts", ACTS), ("trial", calls)]).await;
    gateway.chat("r", false).await;
    gateway.metric_reaches("pointsman_exchanges_settled_total", "route=\"r/shadow\"", 1.0).await;
    assert_eq!(gateway.metric("pointsman_shadow_decisions_total", "agreed=\"yes\"").await, 1.0);
    assert_eq!((count("/look"), count("/act")), (1, 0));

    let gateway = Gateway::start(&config(", share: 100%"), &[("acts", ACTS), ("trial", calls)]).await;
    assert_eq!(gateway.chat("r", false).await.header("x-pointsman-model"), "b", "it acts: all is sent");
    assert_eq!((count("/look"), count("/act")), (2, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_that_are_left_out_are_counted() {
    let asks = r#"fn route() { ask("hang", req); plan("fine") }"#;
    let (_upstream, base) = Upstream::start().await;
    let names = ["fine", "hang"];
    let shadow = ", policies: [acts], shadow: { policy: trial, sample: 100% }";
    let config = format!("{}{}", yaml(&base, &names), route(&names, shadow));
    let gateway =
        Gateway::start(&config, &[("acts", "fn route() { plan(\"fine\") }"), ("trial", asks)]).await;
    for _ in 0..260 {
        assert_eq!(gateway.chat("r", false).await.status, 200);
    }
    assert_eq!(gateway.metric("pointsman_shadow_left_out_total", "route=\"r\"").await, 4.0);
    assert_eq!(status(&gateway).await["shadows"][0]["left_out"], 4);
    assert_eq!(gateway.metric("pointsman_shadow_decisions_total", "").await, 0.0);
}
