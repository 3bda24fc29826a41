//! Fields that a provider refuses: known before it is asked. They are left out
//! and named; a strict route refuses instead, or asks a model that takes them.

use crate::gateway::{Answer, Gateway};
use crate::upstream::Upstream;

/// Models of three vendors at one address, and routes over them.
async fn gateway(base: &str) -> Gateway {
    let yaml = format!(
        "providers:
  groq: {{ kind: groq, base_url: \"{base}\", api_key: \"${{env:PATH}}\" }}
  openai: {{ kind: openai, base_url: \"{base}\" }}
  xai: {{ kind: xai, base_url: \"{base}\", api_key: \"${{env:PATH}}\" }}
models:
  llama: {{ provider: groq }}
  gpt-4o: {{ provider: openai }}
  o3: {{ provider: openai }}
  gpt-5-mini: {{ provider: openai }}
  gpt-5.2: {{ provider: openai }}
  grok-4: {{ provider: xai }}
  grok-4-fast-non-reasoning: {{ provider: xai }}
routes:
  - {{ name: strict, models: [strict], candidates: [llama], strict: true }}
  - {{ name: either, models: [either], candidates: [llama, gpt-4o], strict: true }}
"
    );
    Gateway::start(&yaml, &[]).await
}

async fn ask(gateway: &Gateway, model: &str, fields: &str) -> Answer {
    let body = format!(
        "{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello there\"}}]{fields}}}"
    );
    gateway.send(gateway.post("/v1/chat/completions", body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_route_asks_a_model_that_takes_the_field_or_refuses() {
    let (upstream, base) = Upstream::start().await;
    let gateway = gateway(&base).await;
    for (model, fields, asked) in [
        ("strict", ",\"logprobs\":true", None),
        // What says nothing is no reason to refuse.
        ("strict", ",\"logprobs\":false,\"n\":1", Some("llama")),
        ("either", ",\"logprobs\":true", Some("gpt-4o")),
        ("either", "", Some("llama")),
    ] {
        upstream.seen.lock().clear();
        let answer = ask(&gateway, model, fields).await;
        assert_eq!(upstream.asked(), Vec::from_iter(asked), "{model}{fields}");
        let Some(asked) = asked else {
            assert_eq!((answer.status, answer.code().as_str()), (400, "unsupported"), "{}", answer.body);
            assert!(answer.body.contains("logprobs") && answer.body.contains("llama"), "{}", answer.body);
            continue;
        };
        let told = (answer.status, answer.header("x-pointsman-model"), answer.header("x-pointsman-dropped"));
        assert_eq!(told, (200, asked, ""), "{model}{fields}: {}", answer.body);
        let sent = String::from_utf8(upstream.seen.lock()[0].body.clone()).unwrap();
        assert_eq!(sent.contains("\"logprobs\":true"), asked == "gpt-4o", "{sent}");
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_refuses_is_left_out_and_named() {
    let (upstream, base) = Upstream::start().await;
    let gateway = gateway(&base).await;
    let all = ",\"temperature\":0.5,\"stop\":[\"x\"],\"presence_penalty\":0.5,\"logprobs\":true,\"n\":2,\"max_tokens\":9";
    for (model, dropped, renamed) in [
        ("llama", "logprobs, n", false),
        ("o3", "temperature, presence_penalty, logprobs, stop", true),
        ("gpt-5-mini", "temperature, presence_penalty, logprobs", true),
        ("gpt-5.2", "", true),
        ("gpt-4o", "", false),
        ("grok-4", "presence_penalty, stop", false),
        ("grok-4-fast-non-reasoning", "", false),
    ] {
        let answer = ask(&gateway, model, all).await;
        assert_eq!(
            (answer.status, answer.header("x-pointsman-dropped")),
            (200, dropped),
            "{model}: {}",
            answer.body
        );
        let sent = upstream.seen.lock().last().unwrap().body.clone();
        let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        for name in dropped.split(", ").filter(|name| !name.is_empty()) {
            assert_eq!(sent.get(name), None, "{model}");
        }
        let limit = if renamed { "max_completion_tokens" } else { "max_tokens" };
        assert_eq!(sent[limit], 9, "{model}: {sent}");
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_participants_are_left_out_where_they_are_refused() {
    let (upstream, base) = Upstream::start().await;
    let gateway = gateway(&base).await;
    let body = |name: &str| {
        format!(
            "{{\"model\":\"llama\",\"messages\":[{{\"role\":\"user\",{name}\"content\":\"Hi\"}}],\"tools\":[{{\"type\":\"function\",\"function\":{{\"name\":\"f\"}}}}]}}"
        )
    };
    let answer = gateway.send(gateway.post("/v1/chat/completions", body("\"name\":\"Ada\","))).await;
    assert_eq!(
        (answer.status, answer.header("x-pointsman-dropped")),
        (200, "messages[0].name"),
        "{}",
        answer.body
    );
    let sent = String::from_utf8(upstream.seen.lock()[0].body.clone()).unwrap();
    assert!(!sent.contains("Ada") && sent.contains("\"name\":\"f\""), "{sent}");
    // Names of tools are other names: such a request leaves as it came.
    let answer = gateway.send(gateway.post("/v1/chat/completions", body(""))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-dropped")), (200, ""));
    assert_eq!(upstream.seen.lock()[1].body, body("").into_bytes());
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_is_not_told_of_an_answer_is_named() {
    let (_upstream, base) = Upstream::start().await;
    let gateway = Gateway::start(&crate::yaml(&base, &["painter", "unstreamed"]), &[]).await;
    let body = |model: &str| {
        format!(
            "{{\"model\":\"{model}\",\"max_tokens\":9,\"messages\":[{{\"role\":\"user\",\"content\":\"Hi\"}}]}}"
        )
    };
    for (path, model, dropped, picture) in [
        ("/v1/messages", "painter", "response.image", false),
        ("/v1/messages", "unstreamed", "", false),
        ("/v1/chat/completions", "painter", "", true),
    ] {
        let answer = gateway.send(gateway.post(path, body(model))).await;
        assert_eq!((answer.status, answer.header("x-pointsman-dropped")), (200, dropped), "{path} {model}");
        assert!(answer.body.contains("Hello you"), "{}", answer.body);
        assert_eq!(answer.body.contains("aGk="), picture, "{}", answer.body);
    }
    gateway.account_holds().await;
}
