//! `req.messages`: the conversation as a list that is edited in place. A
//! message is a place in that list; whoever takes messages out takes the list
//! anew.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, NativeCallContext};

use super::request::{change, decoded};
use super::word::{getter, index, setter, word};
use crate::ir::{Message, Part, Request, Role};
use crate::policy::script::turn::{Reply, raise};

/// `req.messages`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Messages;

/// One message: its place in the conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Msg(usize);

impl IntoIterator for Messages {
    type Item = Msg;
    type IntoIter = std::iter::Map<std::ops::Range<usize>, fn(usize) -> Msg>;

    fn into_iter(self) -> Self::IntoIter {
        (0..decoded(|request| request.messages.len()).unwrap_or(0)).map(Msg)
    }
}

/// Registers the words of conversations.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Messages>("Messages").register_iterator::<Messages>();
    engine.register_type_with_name::<Msg>("Message");
    list(engine);
    edits(engine);
    closures(engine);
    message(engine);
}

fn list(engine: &mut Engine) {
    getter("len", "How many messages there are.", "req.messages.len > 10")
        .register_into_engine(engine, |_: &mut Messages| decoded(|request| request.messages.len() as i64));
    word("is_empty()", "Whether there is none.", "req.messages.is_empty()")
        .register_into_engine(engine, |_: &mut Messages| decoded(|request| request.messages.is_empty()));
    index("The message at a place from 0, from the end with a minus.", "req.messages[-1].text")
        .register_into_engine(engine, |_: &mut Messages, at: i64| {
            decoded(|request| place(request, at)).and_then(|place| place).map(Msg)
        });
    word("last()", "The last message, or `()`.", "req.messages.last().role == \"tool\"")
        .register_into_engine(engine, |_: &mut Messages| {
            decoded(|request| {
                request.messages.len().checked_sub(1).map_or(Dynamic::UNIT, |at| Dynamic::from(Msg(at)))
            })
        });
    word(
        "count(role)",
        "How many messages this role has: system, user, assistant, tool.",
        "req.messages.count(\"user\")",
    )
    .register_into_engine(engine, |_: &mut Messages, role: &str| -> Reply<i64> {
        let role = role_named(role)?;
        decoded(|request| request.messages.iter().filter(|message| message.role == role).count() as i64)
    });
}

fn edits(engine: &mut Engine) {
    word("push(role, text)", "Adds a message at the end.", "req.messages.push(\"user\", \"Be brief.\")")
        .register_into_engine(engine, |_: &mut Messages, role: &str, text: ImmutableString| -> Reply<()> {
            let message = Message::text(role_named(role)?, text.as_str());
            change(|request| request.messages.push(message.into()))
        });
    word(
        "insert(at, role, text)",
        "Adds a message before a place.",
        "req.messages.insert(0, \"system\", \"Be brief.\")",
    )
    .register_into_engine(
        engine,
        |_: &mut Messages, at: i64, role: &str, text: ImmutableString| -> Reply<()> {
            let message = Message::text(role_named(role)?, text.as_str());
            change(|request| {
                let at = usize::try_from(at).unwrap_or(0).min(request.messages.len());
                request.messages.insert(at, message.into());
            })
        },
    );
    word("remove(at)", "Takes the message at a place out.", "req.messages.remove(0)").register_into_engine(
        engine,
        |_: &mut Messages, at: i64| -> Reply<()> {
            let at = decoded(|request| place(request, at))??;
            change(|request| drop(request.messages.remove(at)))
        },
    );
    word(
        "keep_last(most)",
        "Keeps the system messages and the last so many others.",
        "req.messages.keep_last(10)",
    )
    .register_into_engine(engine, |_: &mut Messages, most: i64| {
        change(|request| keep_last(&mut request.messages, usize::try_from(most).unwrap_or(0)))
    });
}

fn closures(engine: &mut Engine) {
    word(
        "retain(test)",
        "Keeps those at which a closure says true.",
        "req.messages.retain(|m| m.role != \"tool\")",
    )
    .register_into_engine(
        engine,
        |context: NativeCallContext<'_>, _: &mut Messages, test: FnPtr| -> Reply<()> {
            let flags = flags(&context, &test)?;
            change(|request| {
                let mut flags = flags.into_iter();
                request.messages.retain(|_| flags.next().unwrap_or(true));
            })
        },
    );
    word(
        "filter(test)",
        "Those at which a closure says true, as an array of messages.",
        "req.messages.filter(|m| m.role == \"user\").len",
    )
    .register_into_engine(engine, |context: NativeCallContext<'_>, _: &mut Messages, test: FnPtr| {
        let flags = flags(&context, &test)?;
        let kept = flags.into_iter().enumerate().filter(|(_, keep)| *keep);
        Reply::Ok(kept.map(|(at, _)| Dynamic::from(Msg(at))).collect::<Array>())
    });
    word("map(make)", "What a closure makes of each, as an array.", "req.messages.map(|m| m.text.len)")
        .register_into_engine(
            engine,
            |context: NativeCallContext<'_>, list: &mut Messages, make: FnPtr| -> Reply<Array> {
                list.into_iter().map(|message| make.call_within_context(&context, (message,))).collect()
            },
        );
    word("any(test)", "Whether a closure says true of one.", "req.messages.any(|m| m.has_images)")
        .register_into_engine(
            engine,
            |context: NativeCallContext<'_>, _: &mut Messages, test: FnPtr| -> Reply<bool> {
                Ok(flags(&context, &test)?.contains(&true))
            },
        );
}

fn flags(context: &NativeCallContext<'_>, test: &FnPtr) -> Reply<Vec<bool>> {
    Messages.into_iter().map(|message| test.call_within_context(context, (message,))).collect()
}

fn message(engine: &mut Engine) {
    getter("role", "Who speaks: system, user, assistant, tool.", "req.messages[0].role == \"system\"")
        .register_into_engine(engine, |at: &mut Msg| look(*at, |message| role_name(message.role).to_owned()));
    getter("text", "Its visible text.", "req.messages[-1].text")
        .register_into_engine(engine, |at: &mut Msg| look(*at, Message::joined_text));
    setter(
        "text",
        "Replaces its visible text; pictures and tool calls stay.",
        "req.messages[-1].text = \"...\"",
    )
    .register_into_engine(engine, |at: &mut Msg, text: ImmutableString| {
        alter(*at, |message| set_text(message, &text))
    });
    getter("has_images", "Whether it carries images.", "req.messages[-1].has_images")
        .register_into_engine(engine, |at: &mut Msg| {
            look(*at, |message| message.parts.iter().any(|part| matches!(part, Part::Image(_))))
        });
    getter(
        "tool_calls",
        "The names of the tools that it calls, as an array.",
        "req.messages[-1].tool_calls.len > 0",
    )
    .register_into_engine(engine, |at: &mut Msg| {
        look(*at, |message| message.tool_calls().map(|call| call.name.as_str().into()).collect::<Array>())
    });
    getter("place", "Its place in the conversation, from 0.", "req.messages.last().place")
        .register_into_engine(engine, |at: &mut Msg| at.0 as i64);
    word("remove()", "Takes it out of the conversation.", "req.messages[0].remove()").register_into_engine(
        engine,
        |at: &mut Msg| -> Reply<()> {
            let at = at.0;
            change(|request| {
                if at < request.messages.len() {
                    drop(request.messages.remove(at));
                }
            })
        },
    );
}

fn look<R>(at: Msg, look: impl FnOnce(&Message) -> R) -> Reply<R> {
    decoded(|request| request.messages.get(at.0).map(|message| look(message)))?.ok_or_else(gone)
}

fn alter(at: Msg, alter: impl FnOnce(&mut Message)) -> Reply<()> {
    change(|request| request.messages.get_mut(at.0).map(|message| alter(Arc::make_mut(message))))?
        .ok_or_else(gone)
}

fn gone() -> Box<rhai::EvalAltResult> {
    raise("this message is no longer part of the request")
}

/// Puts `text` where the first text stood; further texts go.
pub(super) fn set_text(message: &mut Message, text: &str) {
    let first = message.parts.iter().position(|part| part.as_text().is_some());
    let mut at = 0;
    message.parts.retain(|part| {
        at += 1;
        part.as_text().is_none() || Some(at - 1) == first
    });
    let slot = message.parts.iter_mut().find_map(|part| match part {
        Part::Text { text, .. } => Some(text),
        _ => None,
    });
    match slot {
        Some(slot) => text.clone_into(slot),
        None => message.parts.insert(0, Part::text(text)),
    }
}

/// Keeps system messages and the last `most` others; results whose calls went go too.
fn keep_last(messages: &mut Vec<Arc<Message>>, most: usize) {
    let others = messages.iter().filter(|message| message.role != Role::System).count();
    let (mut drop, mut leading) = (others.saturating_sub(most), others > most);
    messages.retain(|message| {
        if message.role == Role::System {
            return true;
        }
        leading &= drop > 0 || message.role == Role::Tool;
        drop = drop.saturating_sub(1);
        !leading
    });
}

/// A script's place as an index.
fn place(request: &Request, at: i64) -> Reply<usize> {
    let len = request.messages.len();
    let from_end = if at < 0 { at + len as i64 } else { at };
    let place = usize::try_from(from_end).ok().filter(|place| *place < len);
    place.ok_or_else(|| raise(format!("there is no message {at} among {len}")))
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn role_named(name: &str) -> Reply<Role> {
    let all = [Role::System, Role::User, Role::Assistant, Role::Tool];
    all.into_iter()
        .find(|role| role_name(*role) == name)
        .ok_or_else(|| raise(format!("there is no role `{name}`: use system, user, assistant or tool")))
}
