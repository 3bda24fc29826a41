//! Sound along a chain that a policy makes of it: heard, answered, spoken.

use serde_json::{Value, json};

use super::gateway::Gateway;

const VOICE: &str = include_str!("../../policies/media/voice.rhai");

const YAML: &str = r#"
providers: { demo: { kind: simulated }, gone: { kind: openai, base_url: "http://127.0.0.1:9/v1" } }
models:
  ears: { provider: demo, modalities: { input: [audio], output: [text] }, price: { input: 0, audio_second: 0.0001 }, simulate: { answer: ["Which track?"] } }
  deaf: { provider: gone, modalities: { input: [audio], output: [text] } }
  mind: { provider: demo, modalities: { input: [text], output: [text] }, price: { input: 1, output: 2 }, simulate: { answer: ["Track nine."] } }
  mouth: { provider: demo, modalities: { input: [text], output: [audio] }, price: { input: 0, characters: 15 } }
routes:
  - { name: r, models: [r], candidates: [mind], policies: [{ voice: { ears: ears, mind: mind, mouth: mouth } }] }
  - { name: own, models: [own], candidates: [mind], policies: [own] }
"#;

/// More than a form that flows through is held of.
const LARGE: usize = 2 << 20;

const OWN: &str = r#"//! Falls back along a plan, and passes sound on.
fn route() {
    if !req.has_audio { let said = speak("mouth", "Mind the gap.", #{ format: "wav" }); return respond(transcribe("ears", said.audio)); }
    let heard = transcribe(plan(["deaf", "ears"]).retries(0), req.audio, #{ language: "en", deadline_ms: 20000 });
    ctx.note("bytes", req.audio.bytes);
    ctx.note("mime", req.audio.mime);
    if heard.ok { respond(heard) } else { reject(502, "deaf", heard.error) }
}
"#;

fn asked(model: &str, sound: &str, more: Value) -> String {
    let mut body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "Please answer:" },
            { "type": "input_audio", "input_audio": { "data": sound, "format": "wav" } },
        ] }],
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_question_is_heard_answered_and_spoken() {
    let gateway = Gateway::start(YAML, &[("voice", VOICE), ("own", OWN)]).await;
    let wish = json!({ "modalities": ["text", "audio"], "audio": { "voice": "ash", "format": "wav" } });
    let answer =
        gateway.send(gateway.post("/v1/chat/completions", asked("r", "UklGRg==", wish.clone()))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let audio = &answer.json()["choices"][0]["message"]["audio"];
    assert_eq!(audio["transcript"], "Track nine.", "{}", answer.body);
    assert!(audio["data"].as_str().unwrap().starts_with("UklGR"), "a WAV: {}", answer.body);
    assert_eq!(answer.header("x-pointsman-attempts"), "3");
    assert_eq!(answer.header("x-pointsman-notes"), r#"{"heard":12}"#);
    // Each of the three at its own price.
    for model in ["ears", "mind", "mouth"] {
        let cost = gateway.metric("pointsman_cost_nano_usd_total", &format!("model=\"{model}\"")).await;
        assert!(cost > 0.0, "{model} is priced");
    }
    assert_eq!(gateway.metric("pointsman_unpriced_total", "").await, 0.0);

    let mut streamed = wish;
    streamed["stream"] = true.into();
    let answer = gateway.send(gateway.post("/v1/chat/completions", asked("r", "UklGRg==", streamed))).await;
    assert!(
        answer.body.contains(r#""transcript":"Track nine.""#) && answer.body.ends_with("data: [DONE]\n\n"),
        "{}",
        answer.body
    );

    // A client without a place for sound gets the words.
    let answer = gateway.send(gateway.post("/v1/chat/completions", asked("r", "UklGRg==", json!({})))).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Track nine.", "{}", answer.body);

    // Gemini's clients ask in words of their own.
    let body = json!({
        "contents": [{ "role": "user", "parts": [{ "inlineData": { "mimeType": "audio/wav", "data": "UklGRg==" } }] }],
        "generationConfig": { "responseModalities": ["AUDIO"] },
    });
    let answer = gateway.send(gateway.post("/v1beta/models/r:generateContent", body.to_string())).await;
    let parts = &answer.json()["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0]["text"], "Track nine.");
    assert_eq!(parts[1]["inlineData"]["mimeType"], "audio/wav");
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_falls_back_along_plans_and_goes_from_model_to_model() {
    let gateway = Gateway::start(YAML, &[("voice", VOICE), ("own", OWN)]).await;
    for size in [8, LARGE] {
        let sound = "QUJD".repeat(size / 4);
        let answer =
            gateway.send(gateway.post("/v1/chat/completions", asked("own", &sound, json!({})))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "Which track?");
        assert_eq!(answer.header("x-pointsman-attempts"), "2", "the deaf one first");
        assert_eq!(
            answer.header("x-pointsman-notes"),
            format!(r#"{{"bytes":{},"mime":"audio/wav"}}"#, size / 4 * 3)
        );
    }
    let answer = gateway.chat("own", false).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Which track?", "{}", answer.body);

    let bad = asked("own", "%%%", json!({}));
    let answer = gateway.send(gateway.post("/v1/chat/completions", bad)).await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "deaf"), "{}", answer.body);
    gateway.account_holds().await;
}
