//! Policies that read an answer before the client does: `on_text` on each of
//! its sentences, in order, in text, refusals and reasoning. A sentence is held
//! back until it is complete; everything else of the answer keeps its place.

mod whole;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::decide::{Deciders, Said};
use super::exchange::Exchange;
use super::lane::Lane;
use crate::error::{Error, Result};
use crate::ir::{Citation, Dialect, Event, Extra, Finish, Thinking};
use crate::policy::speech::{Next, Speech, Spoken};

pub(super) use whole::whole;

/// Why an answer ended that a policy stopped: the client can tell it from a complete one.
const STOPPED: Finish = Finish::ContentFilter;

/// What the client is not told: the seal of a thought that no longer says what its maker sealed.
const SEAL: &str = "response.thinking.signature";

/// A streamed answer as policies read it.
pub(super) struct Reading {
    /// Lent to the sentence that is asked about.
    deciders: Option<Deciders>,
    asking: Option<Asking>,
    /// What belongs to no choice and is not on its way yet.
    ready: VecDeque<Event>,
    choices: BTreeMap<u32, Voice>,
    ended: bool,
}

/// What one choice says.
#[derive(Default)]
struct Voice {
    speech: Speech<Event>,
    /// Whether it no longer says what the provider said.
    changed: bool,
    /// Whether the thought that is not sealed yet does not.
    rethought: bool,
}

/// A sentence that policies look at.
struct Asking {
    choice: u32,
    spoken: Spoken,
    said: Pin<Box<dyn Future<Output = (Deciders, Result<Said>)> + Send>>,
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
            ready: VecDeque::new(),
            choices: BTreeMap::new(),
            ended: false,
        }
    }

    /// The provider's stream has ended as it should: what it sent last may be no whole sentence.
    pub(super) fn end(&mut self, lane: &mut Lane) {
        self.take(lane);
        self.choices.values_mut().for_each(|voice| voice.speech.rest());
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
                let (choice, spoken) = (asking.choice, asking.spoken);
                (self.deciders, self.asking) = (Some(deciders), None);
                match said {
                    Ok(Said::Text(text)) => self.answered(choice, spoken, &text),
                    Ok(Said::Stop(message)) => {
                        return Poll::Ready(Read::Stopped(self.last_words(choice, &message)));
                    }
                    Err(error) => return Poll::Ready(Read::Failed(error)),
                }
            }
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Read::Said(lane.say(&event)));
            }
            match self.next() {
                Some((choice, Next::Words(spoken, text))) => {
                    return Poll::Ready(Read::Said(lane.say(&words(choice, spoken, text))));
                }
                Some((choice, Next::Between(event))) => {
                    if let Some(event) = self.without_words(choice, event, lane) {
                        return Poll::Ready(Read::Said(lane.say(&event)));
                    }
                }
                Some((choice, Next::Ask(spoken, text))) => {
                    let Some(mut deciders) = self.deciders.take() else {
                        let gone = Error::internal("the policies that read are gone");
                        return Poll::Ready(Read::Failed(gone));
                    };
                    let said = Box::pin(async move {
                        let said = deciders.on_text(spoken, text).await;
                        (deciders, said)
                    });
                    self.asking = Some(Asking { choice, spoken, said });
                }
                Some((_, Next::More)) | None => {
                    return Poll::Ready(if self.ended { Read::Ended } else { Read::More });
                }
            }
        }
    }

    /// The next thing that a choice has to say.
    fn next(&mut self) -> Option<(u32, Next<Event>)> {
        let mut all = self.choices.iter_mut().map(|(choice, voice)| (*choice, voice.speech.advance()));
        all.find(|(_, next)| *next != Next::More)
    }

    /// Takes what has come: words as sentences, the rest as it is.
    fn take(&mut self, lane: &mut Lane) {
        for event in lane.take_unread() {
            let Some(choice) = choice_of(&event) else {
                self.ready.push_back(event);
                continue;
            };
            let speech = &mut self.choices.entry(choice).or_default().speech;
            match event {
                Event::Text { text, .. } => speech.say(Spoken::Text, &text),
                Event::Refusal { text, .. } => speech.say(Spoken::Refusal, &text),
                Event::Thinking { text, .. } => speech.say(Spoken::Reasoning, &text),
                Event::ThinkingSealed { mut thinking, .. } => {
                    speech.say(Spoken::Reasoning, &std::mem::take(&mut thinking.text));
                    speech.rest();
                    speech.put(Event::ThinkingSealed { choice, thinking }, true, 0);
                }
                // They would tell what the sentences were.
                Event::Logprobs { .. } => {}
                Event::Finish { .. } => {
                    speech.rest();
                    speech.put(event, true, 0);
                }
                event => {
                    let (parts, bytes) = between(&event);
                    speech.put(event, parts, bytes);
                }
            }
        }
    }

    /// A sentence was read, and this is said in its place.
    fn answered(&mut self, choice: u32, spoken: Spoken, said: &str) {
        let voice = self.choices.entry(choice).or_default();
        if voice.speech.answer(said) {
            voice.changed = true;
            voice.rethought |= spoken == Spoken::Reasoning;
        }
    }

    /// `event` where words before it were changed: without what tells those that
    /// stood there, points at their places, or vouches for them. `None`: nothing is left of it.
    fn without_words(&mut self, choice: u32, event: Event, lane: &mut Lane) -> Option<Event> {
        let voice = self.choices.entry(choice).or_default();
        if !voice.changed {
            return Some(event);
        }
        match event {
            Event::Opaque { .. } => None,
            Event::Citation { choice, citation } => {
                let citation = Citation { range: None, raw: None, ..Citation::clone(&citation) };
                Some(Event::Citation { choice, citation: citation.into() })
            }
            Event::ThinkingSealed { choice, mut thinking } if !thinking.redacted => {
                if std::mem::take(&mut voice.rethought)
                    && let Some(name) = unseal(&mut thinking)
                    && !lane.untold.contains(&name)
                {
                    lane.untold.push(name);
                }
                Some(Event::ThinkingSealed { choice, thinking })
            }
            other => Some(other),
        }
    }

    /// The end of an answer that was stopped in `choice`, with its last words; others end with it.
    fn last_words(&mut self, choice: u32, message: &str) -> Vec<Event> {
        let text = self.choices.entry(choice).or_default().speech.stop(message);
        let ends = self.choices.keys().map(|choice| Event::Finish { choice: *choice, finish: STOPPED });
        std::iter::once(Event::Text { choice, text }).chain(ends).collect()
    }
}

/// Takes the seal, and what else only its maker knows, off a thought that was
/// changed: what the client is not told by that, if anything.
fn unseal(thinking: &mut Thinking) -> Option<String> {
    thinking.extra = Extra::NONE;
    thinking.signature.take().filter(|seal| !seal.is_empty()).map(|_| SEAL.to_owned())
}

fn words(choice: u32, spoken: Spoken, text: String) -> Event {
    match spoken {
        Spoken::Text => Event::Text { choice, text },
        Spoken::Refusal => Event::Refusal { choice, text },
        Spoken::Reasoning => Event::Thinking { choice, text },
    }
}

/// Whether a reader sees words before and after `event` as apart, and about how many bytes it has.
fn between(event: &Event) -> (bool, usize) {
    match event {
        Event::ToolArguments { text, .. } => (false, 64 + text.len()),
        Event::Citation { .. } => (false, 256),
        // Fields beside the words, chunk by chunk.
        Event::Opaque { dialect: Dialect::OpenAiChat | Dialect::OpenAiCompletions, .. } => (false, 256),
        _ => (true, 4096),
    }
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
        Event::Start { .. }
        | Event::Beside { .. }
        | Event::Usage(_)
        | Event::Ping
        | Event::Error(_)
        | Event::Done => None,
    }
}
