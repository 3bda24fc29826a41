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

/// Claude's and Gemini's tokenizers are not public: what their providers count
/// of Hindi is 2.7 times what the stand-in does, until the gateway has learned.
#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_models_without_a_public_tokenizer_are_learned_from_their_answers() {
    let (_upstream, base) = Upstream::start().await;
    let source = "fn route() { let m = ctx.candidates[0]; ctx.note(\"tokens\", m.tokens(req)); plan(m) }";
    let config = format!(
        "providers:\n  a: {{ kind: anthropic, base_url: \"{base}\", api_key: x }}\n  g: {{ kind: gemini, base_url: \"{base}\", api_key: x }}\n\
         models:\n  claude-hidden: {{ provider: a }}\n  gemini-hidden: {{ provider: g }}\n\
         routes:\n  - {{ name: c, candidates: [claude-hidden], policies: [count] }}\n  - {{ name: g, candidates: [gemini-hidden], policies: [count] }}\n"
    );
    let gateway = Gateway::start(&config, &[("count", source)]).await;
    for route in ["c", "g"] {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut ask = async || {
            let words = ["रेलगाड़ी", "पटरी", "बदलने", "वाला", "आज", "रात", "बंदरगाह", "जाएगी", "कितने", "बजे"];
            let text: Vec<&str> = (0..80).map(|_| words[rng.usize(..words.len())]).collect();
            let body = serde_json::json!({ "model": route, "messages": [{ "role": "user", "content": text.join(" ") }] });
            let answer = gateway.send(gateway.post("/v1/chat/completions", body.to_string())).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            let notes: serde_json::Value = serde_json::from_str(answer.header("x-pointsman-notes")).unwrap();
            notes["tokens"].as_f64().unwrap() / super::upstream::hidden(&body) as f64
        };
        let first = ask().await;
        assert!(!(0.75..=1.25).contains(&first), "{route}: before anything is learned: {first}");
        let learning = async {
            let mut good = 0;
            while good < 10 {
                good = if (0.9..=1.1).contains(&ask().await) { good + 1 } else { 0 };
            }
        };
        let learned = tokio::time::timeout(std::time::Duration::from_secs(20), learning).await;
        learned.unwrap_or_else(|_| panic!("{route}: the counts do not come near"));
        println!("{route}: first {first:.2} of what the provider counts, then ten in a row within 10 %");
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_on_trial_acts_no_more_when_a_bound_is_passed() {
    let (upstream, base) = Upstream::start().await;
    let names = ["fine", "failing"];
    let acts = "fn route() { plan(\"fine\") }";
    let trial = "fn route() { plan(\"failing\").retries(0) }";
    let shadow = ", policies: [acts], shadow: { policy: trial, share: 100%, return_above: { errors: 10% } }";
    let config = format!("{}{}", yaml(&base, &names), route(&names, shadow));
    let gateway = Gateway::start(&config, &[("acts", acts), ("trial", trial)]).await;
    for at in 0..20 {
        assert_ne!(gateway.chat("r", false).await.status, 200, "{at}");
    }
    // From here on the acting policy decides again, and the other one only beside it.
    for _ in 0..5 {
        let answer = gateway.chat("r", false).await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "fine"));
    }
    let status = gateway.client.get(format!("http://{}/status", gateway.admin)).send().await.unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.bytes().await.unwrap()).unwrap();
    let shadow = &status["shadows"][0];
    assert_eq!(
        (&shadow["route"], &shadow["policy"], &shadow["acted"]),
        (&"r".into(), &"trial".into(), &20.into())
    );
    assert_eq!((&shadow["disagreed"], &shadow["errors"]), (&5.into(), &1.0.into()));
    assert!(shadow["returned"].as_str().unwrap().contains("100 % of its exchanges failed"), "{shadow}");
    assert_eq!(gateway.metric("pointsman_shadow_returns_total", "route=\"r\"").await, 1.0);
    assert!(upstream.asked().iter().filter(|model| *model == "fine").count() >= 5);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_on_cost_and_duration_end_a_trial_too() {
    let (_upstream, base) = Upstream::start().await;
    let policy = "fn route() { plan(\"fine\") }";
    for (bound, part) in
        [("cost: 0.000001", "an exchange costs 0.000014 USD"), ("p95: 0ms", "the 95th percentile")]
    {
        let shadow =
            format!(", policies: [a], shadow: {{ policy: b, share: 100%, return_above: {{ {bound} }} }}");
        let config = format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], &shadow));
        let gateway = Gateway::start(&config, &[("a", policy), ("b", policy)]).await;
        for _ in 0..21 {
            gateway.chat("r", false).await;
        }
        let status = gateway.client.get(format!("http://{}/status", gateway.admin)).send().await.unwrap();
        let status: serde_json::Value = serde_json::from_slice(&status.bytes().await.unwrap()).unwrap();
        let returned = status["shadows"][0]["returned"].as_str().unwrap_or_default();
        assert!(returned.contains(part), "{bound}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_policies_cannot_read_is_the_clients_fault() {
    let (upstream, base) = Upstream::start().await;
    let guard = "fn on_request() { if req.text.contains(\"secret\") { reject(403, \"no\", \"no\") } }";
    let choice = "fn route() { plan(ctx.candidates.fitting(req).cheapest(req)) }";
    let config = format!(
        "{}routes:\n  - {{ name: r, models: [r], candidates: [fine], policies: [guard] }}\n  - {{ name: s, models: [s], candidates: [fine], policies: [choice] }}\n",
        yaml(&base, &["fine"])
    );
    let gateway = Gateway::start(&config, &[("guard", guard), ("choice", choice)]).await;
    for model in ["r", "s"] {
        let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":3}}]}}"#);
        let answer = gateway.send(gateway.post("/v1/chat/completions", body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_type"), "{}", answer.body);
        assert!(answer.body.contains("messages[0].content"), "{}", answer.body);
    }
    assert!(upstream.asked().is_empty());
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_no_conversation_are_seen_and_changed() {
    let (upstream, base) = Upstream::start().await;
    let source = r#"
        fn on_request() {
            if req.text.matches("forbidden") { return reject(403, "not_here", "no"); }
            if req.text.matches("tune") { req.params.temperature = 0.5; }
            for message in req.messages {
                if message.text == "secret" { message.text = "[gone]"; }
            }
        }
    "#;
    let config = format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], ", policies: [guard]"));
    let gateway = Gateway::start(&config, &[("guard", source)]).await;
    let ask = |path: &str, field: &str, value: &str| {
        gateway.send(gateway.post(path, format!(r#"{{"model":"r","{field}":{value},"own":1}}"#)))
    };
    for (path, field, value, sent) in [
        ("/v1/moderations", "input", r#"["a","secret"]"#, r#""input":["a","[gone]"]"#),
        ("/v1/images/generations", "prompt", r#""secret""#, r#""prompt":"[gone]""#),
        ("/v1/audio/speech", "input", r#""secret""#, r#""input":"[gone]""#),
    ] {
        let answer = ask(path, field, value).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let seen =
            upstream.seen.lock().last().map(|seen| String::from_utf8(seen.body.clone()).unwrap()).unwrap();
        assert!(
            seen.contains(sent) && seen.contains(r#""own":1"#) && seen.contains("fine"),
            "{path}: {seen}"
        );
        let refused = ask(path, field, r#""forbidden""#).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "not_here"), "{path}");
    }
    let refused = ask("/v1/moderations", "input", r#""tune""#).await;
    assert_eq!((refused.status, refused.code().as_str()), (500, "policy_failed"), "{}", refused.body);
    gateway.account_holds().await;
}
