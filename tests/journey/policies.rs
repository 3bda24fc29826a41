//! Policies in running exchanges: what they ask, what they change, and that
//! nothing of theirs outlives a client that leaves.

use super::gateway::Gateway;
use super::upstream::Upstream;
use super::{route, yaml};

const VOTE: &str = r#"
fn route() {
    let answers = ask_all(["fine", "other", "third"], req, #{ deadline_ms: 5000 });
    let good = 0;
    for answer in answers { if answer.ok { good += 1; } }
    ctx.note("good", good);
    if good == 3 { return plan("fine"); }
    reject(503, "too_few", "too few answered: " + good)
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_asks_three_models_and_the_plan_streams() {
    let (upstream, base) = Upstream::start().await;
    let names = ["fine", "other", "third"];
    let config = format!("{}{}", yaml(&base, &names), route(&names, ", policies: [vote]"));
    let gateway = Gateway::start(&config, &[("vote", VOTE)]).await;
    let answer = gateway.chat("r", true).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("\"Hel\"") && answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    assert_eq!(answer.header("x-pointsman-notes"), r#"{"good":3}"#);
    assert_eq!(answer.header("x-pointsman-attempts"), "4");
    assert_eq!(upstream.asked().len(), 4);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_of_ask_all_leaves_no_call_running() {
    let (upstream, base) = Upstream::start().await;
    let source = r#"fn route() { let a = ask_all(["hang", "hang", "hang"], req, #{ deadline_ms: 60000 }); plan("hang") }"#;
    let config = format!("{}{}", yaml(&base, &["hang"]), route(&["hang"], ", policies: [wait]"));
    let gateway = Gateway::start(&config, &[("wait", source)]).await;
    let body = r#"{"model":"r","messages":[{"role":"user","content":"x"}]}"#;
    let sending = tokio::spawn(gateway.post("/v1/chat/completions", body).send());
    upstream.until("three calls", |upstream| upstream.asked().len() == 3).await;
    sending.abort();
    upstream.until("all calls to be left", |upstream| upstream.left.lock().len() == 3).await;
    gateway.metric_reaches("pointsman_exchanges_settled_total", "outcome=\"cancelled\"", 1.0).await;
    gateway.metric_reaches("pointsman_attempts_total", "result=\"cancelled\"", 3.0).await;
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_refusals_and_answers_of_policies_take_effect() {
    let (upstream, base) = Upstream::start().await;
    let source = r#"
        fn on_request() {
            if req.last_user == "Hello there" { req.system = "Be kind."; }
            if req.stream { return reject(418, "no_streams", "not here"); }
        }
        fn route() { if req.model == "r" { plan("fine") } else { respond("from the policy") } }
    "#;
    let config = format!(
        "{}routes:\n  - {{ name: r, models: [r, s], candidates: [fine], policies: [edit] }}\n",
        yaml(&base, &["fine"])
    );
    let gateway = Gateway::start(&config, &[("edit", source)]).await;
    let answer = gateway.chat("r", false).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent: serde_json::Value = serde_json::from_slice(&upstream.seen.lock()[0].body).unwrap();
    assert_eq!(sent["messages"][0]["content"], "Be kind.");
    assert_eq!(sent["messages"][1]["content"], "Hello there");
    let answer = gateway.chat("r", true).await;
    assert_eq!((answer.status, answer.code().as_str()), (418, "no_streams"));
    let answer = gateway.chat("s", false).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "from the policy", "{}", answer.body);
    assert_eq!(upstream.asked().len(), 1);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_fails_falls_back_in_routing_and_denies_in_guards() {
    let (_upstream, base) = Upstream::start().await;
    let config = format!(
        "{}routes:\n  - {{ name: a, models: [a], candidates: [fine], policies: [spin] }}\n  \
         - {{ name: b, models: [b], candidates: [fine], policies: [guard] }}\n",
        yaml(&base, &["fine"])
    );
    let spin = "fn route() { let n = 0; loop { n += 1; } }";
    let guard = "fn on_request() { let x = 1 / 0; }";
    let gateway = Gateway::start(&config, &[("spin", spin), ("guard", guard)]).await;
    let answer = gateway.chat("a", false).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "fine"), "{}", answer.body);
    let answer = gateway.chat("b", false).await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "policy_failed"));
    assert_eq!(gateway.metric("pointsman_policy_faults_total", "").await, 2.0);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_is_reviewed_and_streamed_to_who_wants_a_stream() {
    let (_upstream, base) = Upstream::start().await;
    let source = r#"fn on_response() { if res.text.contains("you") { respond("reviewed") } }"#;
    let config = format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], ", policies: [review]"));
    let gateway = Gateway::start(&config, &[("review", source)]).await;
    let answer = gateway.chat("r", false).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "reviewed", "{}", answer.body);
    let answer = gateway.chat("r", true).await;
    assert!(answer.body.contains("reviewed") && answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_reaches_the_policies_of_its_exchange() {
    let (_upstream, base) = Upstream::start().await;
    let source = r#"
        fn on_feedback() { state.add("score", feedback.score); }
        fn route() { ctx.note("score", state.get("score")); plan("fine") }
    "#;
    let config = format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], ", policies: [learn]"));
    let gateway = Gateway::start(&config, &[("learn", source)]).await;
    let id = gateway.chat("r", false).await.header("x-pointsman-request-id").to_owned();
    let feedback = |body: String| gateway.send(gateway.post("/v1/feedback", body));
    let answer = feedback(format!(r#"{{"exchange":"{id}","score":0.5}}"#)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    for (body, status) in [
        (format!(r#"{{"exchange":"{id}","score":2}}"#), 400),
        (format!(r#"{{"exchange":"{id}"}}"#), 400),
        (r#"{"exchange":"nobody","score":1}"#.to_owned(), 404),
        ("{}".to_owned(), 400),
    ] {
        let answer = feedback(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    let waiting = async {
        while !gateway.chat("r", false).await.header("x-pointsman-notes").contains("0.5") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.expect("the score is learned");
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_ask_for_vectors_and_judgements() {
    let source = r#"
        fn route() {
            let found = embed("demo", ["a", "b"]);
            ctx.note("vectors", found.vectors.len());
            ctx.note("flagged", moderate("demo", "hello").flagged);
            ctx.note("unknown", embed("demo", "x").ok);
            plan("demo")
        }
    "#;
    let config = format!(
        "providers: {{ d: {{ kind: simulated }} }}\nmodels: {{ demo: {{ provider: d }} }}\n{}",
        route(&["demo"], ", policies: [ask]")
    );
    let gateway = Gateway::start(&config, &[("ask", source)]).await;
    let answer = gateway.chat("r", false).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.header("x-pointsman-notes"),
        r#"{"vectors":2,"flagged":false,"unknown":true}"#,
        "{}",
        answer.body
    );
    assert_eq!(answer.header("x-pointsman-attempts"), "4");
    gateway.account_holds().await;
}
