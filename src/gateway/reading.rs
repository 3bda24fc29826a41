//! Policies that read an answer before the client does: `on_text` on each of
//! its sentences, in order. A sentence is held back until it is complete;
//! everything else of the answer keeps its place between sentences.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::decide::{Deciders, Said};
use super::exchange::Exchange;
use super::lane::Lane;
use crate::error::{Error, Result};
use crate::ir::{Choice, Citation, Event, Extra, Finish, Part, Response};
use crate::policy::sentences::{Sentence, Sentences, joined};

/// Why an answer ended that a policy stopped: the client can tell it from a complete one.
const STOPPED: Finish = Finish::ContentFilter;

/// A streamed answer as policies read it.
pub(super) struct Reading {
    /// Lent to the sentence that is asked about.
    deciders: Option<Deciders>,
    asking: Option<Asking>,
    /// The text of each choice, as far as it came.
    texts: BTreeMap<u32, Sentences>,
    /// What came and is not on its way yet.
    waiting: VecDeque<Item>,
    /// The choices that no longer say what the provider said.
    changed: BTreeSet<u32>,
    ended: bool,
}

/// A sentence that policies look at.
struct Asking {
    choice: u32,
    before: String,
    /// The sentence as it came.
    came: String,
    said: Pin<Box<dyn Future<Output = (Deciders, Result<Said>)> + Send>>,
}

enum Item {
    Sentence(u32, Sentence),
    Other(Event),
}

/// What came of reading on.
pub(super) enum Read {
    /// These bytes are for the client.
    Said(Bytes),
    /// All is read that has come.
    More,
    /// All is read, and nothing more will come.
    Ended,
    /// A policy stopped the answer: these are its last events, less usage.
    Stopped(Vec<Event>),
    /// A policy failed that must not.
    Failed(Error),
}

impl Reading {
    /// The policies of `deciders` read.
    pub(super) fn new(deciders: Deciders) -> Self {
        Self {
            deciders: Some(deciders),
            asking: None,
            texts: BTreeMap::new(),
            waiting: VecDeque::new(),
            changed: BTreeSet::new(),
            ended: false,
        }
    }

    /// The provider's stream has ended as it should: what it sent last may be no whole sentence.
    pub(super) fn end(&mut self, lane: &mut Lane) {
        self.take(lane);
        let rests = self.texts.iter_mut().filter_map(|(choice, text)| Some((*choice, text.rest()?)));
        self.waiting.extend(rests.map(|(choice, rest)| Item::Sentence(choice, rest)));
        self.ended = true;
    }

    /// Reads on in what `lane` has taken, until there are bytes for the client.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        lane: &mut Lane,
        exchange: &mut Exchange,
    ) -> Poll<Read> {
        self.take(lane);
        loop {
            if let Some(asking) = &mut self.asking {
                let (mut deciders, said) = ready!(asking.said.as_mut().poll(cx));
                deciders.account(exchange);
                self.deciders = Some(deciders);
                let choice = asking.choice;
                let (before, came) = (std::mem::take(&mut asking.before), std::mem::take(&mut asking.came));
                self.asking = None;
                return Poll::Ready(match said {
                    Ok(Said::Text(text)) => {
                        if text != came {
                            self.changed.insert(choice);
                        }
                        say(lane, choice, joined(before, &text))
                    }
                    Ok(Said::Stop(message)) => {
                        Read::Stopped(self.last_words(choice, before + message.as_str()))
                    }
                    Err(error) => Read::Failed(error),
                });
            }
            let (choice, sentence) = match self.waiting.pop_front() {
                Some(Item::Sentence(choice, sentence)) => (choice, sentence),
                Some(Item::Other(event)) => {
                    let Some(event) = self.without_words(event) else { continue };
                    return Poll::Ready(Read::Said(lane.say(&event)));
                }
                None => return Poll::Ready(if self.ended { Read::Ended } else { Read::More }),
            };
            let Sentence { before, text } = sentence;
            if text.is_empty() {
                return Poll::Ready(say(lane, choice, before));
            }
            let Some(mut deciders) = self.deciders.take() else {
                return Poll::Ready(Read::Failed(Error::internal("the policies that read are gone")));
            };
            let came = text.clone();
            let said = Box::pin(async move {
                let said = deciders.on_text(text).await;
                (deciders, said)
            });
            self.asking = Some(Asking { choice, before, came, said });
        }
    }

    /// Takes what has come: text as sentences, the rest as it is. A choice's
    /// text ends where something else of it begins.
    fn take(&mut self, lane: &mut Lane) {
        for event in lane.take_unread() {
            let event = match event {
                Event::Text { choice, text } => {
                    let sentences = self.texts.entry(choice).or_default();
                    sentences.push(&text);
                    let complete = std::iter::from_fn(|| sentences.complete());
                    self.waiting.extend(complete.map(|sentence| Item::Sentence(choice, sentence)));
                    continue;
                }
                // They would tell what the sentences were.
                Event::Logprobs { .. } => continue,
                other => other,
            };
            let choice = choice_of(&event).and_then(|choice| Some((choice, self.texts.get_mut(&choice)?)));
            let rest = choice.and_then(|(choice, text)| Some(Item::Sentence(choice, text.rest()?)));
            self.waiting.extend(rest.into_iter().chain([Item::Other(event)]));
        }
    }

    /// `event` where the text before it was changed: without what tells the words
    /// that stood there, or points at their places. `None`: nothing is left of it.
    fn without_words(&self, event: Event) -> Option<Event> {
        if !choice_of(&event).is_some_and(|choice| self.changed.contains(&choice)) {
            return Some(event);
        }
        match event {
            Event::Opaque { .. } => None,
            Event::Citation { choice, citation } => {
                let citation = Citation { range: None, raw: None, ..Citation::clone(&citation) };
                Some(Event::Citation { choice, citation: citation.into() })
            }
            other => Some(other),
        }
    }

    /// The end of an answer that was stopped in `choice`, with its last words; others end with it.
    fn last_words(&self, choice: u32, text: String) -> Vec<Event> {
        let ends = self.texts.keys().map(|choice| Event::Finish { choice: *choice, finish: STOPPED });
        std::iter::once(Event::Text { choice, text }).chain(ends).collect()
    }
}

fn say(lane: &mut Lane, choice: u32, text: String) -> Read {
    Read::Said(if text.is_empty() { Bytes::new() } else { lane.say(&Event::Text { choice, text }) })
}

/// The choice to which an event belongs, where it stands between its texts.
fn choice_of(event: &Event) -> Option<u32> {
    match event {
        Event::Text { choice, .. }
        | Event::Refusal { choice, .. }
        | Event::Thinking { choice, .. }
        | Event::ThinkingSealed { choice, .. }
        | Event::ToolCall { choice, .. }
        | Event::ToolArguments { choice, .. }
        | Event::Media { choice, .. }
        | Event::Citation { choice, .. }
        | Event::Logprobs { choice, .. }
        | Event::Finish { choice, .. }
        | Event::Opaque { choice, .. } => Some(*choice),
        Event::Start { .. } | Event::Usage(_) | Event::Ping | Event::Error(_) | Event::Done => None,
    }
}

/// The policies of `deciders` read an answer that is there whole. What follows
/// in a choice after a policy stopped it goes.
///
/// # Errors
/// A policy failed that must not.
pub(super) async fn whole(deciders: &mut Deciders, mut response: Response) -> Result<Response> {
    for choice in &mut response.choices {
        choice.logprobs = None;
        let mut changed = false;
        for part in std::mem::take(&mut choice.message.parts) {
            let Part::Text { text, extra } = part else {
                choice.message.parts.push(part);
                continue;
            };
            let (said, stopped) = said(deciders, &text).await?;
            // Citations and the like point into the text as it was.
            let same = said == text;
            changed |= !same;
            let extra = if same { extra } else { Extra::NONE };
            choice.message.parts.push(Part::Text { text: said, extra });
            if stopped {
                choice.finish = Some(STOPPED);
                break;
            }
        }
        if changed {
            forget_words(choice);
        }
    }
    Ok(response)
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

/// What is said in place of `text`, and whether a policy stopped there.
async fn said(deciders: &mut Deciders, text: &str) -> Result<(String, bool)> {
    let (mut sentences, mut said) = (Sentences::default(), String::with_capacity(text.len()));
    sentences.push(text);
    while let Some(Sentence { before, text }) = sentences.complete().or_else(|| sentences.rest()) {
        if text.is_empty() {
            said.push_str(&before);
            continue;
        }
        match deciders.on_text(text).await? {
            Said::Text(text) => said.push_str(&joined(before, &text)),
            Said::Stop(message) => return Ok((said + before.as_str() + message.as_str(), true)),
        }
    }
    Ok((said, false))
}
