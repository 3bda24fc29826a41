//! Dialects: wire formats of conversations, translated to and from [`crate::ir`].
//!
//! Sans-IO: bytes in, values out. A dialect knows nothing of vendors (a vendor's
//! deviations arrive as [`Quirks`]), sockets or clocks. Each dialect is a folder
//! with the same file names: `request`, `response`, `stream`, `error`.
//!
//! | to use | call |
//! | --- | --- |
//! | the client's side | [`Inbound`] of [`inbound`] |
//! | the provider's side | [`Outbound`] of [`outbound`] |
//! | what a client is not told of an answer | [`untold()`], [`untold_event`] |
//! | a body read once, decoded when somebody looks | [`LazyRequest`] |

mod advice;
mod anthropic;
pub mod batch;
pub mod batch_bill;
pub mod batch_found;
mod bedrock;
mod cause;
mod cohere;
pub mod embed;
mod enclosed;
mod entries;
mod fields;
mod gemini;
mod head;
mod ids;
mod lazy;
mod lenient;
pub mod multipart;
mod ollama;
mod openai;
mod openai_chat;
mod openai_completions;
mod openai_responses;
mod parcel;
pub mod passage;
mod redact;
mod refusal;
mod registry;
pub mod rerank;
mod served;
mod sound;
mod splice;
mod strict;
mod talk;
mod untold;
mod voice;
mod wire;
mod work;

pub use crate::sse::Framing;
pub use enclosed::{PLACES, may_name_files};
pub use ids::ToolIds;
pub use lazy::LazyRequest;
pub use parcel::{Named, Parcel};
pub use refusal::Refused;
pub use registry::{inbound, outbound};
pub use splice::Splicer;
pub use untold::{untold, untold_event};
pub use voice::wanted as wanted_sound;
pub use wire::{Quirks, Refusal, SPEAKERS, Target, TokenField, Wire};

use bytes::Bytes;
use http::HeaderMap;

use crate::error::{Error, Result};
use crate::ir::{Dialect, Event, Request, Response, Usage};
use crate::sse::Frame;

/// What a client of a dialect sends and wants to read.
pub trait Inbound: Send + Sync {
    /// Which dialect this is.
    fn dialect(&self) -> Dialect;

    /// Decodes a request body. `path_model` and `path_stream` come from the URL
    /// in dialects that keep them there (Gemini).
    ///
    /// # Errors
    /// `InvalidRequest` with the field at fault.
    fn decode_request(&self, body: &[u8], path: PathFacts<'_>) -> Result<Request>;

    /// Whether a body in OpenAI's chat form, with texts in turns and without
    /// tools, media and schema, asks for nothing else: a scan of its bytes tells
    /// then what policies ask about, see [`LazyRequest::glance`].
    fn has_plain_talks(&self) -> bool {
        false
    }

    /// Names of headers that belong to a request of this dialect: they go along
    /// to a provider of the same dialect.
    fn companions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Takes what [`Self::companions`] say into a request that is encoded anew.
    fn adopt(&self, _request: &mut Request, _companions: &HeaderMap) {}

    /// Encodes a whole answer.
    fn encode_response(&self, response: &Response, reply: &ReplyFacts) -> Bytes;

    /// An encoder for a streamed answer.
    fn stream_encoder(&self, reply: &ReplyFacts) -> Box<dyn StreamEncoder>;

    /// The body of an error, in the shape that this dialect's SDKs map to
    /// their typed exceptions.
    fn encode_error(&self, error: &Error, request_id: &str) -> Bytes;
}

/// What [`LazyRequest::glance`] saw of a plain talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Turns.
    pub messages: u64,
    /// The weight of all texts.
    pub weight: u64,
    /// Most tokens to answer with, where the client said.
    pub max_tokens: Option<u64>,
}

/// What the URL of a request said, for dialects that keep facts there.
#[derive(Debug, Clone, Copy, Default)]
pub struct PathFacts<'a> {
    /// The model in the path.
    pub model: Option<&'a str>,
    /// Whether the path asks for a stream.
    pub stream: bool,
}

/// What an encoder needs to know besides the answer itself.
#[derive(Debug, Clone, Default)]
pub struct ReplyFacts {
    /// Our request id; stands in where the provider gave no id.
    pub request_id: String,
    /// The model's name to state where the provider gave none.
    pub model: String,
    /// Seconds since the Unix epoch, where the provider gave none.
    pub created: u64,
    /// Whether the client asked for usage in the stream.
    pub include_usage: bool,
    /// Whether the client wants sound as samples without a head (OpenAI's `pcm16`).
    pub bare_sound: bool,
    /// Input tokens as counted before sending: for dialects whose first event
    /// states them (Anthropic's `message_start`).
    pub estimated_input: u64,
}

/// Encodes events as bytes of a client's stream. Appends to `out`.
pub trait StreamEncoder: Send {
    /// Encodes one event.
    fn push(&mut self, event: &Event, out: &mut Vec<u8>);

    /// Ends the stream as the protocol demands; called once, after [`Event::Done`].
    fn finish(&mut self, out: &mut Vec<u8>);

    /// Ends the stream with an error that the dialect's SDKs raise; never with
    /// its sign of success. Called at most once, instead of [`Self::finish`].
    fn fail(&mut self, error: &Error, out: &mut Vec<u8>);
}

/// What a provider of a dialect reads and sends.
pub trait Outbound: Send + Sync {
    /// Which dialect this is.
    fn dialect(&self) -> Dialect;

    /// Encodes a request for `target`.
    ///
    /// # Errors
    /// `Unsupported` when the request asks for what the dialect cannot carry at all.
    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire>;

    /// For a request that came in this very dialect and that nobody edited: the
    /// path and headers to send the client's bytes with. The body is the raw
    /// one with the model's name replaced. `None`: encode anew, as always in
    /// dialects that no client speaks.
    fn pass_through(&self, _raw: &Bytes, _target: &Target<'_>, _stream: bool) -> Option<Wire> {
        None
    }

    /// Decodes a whole answer of status 2xx.
    ///
    /// # Errors
    /// `InvalidResponse` when it is not this protocol; the provider's own error
    /// when it hides in a 200.
    fn decode_response(&self, body: &[u8]) -> Result<Response>;

    /// How the provider frames its streams.
    fn framing(&self) -> Framing;

    /// A decoder for a streamed answer.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;

    /// Reads a provider's error of any form: its class, message and advice.
    /// What all dialects share is read already; a dialect overrides what it knows better.
    fn decode_error(&self, refused: &Refused<'_>) -> Error {
        refusal::read(refused)
    }

    /// Reads usage (and whether the answer has an `error` inside a 200) from a whole answer that is passed through,
    /// without decoding the rest.
    ///
    /// # Errors
    /// As [`Self::decode_response`].
    fn scan_response(&self, body: &[u8]) -> Result<Option<Usage>> {
        Ok(self.decode_response(body)?.usage)
    }

    /// Looks at one frame of a stream that is passed through and says what it is. Cheap: must not parse
    /// frames that are plain content. Asked only of a dialect whose [`Self::pass_through`] gives something.
    fn scan_frame(&self, _frame: &Frame<'_>, _seen: &mut Seen) {}
}

/// What was seen of a stream that is passed through as bytes.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whether content (text, thought, tool call) has begun.
    pub content: bool,
    /// The last usage.
    pub usage: Option<Usage>,
    /// Whether the protocol's proper end was seen.
    pub done: bool,
    /// An error that the provider reported inside the stream.
    pub error: Option<Box<Error>>,
    /// Frames with content so far: an estimate of output tokens where no usage comes.
    pub content_frames: u64,
}

/// Decodes frames of a provider's stream into events. Appends to `out`.
pub trait StreamDecoder: Send {
    /// Decodes one frame.
    ///
    /// # Errors
    /// `InvalidResponse` when the frame is not this protocol.
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()>;

    /// The transport has ended. Emits what is still due ([`Event::Done`] in
    /// dialects that end by closing).
    ///
    /// # Errors
    /// `StreamBroken` when the protocol demands more.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<()>;
}
