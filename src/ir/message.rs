//! Messages and their parts: what was said, by whom, in which medium.

use std::sync::Arc;

use serde_json::Value;

use super::{Citation, Dialect, Extra};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions of the application; OpenAI's `developer` reads as this too, see [`Message::developer`].
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// Results of tools that the model called.
    Tool,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order. May be empty.
    pub parts: Vec<Part>,
    /// The participant's name, where the client gave one.
    pub name: Option<String>,
    /// Whether a system message came as OpenAI's `developer`.
    pub developer: bool,
    /// Whether the content came as a plain string rather than as a list of parts.
    pub plain: bool,
    /// The sources that a model names in an answer.
    pub citations: Vec<Citation>,
    /// Fields without a place in the canonical form.
    pub extra: Extra,
}

impl Message {
    /// A message of one text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { plain: true, ..Self::of(role, vec![Part::text(text)]) }
    }

    /// A message of these parts.
    #[must_use]
    pub fn of(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            parts,
            name: None,
            developer: false,
            plain: false,
            citations: Vec::new(),
            extra: Extra::NONE,
        }
    }

    /// All visible text of the message, parts joined without a separator.
    #[must_use]
    pub fn joined_text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }

    /// The tool calls in the message, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Visible text.
    Text {
        /// The text, any length.
        text: String,
        /// Wire fields without a place here: `cache_control`, `annotations`, `citations`, ...
        extra: Extra,
    },
    /// A picture.
    Image(Media),
    /// Sound.
    Audio(Media),
    /// A film.
    Video(Media),
    /// A file such as a PDF.
    Document(Media),
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What a tool answered.
    ToolResult(ToolResult),
    /// The model's reasoning, shown or sealed.
    Thinking(Thinking),
    /// The model declines, in its own words.
    Refusal(String),
    /// A part that only one dialect knows (server-side tool blocks and the
    /// like): re-emitted to that dialect, reported as dropped to another.
    Opaque {
        /// The dialect that knows it.
        dialect: Dialect,
        /// The part as it stood on the wire.
        value: Arc<Value>,
    },
}

impl Part {
    /// A text part with nothing extra.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), extra: Extra::NONE }
    }

    /// The text of a text part.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// A picture, sound, film or file in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// Where its bytes are.
    pub source: MediaSource,
    /// Its MIME type (`image/png`), where known.
    pub mime: Option<String>,
    /// File name or title, where known.
    pub name: Option<String>,
    /// OpenAI's `detail` of an image: `low`, `high`, `auto`.
    pub detail: Option<String>,
    /// The words that a sound says, where its maker wrote them down.
    pub transcript: Option<String>,
    /// Wire fields without a place here.
    pub extra: Extra,
}

impl Media {
    /// Media from `source` with this MIME type.
    #[must_use]
    pub fn of(source: MediaSource, mime: Option<String>) -> Self {
        Self { source, mime, name: None, detail: None, transcript: None, extra: Extra::NONE }
    }
}

/// Where the bytes of a [`Media`] are.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaSource {
    /// In the request, base64 without the `data:` prefix.
    Base64(Arc<str>),
    /// At a URL that the provider fetches; the gateway never does.
    Url(String),
    /// Uploaded before: the provider's file id.
    FileId(String),
    /// Plain text given as a document.
    Text(String),
}

/// A call of a tool by the model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    /// Pairs the call with its result. Invented where a dialect has none; empty never.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Arguments as JSON text, as the model wrote them: may be cut off and not
    /// parse. No arguments are `{}`.
    pub arguments: String,
    /// A sealed thought that must come back with the call on the next turn
    /// (Gemini's `thoughtSignature`).
    pub signature: Option<String>,
    /// Whether the tool is a free-text one (OpenAI's `custom`): `arguments` is then its input, not JSON.
    pub custom: bool,
    /// Wire fields without a place here.
    pub extra: Extra,
}

/// The result of a tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The id of the call that it answers.
    pub call_id: String,
    /// The tool's name, where the dialect carries it (Gemini); else empty.
    pub name: String,
    /// What the tool answered.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// Wire fields without a place here.
    pub extra: Extra,
}

/// A piece of reasoning.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Thinking {
    /// The reasoning in words; may be empty when only the seal exists.
    pub text: String,
    /// The seal that must go back on the next turn (Anthropic's `signature`,
    /// Gemini's `thoughtSignature`, Responses' `encrypted_content`). It may go
    /// through clients of any dialect and come back when another vendor's model
    /// answers, hence the mark of [`Self::seal`].
    pub signature: Option<String>,
    /// Whether it came as Anthropic's `redacted_thinking`: `signature` is then its `data`.
    pub redacted: bool,
    /// Item id, where the dialect has one (Responses).
    pub id: Option<String>,
    /// Wire fields without a place here (OpenRouter's `reasoning_details`, ...).
    pub extra: Extra,
}

impl Thinking {
    /// Stands between the mark and the seal; no vendor's seal has one.
    const MARK: char = '#';

    /// `seal` with the mark of the dialect that made it. Anthropic's seals, the
    /// most common ones, go without.
    #[must_use]
    pub fn seal(dialect: Dialect, seal: &str) -> String {
        format!("{}{}{seal}", dialect.name(), Self::MARK)
    }

    /// The seal without its mark, where `dialect` made it.
    #[must_use]
    pub fn seal_of(&self, dialect: Dialect) -> Option<&str> {
        let seal = self.signature.as_deref()?;
        let (maker, seal) = match seal.split_once(Self::MARK) {
            Some((mark, rest)) => (Dialect::named(mark)?, rest),
            None => (Dialect::Anthropic, seal),
        };
        (maker == dialect).then_some(seal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_go_back_to_their_maker_only() {
        let sealed =
            |signature: &str| Thinking { signature: Some(signature.to_owned()), ..Thinking::default() };
        let gemini = sealed(&Thinking::seal(Dialect::Gemini, "abc+/="));
        assert_eq!(gemini.seal_of(Dialect::Gemini), Some("abc+/="));
        assert_eq!(gemini.seal_of(Dialect::Anthropic), None);
        assert_eq!(sealed("abc").seal_of(Dialect::Anthropic), Some("abc"));
        assert_eq!(sealed("abc").seal_of(Dialect::Gemini), None);
        assert_eq!(sealed("nobody#abc").seal_of(Dialect::Anthropic), None);
        assert_eq!(Thinking::default().seal_of(Dialect::Gemini), None);
    }
}
