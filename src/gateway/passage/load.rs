//! What a client sent: a JSON body, a form that is there, or one that is still arriving.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body::Body as _;

use super::form::{Caps, Form};
use super::{ClientBody, Passage};
use crate::dialect::passage::rewritten;
use crate::dialect::{Inbound, LazyRequest, PathFacts, multipart};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::depot::enclosed;
use crate::gateway::entry::too_large;
use crate::gateway::exchange::Exchange;
use crate::ir::{Endpoint, Message, Request, Role};

/// What is carried.
pub(in crate::gateway) struct Passenger {
    pub(super) path: String,
    request: LazyRequest,
    form: Option<Form>,
}

impl Passenger {
    /// Reads what is needed to know the model.
    pub(super) async fn read(
        exchange: &Exchange,
        passage: &Passage,
        body: ClientBody,
        caps: Caps,
    ) -> Result<Self> {
        let path = passage.path.clone();
        let content_type = passage.headers.get(CONTENT_TYPE);
        let boundary = content_type.and_then(|value| value.to_str().ok()).and_then(multipart::boundary);
        let Some(boundary) = boundary else {
            let request = Self::read_json(exchange, passage, body, caps.held).await?;
            return Ok(Self { path, request, form: None });
        };
        let content_type = content_type.cloned().ok_or_else(|| Error::internal("a form without its type"))?;
        let form = Form::read(body, &boundary, content_type, caps).await?;
        let mut request = Request::new(passage.inbound.dialect(), form.model.clone());
        request.stream = form.stream;
        request.messages.extend(form.prompt.as_ref().map(|text| Arc::new(Message::text(Role::User, text))));
        let request = LazyRequest::built(passage.endpoint, passage.inbound, request);
        Ok(Self { path, request, form: Some(form) })
    }

    async fn read_json(
        exchange: &Exchange,
        passage: &Passage,
        body: ClientBody,
        cap: usize,
    ) -> Result<LazyRequest> {
        if body.size_hint().lower() > cap as u64 {
            return Err(too_large(cap));
        }
        let form_wanted = matches!(passage.endpoint, Endpoint::Transcriptions);
        if form_wanted {
            let text = "send the file as multipart/form-data, with its fields `file` and `model`";
            return Err(Error::new(Kind::UnsupportedMedia, Origin::Client, text));
        }
        let (raw, files_at) = enclosed(exchange, exchange.body(body, cap).await?).await?;
        let request = if passage.endpoint == Endpoint::CountTokens {
            let path = PathFacts { model: passage.path_model.as_deref(), stream: false };
            LazyRequest::read(passage.endpoint, passage.inbound, raw, path)?
        } else {
            let raw = with_default_model(passage.endpoint, raw);
            LazyRequest::passage(passage.endpoint, passage.inbound, raw)?
        };
        Ok(request.with_files_at(files_at))
    }

    /// A JSON body that a policy asks for.
    ///
    /// # Errors
    /// The body is none.
    pub(in crate::gateway) fn of_json(
        endpoint: Endpoint,
        inbound: &'static dyn Inbound,
        path: &str,
        raw: Bytes,
    ) -> Result<Self> {
        let request = LazyRequest::passage(endpoint, inbound, raw)?;
        Ok(Self { path: path.to_owned(), request, form: None })
    }

    /// A form that a policy asks for.
    ///
    /// # Errors
    /// The form is none.
    pub(in crate::gateway) fn of_form(
        endpoint: Endpoint,
        inbound: &'static dyn Inbound,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Self> {
        let form = Form::held(content_type, body)?;
        let request = Request::new(inbound.dialect(), form.model.clone());
        let request = LazyRequest::built(endpoint, inbound, request);
        Ok(Self { path: path.to_owned(), request, form: Some(form) })
    }

    /// Takes over what policies made of its texts.
    ///
    /// # Errors
    /// `PolicyFailed` when they changed more, or the texts of a form.
    pub(super) fn adopt(&mut self, edited: &LazyRequest) -> Result<()> {
        // Requests of forms are built here, and count as edited from the start.
        if !edited.is_edited() {
            return Ok(());
        }
        let (before, after) = (self.request.decoded()?, edited.decoded()?);
        if self.endpoint() == Endpoint::CountTokens || before == after {
            return Ok(());
        }
        if self.form.is_some() && before.messages != after.messages {
            let text = "a policy changed the texts of a form, which goes on as it came";
            return Err(Error::new(Kind::PolicyFailed, Origin::Policy, text));
        }
        if let Some(raw) = rewritten(self.endpoint(), self.request.raw(), before, after)? {
            let files_at = self.request.files_at().cloned();
            let request = LazyRequest::passage(self.endpoint(), self.request.inbound(), raw)?;
            self.request = request.with_files_at(files_at);
        }
        Ok(())
    }

    /// What policies see of it.
    pub(super) const fn request(&self) -> &LazyRequest {
        &self.request
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.request.endpoint()
    }

    /// The form, where the client sent one.
    pub(super) const fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// The JSON body for `model`.
    pub(super) fn json_for(&self, model: &str) -> Bytes {
        let raw = self.request.raw_for(model);
        if self.endpoint() == Endpoint::CountTokens { renamed(&raw, model).unwrap_or(raw) } else { raw }
    }
}

/// The body with the model's name where Gemini has it beside the path; `None`
/// where it has it in the path alone.
/// Source: Gemini API reference "models.countTokens", checked 2026-11-21.
fn renamed(raw: &[u8], model: &str) -> Option<Bytes> {
    memchr::memmem::find(raw, b"generateContentRequest")?;
    let mut body: serde_json::Value = serde_json::from_slice(raw).ok()?;
    *body.pointer_mut("/generateContentRequest/model")? = format!("models/{model}").into();
    Some(Bytes::from(body.to_string()))
}

/// OpenAI's moderations need no `model`. Source: OpenAI API reference "Create moderation", checked 2026-11-21.
const MODERATION: &[u8] = br#"{"model":"omni-moderation-latest","#;

fn with_default_model(endpoint: Endpoint, raw: Bytes) -> Bytes {
    let named = || memchr::memmem::find(&raw, b"\"model\"").is_some();
    match raw.trim_ascii_start().strip_prefix(b"{") {
        Some(rest) if endpoint == Endpoint::Moderations && !named() => {
            Bytes::from([MODERATION, rest].concat())
        }
        _ => raw,
    }
}
