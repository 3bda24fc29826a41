//! A plain talk, found while its bytes are checked: texts in turns, no tools,
//! no media, no schema. It is what most requests are and most policies ask
//! about; anything out of the ordinary is left to the decoder.

use std::ops::Range;

/// What a body in OpenAI's chat form says, where it is a plain talk.
#[derive(Debug, Clone)]
pub(super) struct Talk {
    /// Whether it still is one.
    pub(super) plain: bool,
    /// Whether there is a list of turns.
    pub(super) listed: bool,
    /// Turns.
    pub(super) turns: u64,
    /// The texts of all turns.
    texts: Vec<Text>,
    /// `max_completion_tokens`, `max_tokens`.
    limits: [Option<u64>; 2],
}

/// A text in a body.
#[derive(Debug, Clone)]
enum Text {
    /// It stands there as it is.
    At(Range<usize>),
    /// It stands there with escapes.
    Escaped(Box<str>),
}

/// Where a value stands in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The list of turns.
    Turns,
    /// One turn, who speaks in it, and what.
    Turn,
    Role,
    Content,
    /// A part of a content, its type and its text.
    Part,
    Kind,
    Text,
    /// A most number of tokens: the preferred one, the other.
    Limit(usize),
    /// What a plain talk does not have, or has as `null`.
    Missing,
    /// Anything else: it does not bear on the question.
    Elsewhere,
}

impl Place {
    /// The place of a field of the body itself.
    pub(super) fn top(key: &str) -> Self {
        match key {
            "messages" => Self::Turns,
            "max_completion_tokens" => Self::Limit(0),
            "max_tokens" => Self::Limit(1),
            "tools" | "functions" | "response_format" => Self::Missing,
            _ => Self::Elsewhere,
        }
    }

    /// The place of a list's elements.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Turns => Self::Turn,
            Self::Content => Self::Part,
            _ => Self::Elsewhere,
        }
    }

    /// The place of the field `key` of an object; none where a plain talk has no such field.
    pub(super) fn field(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Turn, "role") => Some(Self::Role),
            (Self::Turn, "content") => Some(Self::Content),
            (Self::Part, "type") => Some(Self::Kind),
            (Self::Part, "text") => Some(Self::Text),
            (Self::Elsewhere, _) => Some(Self::Elsewhere),
            _ => None,
        }
    }

    /// How many fields an object here has in a plain talk, where it matters.
    pub(super) fn fields(self) -> Option<usize> {
        matches!(self, Self::Turn | Self::Part).then_some(2)
    }
}

impl Talk {
    /// A talk of which nothing was seen yet; `plain`: whether the body is in a
    /// form in which there are plain talks.
    pub(super) fn new(plain: bool) -> Self {
        Self { plain, listed: false, turns: 0, texts: Vec::new(), limits: [None; 2] }
    }

    /// A text stands at `place`: with its range in the body, where it has no escapes.
    pub(super) fn text(&mut self, place: Place, text: &str, at: Option<Range<usize>>) {
        match place {
            Place::Content | Place::Text if self.plain => {
                self.texts.push(at.map_or_else(|| Text::Escaped(text.into()), Text::At));
            }
            Place::Role => self.plain &= matches!(text, "system" | "developer" | "user" | "assistant"),
            Place::Kind => self.plain &= text == "text",
            place => self.other(place),
        }
    }

    /// A whole number stands at `place`.
    pub(super) fn number(&mut self, place: Place, number: u64) {
        match place {
            Place::Limit(which) => {
                if let Some(limit) = self.limits.get_mut(which) {
                    *limit = Some(number);
                }
            }
            place => self.other(place),
        }
    }

    /// A `null` stands at `place`.
    pub(super) fn null(&mut self, place: Place) {
        if !matches!(place, Place::Limit(_) | Place::Missing) {
            self.other(place);
        }
    }

    /// A list begins at `place`.
    pub(super) fn list(&mut self, place: Place) {
        match place {
            Place::Turns => self.listed = true,
            Place::Content => {}
            place => self.other(place),
        }
    }

    /// An object begins at `place`.
    pub(super) fn object(&mut self, place: Place) {
        match place {
            Place::Turn => self.turns += 1,
            Place::Part => {}
            place => self.other(place),
        }
    }

    /// Something stands at `place` that no plain talk has there.
    pub(super) fn other(&mut self, place: Place) {
        self.plain &= place == Place::Elsewhere;
    }

    /// The sum of what `weigh` says of its texts, which stand in `body`.
    pub(super) fn weight(&self, body: &[u8], weigh: &dyn Fn(&str) -> u64) -> u64 {
        let weighed = self.texts.iter().map(|text| match text {
            Text::At(at) => {
                weigh(body.get(at.clone()).map_or("", |text| std::str::from_utf8(text).unwrap_or("")))
            }
            Text::Escaped(text) => weigh(text),
        });
        weighed.sum()
    }

    /// Most tokens to answer with, where the client said.
    pub(super) fn max_tokens(&self) -> Option<u64> {
        self.limits.iter().find_map(|limit| *limit)
    }
}
