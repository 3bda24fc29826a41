//! Policies that read an answer that is there whole, as [`super`] reads streams.

use super::super::decide::{Deciders, Said};
use super::{STOPPED, unseal};
use crate::error::Result;
use crate::ir::{Choice, Extra, Part, Response, Thinking};
use crate::policy::speech::{Next, Speech, Spoken};

/// What ends the words of a part, or stands between words.
enum Mark {
    /// Text, as it came, with what else the part has.
    Text(String, Extra),
    Refusal,
    Thinking(Thinking),
    Other(Part),
}

/// The policies of `deciders` read an answer. What follows in a choice after a
/// policy stopped it goes.
///
/// # Errors
/// A policy failed that must not.
pub(in crate::gateway) async fn whole(deciders: &mut Deciders, mut response: Response) -> Result<Response> {
    for choice in &mut response.choices {
        choice.logprobs = None;
        if one(deciders, choice).await? {
            forget_words(choice);
        }
    }
    Ok(response)
}

/// Reads one choice: whether it says something else then.
async fn one(deciders: &mut Deciders, choice: &mut Choice) -> Result<bool> {
    let mut speech = spoken(std::mem::take(&mut choice.message.parts));
    let parts = &mut choice.message.parts;
    let (mut changed, mut said) = (false, String::new());
    loop {
        match speech.advance() {
            Next::More => return Ok(changed),
            Next::Words(_, text) => said.push_str(&text),
            Next::Between(mark) => {
                let emptied = said.is_empty() && matches!(&mark, Mark::Text(came, _) if !came.is_empty());
                if !emptied || !parts.iter().any(|part| matches!(part, Part::Text { .. })) {
                    parts.push(part(mark, std::mem::take(&mut said), &mut deciders.dropped));
                }
            }
            Next::Ask(spoken, text) => match deciders.on_text(spoken, text).await? {
                Said::Text(text) => changed |= speech.answer(&text),
                Said::Stop(message) => {
                    let message = speech.stop(&message);
                    match spoken {
                        Spoken::Text => said.push_str(&message),
                        Spoken::Refusal => parts.push(Part::Refusal(std::mem::replace(&mut said, message))),
                        Spoken::Reasoning => {
                            let text = std::mem::replace(&mut said, message);
                            parts.push(Part::Thinking(Thinking { text, ..Thinking::default() }));
                        }
                    }
                    parts.push(Part::text(said));
                    choice.finish = Some(STOPPED);
                    return Ok(true);
                }
            },
        }
    }
}

/// The words of `parts`, each part's followed by its mark.
fn spoken(parts: Vec<Part>) -> Speech<Mark> {
    let mut speech = Speech::default();
    for part in parts {
        match part {
            Part::Text { text, extra } => {
                speech.say(Spoken::Text, &text);
                speech.put(Mark::Text(text, extra), false, 0);
            }
            Part::Refusal(text) => {
                speech.say(Spoken::Refusal, &text);
                speech.put(Mark::Refusal, false, 0);
            }
            Part::Thinking(thinking) if !thinking.redacted => {
                speech.say(Spoken::Reasoning, &thinking.text);
                speech.rest();
                speech.put(Mark::Thinking(thinking), true, 0);
            }
            other => speech.put(Mark::Other(other), true, 0),
        }
    }
    speech.rest();
    speech
}

/// The part that `mark` ends, with what is said of it now; `dropped` learns what it lost.
fn part(mark: Mark, said: String, dropped: &mut Vec<String>) -> Part {
    match mark {
        Mark::Text(came, extra) if came == said => Part::Text { text: said, extra },
        // Citations and the like point into the text as it was.
        Mark::Text(..) => Part::text(said),
        Mark::Refusal => Part::Refusal(said),
        Mark::Thinking(mut thinking) => {
            if thinking.text != said {
                thinking.text = said;
                dropped.extend(unseal(&mut thinking).filter(|name| !dropped.contains(name)));
            }
            Part::Thinking(thinking)
        }
        Mark::Other(part) => part,
    }
}

/// Takes out what tells the words that a changed text had, or points at their places:
/// also all that only the provider's own dialect knows.
fn forget_words(choice: &mut Choice) {
    choice.extra = Extra::NONE;
    choice.message.extra = Extra::NONE;
    for citation in &mut choice.message.citations {
        (citation.range, citation.raw) = (None, None);
    }
}
