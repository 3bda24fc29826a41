//! `req`: the request. Reading decodes it once; editing copies it once and
//! takes effect at once.

use rhai::{Dynamic, Engine, ImmutableString};

use super::messages::Messages;
use super::word::{self, getter, index, kind_of, set_index, setter, word};
use crate::ir::{Message, Request, ResponseFormat, Role, Tool};
use crate::model::tokens::estimate_request;
use crate::policy::query::Need;
use crate::policy::script::turn::{Reply, Req, absent, edit, or_absent, raise, read};
use crate::policy::texts::{TextStats, text_stats};
use crate::policy::{Scene, field};

/// `req.params`: sampling and limits by name.
#[derive(Clone, Copy)]
pub(super) struct ParamsView;

/// `req.metadata`: the client's own labels.
#[derive(Clone, Copy)]
pub(super) struct MetadataView;

/// `req.headers`: the headers that policies may see.
#[derive(Clone, Copy)]
pub(super) struct HeadersView;

/// Looks at what the request asks of a model.
///
/// # Errors
/// No script runs, or the request does not decode.
pub(super) fn with_need<R>(look: impl FnOnce(&Need<'_>) -> R) -> Reply<R> {
    // What is traced is a case or an explanation: they wait, and come out the same each time.
    let need =
        |scene: &Scene| Need::of(&scene.request).map(|need| look(&need.at_once(scene.trace.is_none())));
    read(need)?.map_err(|error| raise(error.message))
}

/// Looks at the decoded request.
///
/// # Errors
/// No script runs, or the request does not decode.
pub(super) fn decoded<R>(look: impl FnOnce(&Request) -> R) -> Reply<R> {
    read(|scene| scene.request.decoded().map(|request| look(request)))?.map_err(|error| raise(error.message))
}

/// Changes the request.
///
/// # Errors
/// No script runs, or the request does not decode.
pub(super) fn change<R>(change: impl FnOnce(&mut Request) -> R) -> Reply<R> {
    let mut result = None;
    edit(|scene| scene.request.edit(|request| result = Some(change(request))))?
        .map_err(|error| raise(error.message))?;
    result.ok_or_else(|| raise("the request could not be edited"))
}

/// Registers the words of `req`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Req>("Request").register_type_with_name::<ParamsView>("Params");
    engine
        .register_type_with_name::<MetadataView>("Metadata")
        .register_type_with_name::<HeadersView>("Headers");
    head(engine);
    texts(engine);
    needs(engine);
    parameters(engine);
    labels(engine);
}

fn head(engine: &mut Engine) {
    getter("model", "The model's name as the client asked.", "req.model == \"assistant\"")
        .register_into_engine(engine, |_: &mut Req| {
            read(|scene| ImmutableString::from(scene.request.model()))
        });
    setter("model", "Asks for another model.", "req.model = \"gpt-5-mini\"")
        .register_into_engine(engine, |_: &mut Req, name: ImmutableString| {
            change(|request| request.model = name.to_string())
        });
    getter("endpoint", "Where it came in: chat, responses, messages, ...", "req.endpoint == \"chat\"")
        .register_into_engine(engine, |_: &mut Req| {
            read(|scene| ImmutableString::from(scene.request.endpoint().name()))
        });
    getter("stream", "Whether the answer is to be streamed.", "if req.stream { .. }")
        .register_into_engine(engine, |_: &mut Req| read(|scene| scene.request.stream()));
    getter("session", "The client's session, or `()`.", "req.session ?? ctx.key.name").register_into_engine(
        engine,
        |_: &mut Req| {
            read(|scene| scene.session.as_deref().map(ImmutableString::from))
                .map(|session| or_absent(session, || "req.session".to_owned()))
        },
    );
    getter("user", "The end user as the client named them, or `()`.", "req.user ?? \"somebody\"")
        .register_into_engine(engine, |_: &mut Req| {
            decoded(|request| request.user.clone()).map(|user| or_absent(user, || "req.user".to_owned()))
        });
}

fn texts(engine: &mut Engine) {
    getter("messages", "The conversation; editing it edits the request.", "req.messages.len > 20")
        .register_into_engine(engine, |_: &mut Req| Messages);
    getter("system", "The text of the system messages together, or `()`.", "req.system ?? \"\"")
        .register_into_engine(engine, |_: &mut Req| {
            decoded(system_text).map(|text| or_absent(text, || "req.system".to_owned()))
        });
    setter(
        "system",
        "Replaces the system messages by one text; `()` takes them out.",
        "req.system = \"Be brief.\"",
    )
    .register_into_engine(engine, |_: &mut Req, text: Dynamic| -> Reply<()> {
        let text = text_or_unit(&text, "req.system")?;
        change(|request| set_system(request, text))
    });
    word(
        "add_system(text)",
        "Adds a text below the system messages that there are.",
        "req.add_system(\"Answer in English.\")",
    )
    .register_into_engine(engine, |_: &mut Req, text: ImmutableString| {
        change(|request| add_system(request, &text))
    });
    getter("text", "All visible text of the conversation.", "req.text.matches(\"(?i)invoice\")")
        .register_into_engine(engine, |_: &mut Req| decoded(all_text));
    getter("last_user", "The text of the last user message; empty without one.", "req.last_user.len < 200")
        .register_into_engine(engine, |_: &mut Req| decoded(last_user));
    getter(
        "stats",
        "Figures about the last user message: chars, words, code_share, is_question, script.",
        "req.stats.code_share > 0.3",
    )
    .register_into_engine(engine, |_: &mut Req| -> Reply<TextStats> {
        decoded(|request| text_stats(&last_user(request)))
    });
}

fn needs(engine: &mut Engine) {
    getter(
        "tokens",
        "Input tokens by a quick estimate, good to some 10 %; `model.tokens(req)` is exact.",
        "req.tokens < 1000",
    )
    .register_into_engine(engine, |_: &mut Req| -> Reply<i64> {
        let tokens = read(|scene| estimate_request(&scene.request))?;
        tokens.map(|tokens| tokens as i64).map_err(|error| raise(error.message))
    });
    getter("max_tokens", "Most tokens to answer with, or `()`.", "req.max_tokens ?? 4096")
        .register_into_engine(engine, |_: &mut Req| -> Reply<Dynamic> {
            read(|scene| scene.request.max_tokens())?
                .map(|max| or_absent(max.map(|max| max as i64), || "req.max_tokens".to_owned()))
                .map_err(|error| raise(error.message))
        });
    setter("max_tokens", "Limits the answer; `()` lifts the limit.", "req.max_tokens = 500")
        .register_into_engine(engine, |_: &mut Req, most: Dynamic| set_param("max_tokens", &most));
    getter("tools", "The names of the tools offered, as an array.", "req.tools.len > 0")
        .register_into_engine(engine, |_: &mut Req| {
            decoded(|request| request.tools.iter().map(tool_name).collect::<rhai::Array>())
        });
    word(
        "remove_tool(name)",
        "Takes the tool of this name out; says whether it was there.",
        "req.remove_tool(\"shell\")",
    )
    .register_into_engine(engine, |_: &mut Req, name: ImmutableString| {
        change(|request| {
            let before = request.tools.len();
            request
                .tools
                .retain(|tool| !matches!(tool, Tool::Function { name: one, .. } if *one == name.as_str()));
            request.tools.len() < before
        })
    });
    getter("has_tools", "Whether tools are offered.", "if req.has_tools { .. }")
        .register_into_engine(engine, |_: &mut Req| with_need(|need| need.tools));
    getter("has_images", "Whether it carries images.", "if req.has_images { .. }")
        .register_into_engine(engine, |_: &mut Req| with_need(|need| need.images));
    getter("has_audio", "Whether it carries sound.", "if req.has_audio { .. }")
        .register_into_engine(engine, |_: &mut Req| with_need(|need| need.audio));
    getter("has_documents", "Whether it carries files.", "if req.has_documents { .. }")
        .register_into_engine(engine, |_: &mut Req| with_need(|need| need.documents));
    getter("json_schema", "The JSON Schema that the answer must follow, or `()`.", "req.json_schema != ()")
        .register_into_engine(engine, |_: &mut Req| {
            decoded(|request| match &request.format {
                Some(ResponseFormat::JsonSchema { schema, .. }) => word::from_json(schema),
                _ => absent("req.json_schema"),
            })
        });
}

fn parameters(engine: &mut Engine) {
    getter(
        "params",
        "Sampling and limits by name; one that the client did not send is `()`.",
        "req.params.temperature ?? 1.0",
    )
    .register_into_engine(engine, |_: &mut Req| ParamsView);
    index("The parameter of this name, or `()`.", "req.params[\"top_p\"]").register_into_engine(
        engine,
        |_: &mut ParamsView, name: ImmutableString| -> Reply<Dynamic> {
            let value = decoded(|request| field::get(request, &name))?;
            Ok(value.map_or_else(|| absent(format!("req.params.{name}")), |value| word::from_json(&value)))
        },
    );
    set_index("Sets the parameter of this name; `()` takes it out.", "req.params.temperature = 0.2")
        .register_into_engine(engine, |_: &mut ParamsView, name: ImmutableString, value: Dynamic| {
            set_param(&name, &value)
        });
    word(
        "set_param(name, value)",
        "Sets a parameter; `()` takes it out.",
        "req.set_param(\"temperature\", 0)",
    )
    .register_into_engine(engine, |_: &mut Req, name: ImmutableString, value: Dynamic| {
        set_param(&name, &value)
    });
    word("drop_params(names)", "Takes parameters out.", "req.drop_params([\"logit_bias\", \"seed\"])")
        .register_into_engine(engine, |_: &mut Req, names: rhai::Array| -> Reply<()> {
            names.iter().try_for_each(|name| set_param(&name.to_string(), &Dynamic::UNIT))
        });
}

fn labels(engine: &mut Engine) {
    getter(
        "metadata",
        "The client's own labels; one that is not there is `()`.",
        "req.metadata.task ?? \"chat\"",
    )
    .register_into_engine(engine, |_: &mut Req| MetadataView);
    index("The label of this name, or `()`.", "req.metadata[\"task\"]").register_into_engine(
        engine,
        |_: &mut MetadataView, name: ImmutableString| {
            decoded(|request| {
                let value = request.metadata.as_ref().and_then(|labels| labels.get(name.as_str()));
                value.map_or_else(|| absent(format!("req.metadata.{name}")), word::from_json)
            })
        },
    );
    getter(
        "headers",
        "The headers that policies may see, by name in lower case; one that is not there is `()`.",
        "req.headers[\"x-tier\"] ?? \"free\"",
    )
    .register_into_engine(engine, |_: &mut Req| HeadersView);
    index("The header of this name, or `()`.", "req.headers[\"x-tier\"]").register_into_engine(
        engine,
        |_: &mut HeadersView, name: ImmutableString| {
            read(|scene| {
                let mut headers = scene.headers.iter();
                let value =
                    headers.find(|(one, _)| one.eq_ignore_ascii_case(&name)).map(|(_, value)| value.as_str());
                value.map(ImmutableString::from)
            })
            .map(|value| or_absent(value, || format!("req.headers[\"{name}\"]")))
        },
    );
}

fn set_param(name: &str, value: &Dynamic) -> Reply<()> {
    let value = if value.is_unit() { None } else { Some(word::to_json(value)?) };
    change(|request| field::set(request, name, value))?.map_err(raise)
}

/// A text, or nothing for `()`.
fn text_or_unit(value: &Dynamic, what: &str) -> Reply<Option<String>> {
    if value.is_unit() {
        return Ok(None);
    }
    let text = value.as_immutable_string_ref();
    text.map(|text| Some(text.to_string()))
        .map_err(|_| raise(format!("{what} must be a text, not {}", kind_of(value))))
}

fn tool_name(tool: &Tool) -> Dynamic {
    match tool {
        Tool::Function { name, .. } => name.as_str().into(),
        Tool::Opaque { value, .. } => {
            let name = value.get("name").or_else(|| value.get("type")).and_then(|name| name.as_str());
            name.unwrap_or_default().into()
        }
    }
}

fn system_text(request: &Request) -> Option<String> {
    let system = request.messages.iter().filter(|message| message.role == Role::System);
    let texts: Vec<String> = system.map(|message| message.joined_text()).collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

fn set_system(request: &mut Request, text: Option<String>) {
    request.messages.retain(|message| message.role != Role::System);
    if let Some(text) = text {
        request.messages.insert(0, Message::text(Role::System, text).into());
    }
}

fn add_system(request: &mut Request, text: &str) {
    let after = request.messages.iter().take_while(|message| message.role == Role::System).count();
    request.messages.insert(after, Message::text(Role::System, text).into());
}

/// The JSON Schema that the answer must follow.
///
/// # Errors
/// No script runs, or the request does not decode.
pub(super) fn schema() -> Reply<Option<serde_json::Value>> {
    decoded(|request| match &request.format {
        Some(ResponseFormat::JsonSchema { schema, .. }) => Some(schema.clone()),
        _ => None,
    })
}

/// All visible text, a line break between messages.
pub(super) fn all_text(request: &Request) -> String {
    let texts: Vec<String> = request.messages.iter().map(|message| message.joined_text()).collect();
    texts.join("\n")
}

/// The text of the last user message.
pub(super) fn last_user(request: &Request) -> String {
    let mut users = request.messages.iter().rev().filter(|message| message.role == Role::User);
    users.next().map(|message| message.joined_text()).unwrap_or_default()
}
