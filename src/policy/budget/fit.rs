//! Making a conversation fit: tool results are shortened first, then the
//! oldest turns go. The system prompt stays whole, a tool call never loses its
//! result, and the last user turn with all after it stays.

use std::sync::Arc;

use crate::ir::{Message, Part, Role};
use crate::model::tokens::count_message;

/// How a conversation may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Tokens for the messages.
    pub room: u64,
    /// Tokens to which a tool result may be shortened.
    pub tool_result: u64,
    /// Units (a turn, or a call with its results) at the end that stay whole.
    pub keep_last: usize,
}

/// The conversation that fits, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The messages.
    pub messages: Vec<Arc<Message>>,
    /// Their tokens.
    pub tokens: u64,
    /// Messages that went.
    pub dropped: usize,
    /// Tool results that were shortened.
    pub shortened: usize,
    /// Whether they fit; if not, only what must stay is left.
    pub fits: bool,
}

/// Messages that stay or go together.
struct Unit {
    messages: Vec<Arc<Message>>,
    tokens: u64,
    pinned: bool,
}

/// Makes `messages` fit. `count` counts a text, `cut` shortens one to so many
/// tokens, keeping its end if told so.
#[must_use]
pub fn fit(
    messages: &[Arc<Message>],
    options: &Options,
    count: &dyn Fn(&str) -> u64,
    cut: &dyn Fn(&str, u64, bool) -> String,
) -> Fitted {
    let mut units = units(messages, options.keep_last, count);
    let mut shortened = shorten(&mut units, false, options, count, cut);
    drop_oldest(&mut units, options.room);
    // What the last turns hold is worth more: it is shortened only when all else did not suffice.
    shortened += shorten(&mut units, true, options, count, cut);
    let tokens = total(&units);
    let kept: Vec<Arc<Message>> = units.into_iter().flat_map(|unit| unit.messages).collect();
    Fitted {
        tokens,
        dropped: messages.len() - kept.len(),
        shortened,
        fits: tokens <= options.room,
        messages: kept,
    }
}

fn total(units: &[Unit]) -> u64 {
    units.iter().map(|unit| unit.tokens).sum()
}

/// Groups messages: a call and its results are one unit.
fn units(messages: &[Arc<Message>], keep_last: usize, count: &dyn Fn(&str) -> u64) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for message in messages {
        let tokens = count_message(message, count);
        match units.last_mut().filter(|unit| unit.pinned_role().is_none() && answers(message)) {
            Some(unit) => {
                unit.messages.push(Arc::clone(message));
                unit.tokens += tokens;
            }
            None => units.push(Unit { messages: vec![Arc::clone(message)], tokens, pinned: false }),
        }
    }
    let last_user = units.iter().rposition(|unit| unit.opens_with(Role::User)).unwrap_or(0);
    let from = last_user.min(units.len().saturating_sub(keep_last));
    for (at, unit) in units.iter_mut().enumerate() {
        unit.pinned = at >= from || unit.pinned_role().is_some();
    }
    units
}

/// Whether a message holds results of calls before it.
fn answers(message: &Message) -> bool {
    message.role == Role::Tool || message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)))
}

impl Unit {
    fn opens_with(&self, role: Role) -> bool {
        self.messages.first().is_some_and(|message| message.role == role && !answers(message))
    }

    /// The role for which a unit stays whatever happens.
    fn pinned_role(&self) -> Option<Role> {
        self.opens_with(Role::System).then_some(Role::System)
    }
}

/// Shortens tool results, oldest first, until the rest fits; how many.
fn shorten(
    units: &mut [Unit],
    pinned: bool,
    options: &Options,
    count: &dyn Fn(&str) -> u64,
    cut: &dyn Fn(&str, u64, bool) -> String,
) -> usize {
    let mut shortened = 0;
    let mut all = total(units);
    for unit in units.iter_mut().filter(|unit| unit.pinned == pinned) {
        if all <= options.room {
            break;
        }
        let before = unit.tokens;
        for message in &mut unit.messages {
            shortened += shorten_results(message, options.tool_result, count, cut);
        }
        unit.tokens = unit.messages.iter().map(|message| count_message(message, count)).sum();
        all = all.saturating_sub(before.saturating_sub(unit.tokens));
    }
    shortened
}

/// Shortens the results in one message to their beginning and end.
fn shorten_results(
    message: &mut Arc<Message>,
    most: u64,
    count: &dyn Fn(&str) -> u64,
    cut: &dyn Fn(&str, u64, bool) -> String,
) -> usize {
    if !answers(message) {
        return 0;
    }
    let mut shortened = 0;
    for part in &mut Arc::make_mut(message).parts {
        let texts: &mut [Part] = match part {
            Part::ToolResult(result) => &mut result.parts,
            other => std::slice::from_mut(other),
        };
        for text in texts.iter_mut().filter_map(text_of) {
            let tokens = count(text);
            if tokens > most {
                let (head, tail) = (cut(text, most * 2 / 3, false), cut(text, most / 4, true));
                *text = format!("{head}\n[... about {} tokens left out ...]\n{tail}", tokens - most);
                shortened += 1;
            }
        }
    }
    shortened
}

fn text_of(part: &mut Part) -> Option<&mut String> {
    match part {
        Part::Text { text, .. } => Some(text),
        _ => None,
    }
}

/// Drops the oldest units that may go until the rest fits. What is left begins
/// with a user turn, if one is left: some providers refuse anything else.
fn drop_oldest(units: &mut Vec<Unit>, room: u64) {
    let mut all = total(units);
    let mut dropping = false;
    units.retain(|unit| {
        let goes = !unit.pinned && (all > room || dropping && !unit.opens_with(Role::User));
        if goes {
            all -= unit.tokens;
            dropping = true;
        } else if !unit.pinned {
            dropping = false;
        }
        !goes
    });
}
