//! Context budgets: `fit`, `inject`, and folding old turns into a summary.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::messages::Messages;
use super::request::{change, decoded};
use super::word::{count, kind_of, number, word};
use crate::ir::{Message, Request, Role};
use crate::model::tokens::count_request;
use crate::model::{Candidate, Model};
use crate::policy::Scene;
use crate::policy::budget::{Counter, Options, Passage, choose, fit};
use crate::policy::script::turn::{Reply, Req, raise, read};
use crate::policy::texts::asks_for_more;

/// Tokens left for the answer where the client says nothing.
const ANSWER: u64 = 1_024;

/// Tokens to which a tool result is shortened.
const TOOL_RESULT: u64 = 500;

/// Registers the words of context budgets.
pub(super) fn register(engine: &mut Engine) {
    word("fit(req, model)", "Makes the conversation fit the model's window: tool results are shortened, then the oldest turns go; never the system prompt, never half a tool pair. Says what it did: fits, tokens, dropped, shortened.", "fit(req, ctx.models[\"gpt-5-mini\"]).fits")
        .register_into_engine(engine, |_: Req, model: Candidate| fit_request(&model, &Map::new()));
    word("fit(req, model, options)", "The same with options: tokens (most of input; the window without room for the answer), keep_last (1: messages that stay whole), tool_result (500: tokens of a shortened one). An unknown option is an error.", "fit(req, model, #{ tokens: 8000, keep_last: 4 })")
        .register_into_engine(engine, |_: Req, model: Candidate, options: Map| fit_request(&model, &options));
    word("inject(req, passages, model, tokens)", "Adds passages to the system prompt, best first, repetitions left out, within so many tokens of the model; says how many. A passage is a text, or a map with text and score.", "inject(req, found.passages, model, 2000)")
        .register_into_engine(engine, |_: Req, passages: Array, model: Candidate, tokens: i64| inject(&passages, &model, tokens));
    word("transcript(keep)", "All but the system messages and the last so many others, as text for a summary; empty when there is nothing older.", "req.messages.transcript(6)")
        .register_into_engine(engine, |_: &mut Messages, keep: i64| {
            decoded(|request| transcript(request, usize::try_from(keep).unwrap_or(0)))
        });
    word(
        "fold(keep, text)",
        "Replaces what `transcript` shows by one system message with this text.",
        "req.messages.fold(6, summary)",
    )
    .register_into_engine(engine, |_: &mut Messages, keep: i64, text: ImmutableString| {
        change(|request| fold(request, usize::try_from(keep).unwrap_or(0), &text))
    });
    word(
        "frustration()",
        "How discontent the user's turns sound, 0 to 1: the same again in other words, or \"that's wrong\".",
        "req.frustration() > 0.5",
    )
    .register_into_engine(engine, |_: &mut Req| -> Reply<f64> {
        decoded(|request| {
            let users = request.messages.iter().filter(|message| message.role == Role::User);
            let texts: Vec<String> = users.map(|message| message.joined_text()).collect();
            asks_for_more(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        })
    });
}

/// A counter for `model`. Nobody waits for its vocabulary except cases and
/// explanations, which come out the same each time.
pub(super) fn counter<'a>(model: &'a Model, scene: &'a Scene) -> Counter<'a> {
    let make = if scene.trace.is_some() { Counter::warmed } else { Counter::of };
    make(model, &*scene.state, scene.now)
}

/// Looks with a counter for `model`.
fn with_counter<R>(model: &Candidate, look: impl FnOnce(&Counter<'_>, &Request) -> R) -> Reply<R> {
    read(|scene| {
        let counter = counter(&model.model, scene);
        scene.request.decoded().map(|request| look(&counter, request))
    })?
    .map_err(|error| raise(error.message))
}

fn fit_request(model: &Candidate, options: &Map) -> Reply<Map> {
    const KNOWN: [&str; 3] = ["tokens", "keep_last", "tool_result"];
    if let Some(unknown) = options.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(raise(format!("fit has no option `{unknown}`: use {}", KNOWN.join(", "))));
    }
    let option = |name: &str| options.get(name).map(|value| count(value, name)).transpose();
    let most = option("tokens")?;
    let keep_last = usize::try_from(option("keep_last")?.unwrap_or(1)).unwrap_or(1);
    let tool_result = option("tool_result")?.unwrap_or(TOOL_RESULT);
    let fitted = with_counter(model, |counter, request| {
        let answer = request.params.max_tokens.unwrap_or(ANSWER);
        let window = model.model.context_window.map(|window| window.saturating_sub(answer));
        let most = most.unwrap_or(u64::MAX).min(window.unwrap_or(u64::MAX));
        let around = Request { messages: Vec::new(), ..request.clone() };
        let safe = |text: &str| counter.safe(text);
        let room = most.saturating_sub(count_request(&around, &safe));
        let cut = |text: &str, most: u64, end: bool| counter.cut(text, most, end);
        let fitted = fit(&request.messages, &Options { room, tool_result, keep_last }, &safe, &cut);
        let whole = count_request(&around, &safe) + fitted.tokens;
        (fitted, whole)
    })?;
    let (fitted, whole) = fitted;
    if fitted.dropped > 0 || fitted.shortened > 0 {
        let messages = fitted.messages.clone();
        change(|request| request.messages = messages)?;
    }
    let pairs: [(&str, Dynamic); 4] = [
        ("fits", fitted.fits.into()),
        ("tokens", (whole as i64).into()),
        ("dropped", (fitted.dropped as i64).into()),
        ("shortened", (fitted.shortened as i64).into()),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn inject(passages: &Array, model: &Candidate, tokens: i64) -> Reply<i64> {
    let passages: Vec<Passage> =
        passages.iter().enumerate().map(|(at, one)| passage(at, one)).collect::<Reply<_>>()?;
    let room = u64::try_from(tokens).unwrap_or(0);
    let chosen = with_counter(model, |counter, _| choose(&passages, room, &|text| counter.safe(text)))?;
    if chosen.is_empty() {
        return Ok(0);
    }
    let mut text = "Use these passages where they help, and name their numbers:".to_owned();
    for (place, passage) in chosen.iter().filter_map(|at| passages.get(*at)).enumerate() {
        text.push_str(&format!("\n\n[{}] {}", place + 1, passage.text));
    }
    let many = chosen.len() as i64;
    change(|request| {
        let after = request.messages.iter().take_while(|message| message.role == Role::System).count();
        request.messages.insert(after, Message::text(Role::System, text).into());
    })?;
    Ok(many)
}

fn passage(at: usize, given: &Dynamic) -> Reply<Passage> {
    // Without scores the order that they came in is their rank.
    let rank = -(at as f64);
    if let Some(fields) = given.read_lock::<Map>() {
        let text = ["text", "content", "passage"].iter().find_map(|name| fields.get(*name));
        let text = text.ok_or_else(|| raise("a passage needs a `text`"))?;
        let score = fields.get("score").map_or(Ok(rank), |score| number(score, "a passage's score"))?;
        return Ok(Passage { text: text.to_string(), score });
    }
    if given.is_string() {
        return Ok(Passage { text: given.to_string(), score: rank });
    }
    Err(raise(format!("a passage is a text or a map with a text, not {}", kind_of(given))))
}

/// Where the older part of a conversation ends: before the last `keep` that are
/// no system messages, and never between a call and its result.
fn older(request: &Request, keep: usize) -> usize {
    let messages = &request.messages;
    let others: Vec<usize> = (0..messages.len())
        .filter(|at| messages.get(*at).is_some_and(|message| message.role != Role::System))
        .collect();
    let Some(mut from) = others.len().checked_sub(keep).and_then(|at| others.get(at).copied()) else {
        return 0;
    };
    while from > 0 && messages.get(from).is_some_and(|message| message.role != Role::User) {
        from -= 1;
    }
    from
}

fn transcript(request: &Request, keep: usize) -> String {
    let end = older(request, keep);
    let lines = request.messages.iter().take(end).filter(|message| message.role != Role::System);
    lines
        .map(|message| format!("{:?}: {}", message.role, message.joined_text()))
        .collect::<Vec<_>>()
        .join("\n")
}

fn fold(request: &mut Request, keep: usize, text: &str) {
    let end = older(request, keep);
    let mut at = 0;
    request.messages.retain(|message| {
        at += 1;
        at > end || message.role == Role::System
    });
    let after = request.messages.iter().take_while(|message| message.role == Role::System).count();
    request.messages.insert(
        after,
        Arc::new(Message::text(Role::System, format!("Earlier in this conversation: {text}"))),
    );
}
