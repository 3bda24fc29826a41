//! The whole gateway before a provider that replays: every recording whose
//! endpoint is served, asked for by a client over HTTP. In one dialect the
//! recorded bytes reach the client as they were; between dialects the client
//! reads what the provider said; errors keep their class and status.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use parking_lot::Mutex;
use pointsman::dialect::{self, Refused, embed, rerank};
use pointsman::error::Error;
use pointsman::ir::Dialect;
use pointsman::sse::Framing;
use serde_json::{Value, json};

use crate::across;
use crate::cases::{self, Case};
use crate::gateway::Gateway;
use crate::gist::{self, Gist};

/// What the provider answers next, and what it was asked.
#[derive(Default)]
struct Stage {
    status: u16,
    headers: Vec<(String, String)>,
    answer: Bytes,
    asked: Vec<u8>,
}

type Shared = Arc<Mutex<Stage>>;

async fn play(State(stage): State<Shared>, request: Request) -> Response {
    let mut asked = request.uri().path().as_bytes().to_vec();
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.unwrap();
    let mut stage = stage.lock();
    asked.extend_from_slice(&body);
    stage.asked = asked;
    let mut response = Response::builder().status(stage.status);
    for (name, value) in &stage.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(stage.answer.clone())).unwrap()
}

/// Kinds of provider that recordings name otherwise, or that would need a
/// token of a cloud's own: (recorded, endpoint or all, kind).
const KINDS: [(&str, &str, &str); 6] = [
    ("anthropic", "chat", "openai_compatible"),
    ("gemini", "chat", "openai_compatible"),
    ("ollama", "native_chat", "ollama_native"),
    ("ollama", "embeddings", "ollama_native"),
    ("vertex", "vertex_raw", "anthropic"),
    ("vertex", "", "gemini"),
];

fn kind(case: &Case) -> String {
    let of = |endpoint: &str| {
        KINDS.iter().find(|(provider, at, _)| *provider == case.provider && *at == endpoint).map(|row| row.2)
    };
    let named = of(&case.endpoint).or_else(|| of("")).unwrap_or(&case.provider);
    pointsman::provider::kind(named).map_or(named, |kind| kind.name).to_owned()
}

/// A gateway with a provider and a model of every kind, all of them the replaying one.
struct Theatre {
    gateway: Gateway,
    stage: Shared,
}

async fn theatre() -> Theatre {
    let stage = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(play).with_state(Arc::clone(&stage));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (mut providers, mut models) = (String::new(), String::new());
    for kind in pointsman::provider::kinds().iter().filter(|kind| !kind.in_process) {
        let name = kind.name;
        if kind.auth == pointsman::provider::Auth::GoogleToken {
            continue;
        }
        providers +=
            &format!("  {name}: {{ kind: {name}, base_url: \"{base}/v1\", api_key: \"${{env:PATH}}\" }}\n");
        models += &format!(
            "  {name}: {{ provider: {name}, upstream: the-models-own-name, max_output_tokens: 1000 }}\n"
        );
    }
    let yaml = format!("providers:\n{providers}models:\n{models}");
    Theatre { gateway: Gateway::start(&yaml, &[]).await, stage }
}

/// What a client gets.
struct Got {
    status: u16,
    body: Vec<u8>,
}

impl Theatre {
    /// Plays `case` to a client that sends `body` to `path`.
    async fn play(&self, case: &Case, path: &str, body: Vec<u8>, content_type: &str) -> Got {
        let (answer, _) = across::answer(case).unwrap_or_default();
        {
            let mut stage = self.stage.lock();
            stage.status = case.status;
            stage.headers.clone_from(&case.headers);
            stage.answer = answer.into();
            stage.asked.clear();
        }
        let request = self.gateway.client.post(self.gateway.url(path)).header("content-type", content_type);
        let reply = request.body(body).send().await.unwrap();
        let status = reply.status().as_u16();
        // A stream that the gateway breaks off is read as far as it goes.
        let body = reply.bytes().await.map(|body| body.to_vec()).unwrap_or_default();
        let asked = String::from_utf8_lossy(&self.stage.lock().asked).into_owned();
        // Vendors of one voice or one service are asked for no model in the body or the path.
        let named = asked.is_empty() || asked.contains("the-models-own-name") || kind(case) == "deepgram";
        let other = case.endpoint == "count_tokens" && asked.contains("models/gemini-");
        assert!(!other, "{}: the provider was asked for the client's name: {asked:.300}", case.label());
        assert!(named, "{}: the provider was not asked for its own name: {asked:.300}", case.label());
        Got { status, body }
    }
}

/// The client's dialect for a case, its path and its body.
fn question(case: &Case, from: Dialect, model: &str, streamed: bool) -> (Dialect, String, Vec<u8>) {
    let to = if dialect::inbound(from).is_some() { from } else { Dialect::OpenAiChat };
    let recorded = case.read("request.json").filter(|_| to == from && case.endpoint != "native_chat");
    let recorded = recorded.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    let mut body = recorded.filter(Value::is_object).unwrap_or_else(|| plain(to));
    if to == Dialect::Gemini {
        let method = if streamed { "streamGenerateContent?alt=sse" } else { "generateContent" };
        return (to, format!("/v1beta/models/{model}:{method}"), body.to_string().into_bytes());
    }
    body["model"] = model.into();
    // A recording of an answer alone, or of Vertex, says it in no body.
    if streamed || body.get("stream").is_some() {
        body["stream"] = streamed.into();
    }
    if to == Dialect::Anthropic {
        body.as_object_mut().unwrap().entry("max_tokens").or_insert_with(|| 100.into());
    }
    let path = match to {
        Dialect::OpenAiResponses => "/v1/responses",
        Dialect::OpenAiCompletions => "/v1/completions",
        Dialect::Anthropic => "/v1/messages",
        _ => "/v1/chat/completions",
    };
    (to, path.to_owned(), body.to_string().into_bytes())
}

/// A question without anything special.
fn plain(dialect: Dialect) -> Value {
    let turns = json!([{ "role": "user", "content": "Hello" }]);
    match dialect {
        Dialect::OpenAiResponses => json!({ "input": "Hello" }),
        Dialect::OpenAiCompletions => json!({ "prompt": "Hello" }),
        Dialect::Gemini => json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }] }),
        _ => json!({ "messages": turns }),
    }
}

/// The class and status that a recorded error has for a client.
fn refusal(case: &Case, from: Dialect) -> Error {
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        headers.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    let (body, _) = across::answer(case).unwrap_or_default();
    let refused = Refused { status: case.status, headers: &headers, body: &body, unix_seconds: 0 };
    dialect::outbound(from).unwrap().decode_error(&refused)
}

fn read(to: Dialect, body: &[u8], framing: Option<Framing>) -> Result<Gist, Error> {
    let outbound = dialect::outbound(to).unwrap();
    match framing {
        None => outbound.decode_response(body).map(|response| gist::of_response(&response)),
        Some(framing) => {
            let events = crate::streamed::events(outbound, framing, [body])?;
            match events.iter().find_map(|event| match event {
                pointsman::ir::Event::Error(error) => Some(error),
                _ => None,
            }) {
                Some(error) => Err((**error).clone()),
                None => Ok(gist::of_events(&events)),
            }
        }
    }
}

async fn conversation(theatre: &Theatre, case: &Case, from: Dialect) -> Result<(), String> {
    let (recorded, framing) = across::answer(case).unwrap_or_default();
    // A file of several lines is a stream of Ollama's, one line an answer.
    let framing = framing.filter(|_| case.status < 400);
    let (to, path, body) = question(case, from, &kind(case), framing.is_some());
    let got = theatre.play(case, &path, body, "application/json").await;
    let shown = || String::from_utf8_lossy(&got.body).chars().take(300).collect::<String>();
    if case.status >= 400 {
        let expected = refusal(case, from);
        if got.status != expected.http_status() {
            return Err(format!(
                "{} instead of {} ({:?}): {}",
                got.status,
                expected.http_status(),
                expected.kind,
                shown()
            ));
        }
        let told = serde_json::from_slice::<Value>(&got.body)
            .map_err(|_| format!("an error is no JSON: {}", shown()))?;
        let message = told["error"]["message"].as_str().unwrap_or_default();
        return if message.is_empty() { Err(format!("an error without words: {}", shown())) } else { Ok(()) };
    }
    let source = read(from, &recorded, framing);
    let Ok(source) = source else {
        // An error inside a 200: an error for the client, whether by status or in its stream.
        let raised = got.status >= 400 || read(to, &got.body, framing.map(|_| Framing::Sse)).is_err();
        return if raised { Ok(()) } else { Err(format!("an error passed as an answer: {}", shown())) };
    };
    if got.status != 200 {
        return Err(format!("{}: {}", got.status, shown()));
    }
    if to == from {
        let same = got.body.trim_ascii() == recorded.trim_ascii();
        return if same { Ok(()) } else { Err(format!("other bytes: {}", shown())) };
    }
    let found = read(to, &got.body, framing.map(|_| Framing::Sse))
        .map_err(|error| format!("{error:?}: {}", shown()))?;
    let (found, expected) = (across::as_told(to, to, &found), across::as_told(to, from, &source));
    if found == expected { Ok(()) } else { Err(format!("\n  found    {found:?}\n  expected {expected:?}")) }
}

/// The paths of what is no conversation.
fn path_of(case: &Case) -> Option<&'static str> {
    Some(match case.endpoint.as_str() {
        "embeddings" | "predict" => "/v1/embeddings",
        "images" => "/v1/images/generations",
        "moderation" => "/v1/moderations",
        "rerank" => "/v1/rerank",
        "audio_in" => "/v1/audio/transcriptions",
        "audio_out" => "/v1/audio/speech",
        "count_tokens" => "/v1/messages/count_tokens",
        _ => return None,
    })
}

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nMODEL\r\n--b--\r\n";

/// Vectors that were filed among ranks and conversations.
fn misfiled(case: &Case) -> bool {
    case.read("response.json").is_some_and(|body| body.windows(11).any(|word| word == b"\"embedding\""))
}

async fn passage(theatre: &Theatre, case: &Case, path: &str) -> Result<(), String> {
    let model = kind(case);
    let mut path = path.to_owned();
    let (mut body, mut content_type) = (Vec::new(), "application/json");
    if case.endpoint == "audio_in" {
        body = FORM.replace("MODEL", &model).into_bytes();
        content_type = "multipart/form-data; boundary=b";
    } else {
        let recorded = case.read("request.json").and_then(|body| serde_json::from_slice::<Value>(&body).ok());
        let mut fields = recorded.and_then(|value| value.as_object().cloned()).unwrap_or_default();
        let own = matches!(case.endpoint.as_str(), "count_tokens");
        if own && case.provider == "gemini" {
            path = format!("/v1beta/models/{model}:countTokens");
        } else {
            fields.insert("model".into(), model.as_str().into());
        }
        if own && case.provider == "bedrock" {
            fields = plain(Dialect::Anthropic).as_object().cloned().unwrap();
            fields.insert("model".into(), model.as_str().into());
        }
        let fill: &[(&str, Value)] = match case.endpoint.as_str() {
            "embeddings" | "predict" => &[("input", json!("x"))],
            "images" => &[("prompt", json!("a train"))],
            "moderation" => &[("input", json!("x"))],
            "rerank" => &[("query", json!("q")), ("documents", json!(["a", "b", "c", "d", "e"]))],
            _ => &[],
        };
        if case.endpoint == "rerank" && fields.get("documents").is_none_or(|list| list == &json!([])) {
            fields.remove("documents");
        }
        for (name, value) in fill {
            fields.entry(*name).or_insert_with(|| value.clone());
        }
        body.extend(Value::Object(fields).to_string().into_bytes());
    }
    let got = theatre.play(case, &path, body, content_type).await;
    let shown = || String::from_utf8_lossy(&got.body).chars().take(300).collect::<String>();
    let (recorded, _) = across::answer(case).ok_or("no answer")?;
    if case.status >= 400 {
        let expected = refusal(case, Dialect::OpenAiChat).http_status();
        // Bedrock counts no tokens here: the gateway does.
        if case.endpoint == "count_tokens" && got.status == 200 {
            return Ok(());
        }
        return if got.status == expected {
            Ok(())
        } else {
            Err(format!("{} instead of {expected}: {}", got.status, shown()))
        };
    }
    if got.status != 200 {
        return Err(format!("{}: {}", got.status, shown()));
    }
    if got.body == recorded {
        return Ok(());
    }
    let (raw, told): (Value, Value) = (
        serde_json::from_slice(&recorded).map_err(|_| "other bytes")?,
        serde_json::from_slice(&got.body).map_err(|_| shown())?,
    );
    let right = match case.endpoint.as_str() {
        "embeddings" => {
            let kind = pointsman::provider::kind(&model).unwrap();
            let source = kind.embed.decode(&recorded).map_err(|error| error.to_string())?;
            let read = embed::Form::OpenAi.decode(&got.body).map_err(|error| error.to_string())?;
            source.vectors == read.vectors
                && (source.usage.is_none() || source.usage.map(|u| u.input) == read.usage.map(|u| u.input))
        }
        "rerank" => {
            let source = rerank::Form::Jina.decode(&recorded).map_err(|error| error.to_string())?;
            let read = rerank::Form::Jina.decode(&got.body).map_err(|error| error.to_string())?;
            source.ranked == read.ranked
        }
        "audio_in" => {
            let said = raw.pointer("/results/channels/0/alternatives/0/transcript").or(raw.get("text"));
            said.is_some() && told.get("text") == said
        }
        _ => false,
    };
    if right { Ok(()) } else { Err(format!("other words: {}", shown())) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_before_every_recording() {
    let cases = cases::all();
    if cases.is_empty() {
        return;
    }
    let theatre = theatre().await;
    let (mut right, mut wrong): (BTreeMap<String, usize>, Vec<String>) = (BTreeMap::new(), Vec::new());
    for case in cases {
        let found = match (across::dialect_of(&case), path_of(&case)) {
            // One recording of vectors was filed among the conversations.
            (Some(_), _) if case.endpoint == "invoke" && misfiled(&case) => continue,
            // Without `alt=sse`, which the gateway always asks for.
            (Some(_), _)
                if case.endpoint == "stream_generate_content" && case.read("response.json").is_some() =>
            {
                continue;
            }
            (None, Some(_)) if case.endpoint == "rerank" && misfiled(&case) => continue,
            (Some(from), _) => conversation(&theatre, &case, from).await,
            (None, Some(path)) => passage(&theatre, &case, path).await,
            (None, None) => continue,
        };
        match found {
            Ok(()) => *right.entry(case.endpoint.clone()).or_default() += 1,
            Err(why) => wrong.push(format!("{}: {why}", case.label())),
        }
    }
    println!("{} right {right:?}, {} wrong", right.values().sum::<usize>(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
