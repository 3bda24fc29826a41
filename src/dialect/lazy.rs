//! A request body read once and decoded only when somebody looks.
//!
//! A request that no policy edits and that stays in its dialect is never
//! decoded at all: its bytes go on with the model's name replaced.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};

use super::head::Head;
use super::passage::texts;
use super::{Glance, Inbound, PathFacts};
use crate::error::Result;
use crate::ir::{Endpoint, Request};

/// A client's conversation: the raw bytes, what a first scan found, and the
/// canonical form once somebody asked for it.
#[derive(Clone)]
pub struct LazyRequest {
    endpoint: Endpoint,
    inbound: &'static dyn Inbound,
    raw: Bytes,
    head: Head,
    path_model: Option<Arc<str>>,
    decoded: OnceLock<Arc<Request>>,
    figures: [OnceLock<u64>; Self::FIGURES],
    weight: OnceLock<u64>,
    edited: bool,
    files_at: Option<Arc<str>>,
}

impl std::fmt::Debug for LazyRequest {
    /// Sizes and names only: no prompt text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LazyRequest")
            .field("endpoint", &self.endpoint)
            .field("model", &self.model())
            .field("bytes", &self.raw.len())
            .field("edited", &self.edited)
            .finish_non_exhaustive()
    }
}

impl LazyRequest {
    /// How many [`Self::figure`]s are kept.
    pub const FIGURES: usize = 10;

    /// Checks `raw` as JSON (syntax, depth, duplicate keys) and finds the model
    /// and the stream flag. `path` holds what the URL said.
    ///
    /// # Errors
    /// `InvalidRequest` with the position or the field at fault.
    pub fn read(
        endpoint: Endpoint,
        inbound: &'static dyn Inbound,
        raw: Bytes,
        path: PathFacts<'_>,
    ) -> Result<Self> {
        let mut head = Head::scan(&raw, inbound.has_plain_talks())?;
        if path.model.is_some() {
            head.stream = path.stream;
        } else {
            head.require_model()?;
        }
        Ok(Self { path_model: path.model.map(Arc::from), ..Self::of(endpoint, inbound, raw, head) })
    }

    /// A request that was built here rather than received.
    #[must_use]
    pub fn built(endpoint: Endpoint, inbound: &'static dyn Inbound, request: Request) -> Self {
        let head = Head { model: request.model.clone(), stream: request.stream, ..Head::default() };
        let decoded = OnceLock::from(Arc::new(request));
        Self { decoded, edited: true, ..Self::of(endpoint, inbound, Bytes::new(), head) }
    }

    /// A request that is no conversation: `raw` is checked and its model found
    /// as ever; the texts of its body are the messages of the canonical form.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn passage(endpoint: Endpoint, inbound: &'static dyn Inbound, raw: Bytes) -> Result<Self> {
        let head = Head::scan(&raw, false)?;
        head.require_model()?;
        Ok(Self::of(endpoint, inbound, raw, head))
    }

    fn of(endpoint: Endpoint, inbound: &'static dyn Inbound, raw: Bytes, head: Head) -> Self {
        Self {
            endpoint,
            inbound,
            raw,
            head,
            path_model: None,
            decoded: OnceLock::new(),
            figures: Default::default(),
            weight: OnceLock::new(),
            edited: false,
            files_at: None,
        }
    }

    /// The same, naming files that the provider `at` keeps.
    #[must_use]
    pub fn with_files_at(self, at: Option<Arc<str>>) -> Self {
        Self { files_at: at, ..self }
    }

    /// The provider that keeps the files that it names: it can only go there.
    #[must_use]
    pub fn files_at(&self) -> Option<&Arc<str>> {
        self.files_at.as_ref()
    }

    /// The endpoint at which it came.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The client's dialect.
    #[must_use]
    pub fn inbound(&self) -> &'static dyn Inbound {
        self.inbound
    }

    /// The model's name as the client asked.
    #[must_use]
    pub fn model(&self) -> &str {
        self.path_model.as_deref().unwrap_or(&self.head.model)
    }

    /// Whether the answer is to be streamed.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.head.stream
    }

    /// Whether the client asked for usage at the end of the stream.
    #[must_use]
    pub fn include_usage(&self) -> bool {
        self.head.include_usage
    }

    /// Whether the client wants sound as samples without a head.
    #[must_use]
    pub fn bare_sound(&self) -> bool {
        self.head.bare_sound
    }

    /// The body as it came; empty for a request that was built here.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Whether a policy changed it, so that the raw bytes no longer hold.
    #[must_use]
    pub fn is_edited(&self) -> bool {
        self.edited
    }

    /// The canonical form, decoded at the first call.
    ///
    /// # Errors
    /// `InvalidRequest` when a field has the wrong type.
    pub fn decoded(&self) -> Result<&Arc<Request>> {
        if let Some(request) = self.decoded.get() {
            return Ok(request);
        }
        let request = if self.endpoint.is_conversation() || self.endpoint == Endpoint::CountTokens {
            let path = PathFacts { model: self.path_model.as_deref(), stream: self.head.stream };
            self.inbound.decode_request(&self.raw, path)?
        } else {
            let named = (self.head.model.as_str(), self.head.stream);
            texts::request(self.endpoint, self.inbound.dialect(), named, &self.raw)?
        };
        Ok(self.decoded.get_or_init(|| Arc::new(request)))
    }

    /// A figure of the canonical form (a count of tokens) that `count` works out
    /// once for each edit of the request; `slot` below [`Self::FIGURES`] tells
    /// figures apart.
    ///
    /// # Errors
    /// As [`Self::decoded`].
    pub fn figure(&self, slot: usize, count: impl FnOnce(&Request) -> u64) -> Result<u64> {
        let request = self.decoded()?;
        Ok(self.figures.get(slot).map_or(0, |figure| *figure.get_or_init(|| count(request))))
    }

    /// What the scan of the bytes saw of a plain talk (texts in turns, no tools,
    /// no media, no schema), while nobody has decoded them. `weigh` is summed over
    /// its texts. Every caller must weigh alike: the first weight is kept.
    pub fn glance(&self, weigh: &dyn Fn(&str) -> u64) -> Option<Glance> {
        let talk = self.head.talk.as_ref().filter(|_| self.decoded.get().is_none())?;
        let weight = *self.weight.get_or_init(|| talk.weight(&self.raw, weigh));
        Some(Glance { messages: talk.turns, weight, max_tokens: talk.max_tokens() })
    }

    /// Most tokens to answer with, where the client said: without decoding a plain talk.
    ///
    /// # Errors
    /// As [`Self::decoded`].
    pub fn max_tokens(&self) -> Result<Option<u64>> {
        match self.head.talk.as_ref().filter(|_| self.decoded.get().is_none()) {
            Some(talk) => Ok(talk.max_tokens()),
            None => Ok(self.decoded()?.params.max_tokens),
        }
    }

    /// Changes the canonical form, copying it first if it is shared. From here
    /// on the raw bytes no longer hold.
    ///
    /// # Errors
    /// As [`Self::decoded`].
    pub fn edit(&mut self, change: impl FnOnce(&mut Request)) -> Result<()> {
        let mut request = Arc::clone(self.decoded()?);
        change(Arc::make_mut(&mut request));
        self.head.stream = request.stream;
        self.head.include_usage = request.stream_options.include_usage;
        self.decoded = OnceLock::from(request);
        self.figures = Default::default();
        self.edited = true;
        Ok(())
    }

    /// The raw body with the model's name replaced by `model`: byte for byte as
    /// it came where the names are equal.
    #[must_use]
    pub fn raw_for(&self, model: &str) -> Bytes {
        let Some(span) = self.head.model_span.clone() else { return self.raw.clone() };
        if self.head.model == model {
            return self.raw.clone();
        }
        let (Some(before), Some(after)) = (self.raw.get(..span.start), self.raw.get(span.end..)) else {
            return self.raw.clone();
        };
        let name = serde_json::Value::from(model).to_string();
        let mut body = BytesMut::with_capacity(before.len() + name.len() + after.len());
        body.put_slice(before);
        body.put_slice(name.as_bytes());
        body.put_slice(after);
        body.freeze()
    }
}
