//! What a client sends along: nothing, a small body, or a parcel that flows
//! through while it arrives. A parcel's beginning is read until the first model
//! that it names is known; of the rest no more is held than a few chunks.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::errand::{Errand, Ids};
use super::names::Names;
use crate::dialect::passage::Outgoing;
use crate::dialect::{Named, Parcel, Splicer, Target, Wire, multipart};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::entry::{read_body, too_large};
use crate::gateway::exchange::Journey;
use crate::gateway::passage::ClientBody;
use crate::gateway::passage::call::{Filling, Sent, same_path};
use crate::gateway::passage::form::{SILENCE, too_slow};
use crate::gateway::{Depot, Settings};
use crate::ir::{Dialect, Endpoint};
use crate::upstream::{Feed, Upload, upload};

/// Beginnings of parcels are held up to this size to learn their models, bytes.
const HELD: usize = 512 << 10;
/// In pieces of this size they go on, bytes.
const PIECE: usize = 64 << 10;
/// Where a new batch names the file of its requests.
const INPUT: &[&str] = &["input_file_id"];

/// What luggage says of where it goes.
#[derive(Debug, Default)]
pub(super) struct Label {
    /// The id that it names, as the client knows it.
    pub(super) id: Option<String>,
    /// The first model that it names.
    pub(super) model: Option<String>,
    /// Whether it orders a batch that gets its requests without a file.
    pub(super) without_files: bool,
}

/// What a client sends along.
pub(super) enum Luggage {
    None,
    /// A new batch of a file: the body, and the file's id as the client knows it.
    Order(Bytes, Option<String>),
    /// A body that passes as it is.
    Plain(Bytes),
    Parcel(Box<Arriving>),
}

/// A parcel on its way.
pub(super) struct Arriving {
    content_type: HeaderValue,
    boundary: Option<String>,
    /// What has come.
    held: BytesMut,
    body: ClientBody,
    /// The first model that it names.
    model: Option<String>,
    /// Whether its models are to be replaced.
    lines: bool,
    length: Option<u64>,
    /// Most bytes.
    cap: usize,
    /// Whether all of it has come.
    whole: bool,
}

impl Luggage {
    /// Reads what is needed to know where it goes.
    pub(super) async fn read(errand: &Errand, body: ClientBody, settings: &Settings) -> Result<Self> {
        let place = &errand.place;
        if errand.method != Method::POST {
            return Ok(Self::None);
        }
        match (errand.endpoint, &place.id, place.part) {
            (Endpoint::Files, ..) | (_, Some(_), Some("requests")) => {}
            (_, None, _) if place.root != "batches" => {}
            (_, None, _) => {
                let body = read_body(body, settings.max_body).await?;
                let file = input_file(&body)?;
                return Ok(Self::Order(body, file));
            }
            _ => return Ok(Self::Plain(read_body(body, settings.max_body).await?)),
        }
        Ok(Self::Parcel(Box::new(Arriving::begin(errand, body, settings.max_upload).await?)))
    }

    /// What it says of where it goes.
    pub(super) fn label(&self) -> Label {
        match self {
            Self::Order(_, file) => Label { id: file.clone(), model: None, without_files: file.is_none() },
            Self::Parcel(parcel) => Label { model: parcel.model.clone(), ..Label::default() },
            Self::None | Self::Plain(_) => Label::default(),
        }
    }

    /// The call to the provider of `depot`.
    pub(super) async fn into_sent(
        self,
        journey: &Journey,
        errand: &Errand,
        depot: &Arc<Depot>,
    ) -> Result<Sent> {
        let bundle = &journey.bundle;
        let ids = Ids { bundle, depot, dialect: errand.inbound.dialect() };
        let (mut streamed, mut content_type) = (None, None);
        let body = match self {
            Self::None => Bytes::new(),
            Self::Plain(body) => body,
            Self::Order(body, _) => order(&body, &ids)?,
            Self::Parcel(mut parcel) => {
                let mut names = Names::at(journey, depot, ids.dialect);
                content_type = Some(parcel.content_type.clone());
                if parcel.whole {
                    let (body, content_type) = (parcel.packed(&mut names).await?, content_type);
                    return sent(errand, &ids, journey, (body, content_type, None));
                }
                let (feed, upload) = upload(parcel.length.filter(|_| !parcel.lines));
                streamed = Some((upload, Box::pin(parcel.fill(feed, names)) as _));
                Bytes::new()
            }
        };
        sent(errand, &ids, journey, (body, content_type, streamed))
    }
}

/// A body, its type, and what fills it while it is sent.
type Load = (Bytes, Option<HeaderValue>, Option<(Upload, Filling)>);

/// The call for `errand`.
fn sent(
    errand: &Errand,
    ids: &Ids<'_>,
    journey: &Journey,
    (body, content_type, streamed): Load,
) -> Result<Sent> {
    let target = Target { model: "", max_output_tokens: None, quirks: &ids.depot.model.provider.quirks };
    let headers = journey.companions.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let wire = Wire { path: same_path(&errand.path(ids)?, &target), body, headers, dropped: Vec::new() };
    Ok(Sent { outgoing: Outgoing { method: errand.method.clone(), wire, content_type }, streamed })
}

/// The file that a new batch names.
fn input_file(body: &[u8]) -> Result<Option<String>> {
    let mut file = None;
    Splicer::new(INPUT).push(body, &mut Vec::new(), |_, id| {
        // What is authorised is what is sent: one file, one meaning.
        if file.replace(id.to_owned()).is_some() {
            let error = Error::invalid("the body has `input_file_id` twice");
            return Err(error.with_param("input_file_id").with_code("duplicate_key"));
        }
        Ok(None)
    })?;
    Ok(file)
}

/// A new batch with its file's id as the provider knows it.
fn order(body: &Bytes, ids: &Ids<'_>) -> Result<Bytes> {
    let mut out = Vec::with_capacity(body.len());
    Splicer::new(INPUT).push(body, &mut out, |_, id| Ok(Some(ids.own(id).to_owned())))?;
    Ok(Bytes::from(out))
}

impl Arriving {
    /// Reads until [`HELD`] has come, or to the end.
    async fn begin(errand: &Errand, body: ClientBody, cap: usize) -> Result<Self> {
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > cap as u64) {
            return Err(too_large(cap));
        }
        let content_type = errand.headers.get(CONTENT_TYPE).cloned();
        let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
        let boundary = content_type.to_str().ok().and_then(multipart::boundary);
        if errand.endpoint == Endpoint::Files && boundary.is_none() {
            let text = "send the file as multipart/form-data, in its field `file`";
            return Err(Error::new(Kind::UnsupportedMedia, Origin::Client, text));
        }
        // Anthropic's files hold no batches: its batches come as they are.
        let batches = errand.endpoint == Endpoint::Batches || errand.inbound.dialect() != Dialect::Anthropic;
        let (held, model) = (BytesMut::new(), None);
        let mut arriving =
            Self { content_type, boundary, held, body, model, lines: batches, length, cap, whole: false };
        arriving.look().await?;
        Ok(arriving)
    }

    async fn look(&mut self) -> Result<()> {
        let mut parcel = self.parcel();
        let mut scrap = Vec::new();
        while self.held.len() <= HELD {
            let Some(chunk) = chunk(&mut self.body).await? else {
                self.whole = true;
                break;
            };
            let model = &mut self.model;
            parcel.push(&chunk, &mut scrap, |named, name| {
                if named == Named::Model {
                    model.get_or_insert_with(|| name.to_owned());
                }
                Ok(None)
            })?;
            scrap.clear();
            self.held.extend_from_slice(&chunk);
            if self.held.len() > self.cap {
                return Err(too_large(self.cap));
            }
        }
        self.lines &= parcel.is_batch().unwrap_or(self.model.is_some());
        if !self.lines {
            self.model = None;
        }
        Ok(())
    }

    /// All of it, its models renamed. Sent with its length: not every server
    /// reads a body without one.
    async fn packed(&mut self, names: &mut Names) -> Result<Bytes> {
        let held = self.held.split();
        let (mut parcel, mut out) = (self.parcel(), Vec::with_capacity(held.len() + 64));
        parcel.push(&held, &mut out, |named, name| names.of(named, name))?;
        parcel.finish()?;
        names.check_files().await?;
        Ok(Bytes::from(out))
    }

    fn parcel(&self) -> Parcel {
        self.boundary.as_deref().map_or_else(Parcel::json, |boundary| Parcel::form(boundary, self.lines))
    }

    /// Hands on everything, its models renamed; done early when nobody takes it any more.
    async fn fill(mut self: Box<Self>, feed: Feed, mut names: Names) -> Result<()> {
        let mut parcel = self.parcel();
        let mut held = self.held.split().freeze();
        let mut next = Some(held.split_to(held.len().min(PIECE)));
        let mut size = 0;
        while let Some(bytes) = next {
            size += bytes.len();
            if size > self.cap {
                return Err(too_large(self.cap));
            }
            let mut out = Vec::with_capacity(bytes.len() + 64);
            parcel.push(&bytes, &mut out, |named, name| names.of(named, name))?;
            drop(bytes);
            names.check_files().await?;
            if !feed.push(Bytes::from(out)).await {
                return Ok(());
            }
            next = if held.is_empty() {
                chunk(&mut self.body).await?
            } else {
                Some(held.split_to(held.len().min(PIECE)))
            };
        }
        parcel.finish()?;
        feed.end().await;
        Ok(())
    }
}

/// The next bytes of a client; none at the end.
async fn chunk(body: &mut ClientBody) -> Result<Option<Bytes>> {
    loop {
        let Some(frame) = timeout(SILENCE, body.frame()).await.map_err(|_| too_slow())? else {
            return Ok(None);
        };
        if let Ok(chunk) = frame?.into_data() {
            return Ok(Some(chunk));
        }
    }
}
