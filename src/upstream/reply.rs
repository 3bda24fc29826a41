//! A provider's answer: status and headers, and a body that is read whole under
//! a cap or chunk by chunk.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;

use super::failure::{Failed, classify};
use super::inflate::Inflate;
use crate::error::{Error, Result};

/// A provider's answer.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body, not read yet.
    pub body: Body,
}

/// The body of an answer. Dropped, it closes the connection.
pub struct Body {
    inner: Inner,
    /// A chunk that was looked at and not taken.
    ahead: Option<Bytes>,
    host: Arc<str>,
}

enum Inner {
    Http(Incoming),
    Packed(Incoming, Box<Inflate>),
    InProcess(BoxStream<'static, Result<Bytes>>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Body {
    /// The body of an answer from `host` with these headers, which tell of the unpacked body then.
    pub(super) fn http(body: Incoming, headers: &mut HeaderMap, host: Arc<str>) -> Result<Self> {
        let inner = match Inflate::of(headers)? {
            Some(inflate) => Inner::Packed(body, Box::new(inflate)),
            None => Inner::Http(body),
        };
        Ok(Self { inner, ahead: None, host })
    }

    pub(super) fn in_process(stream: BoxStream<'static, Result<Bytes>>) -> Self {
        Self { inner: Inner::InProcess(stream), ahead: None, host: Arc::from("simulated") }
    }

    /// The next chunk, as it came; none at the end.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(ahead)));
        }
        match &mut self.inner {
            Inner::Http(body) => poll_data(body, cx, &self.host),
            Inner::Packed(body, inflate) => loop {
                if let Some(out) = inflate.pull().transpose() {
                    return Poll::Ready(Some(out));
                }
                match std::task::ready!(poll_data(body, cx, &self.host)) {
                    Some(Ok(chunk)) => inflate.push(chunk),
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(inflate.end().transpose()),
                }
            },
            Inner::InProcess(stream) => stream.as_mut().poll_next(cx),
        }
    }

    /// The next chunk; none at the end.
    ///
    /// # Errors
    /// `StreamBroken`, `TimedOut`: the connection failed.
    pub async fn chunk(&mut self) -> Option<Result<Bytes>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The first byte that is no white space, which stays; none when the body has no such.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub async fn peek(&mut self) -> Result<Option<u8>> {
        while let Some(chunk) = self.chunk().await.transpose()? {
            if let Some(first) = chunk.trim_ascii_start().first().copied() {
                self.ahead = Some(chunk);
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// The whole body.
    ///
    /// # Errors
    /// `InvalidResponse` above `cap` bytes; as [`Self::chunk`].
    pub async fn whole(mut self, cap: usize) -> Result<Bytes> {
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await.transpose()? else { return within(first, cap) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(more) = self.chunk().await.transpose()? {
            if all.len() + more.len() > cap {
                return Err(too_large(cap));
            }
            all.extend_from_slice(&more);
        }
        within(all.freeze(), cap)
    }
}

/// The next data of a body as it comes over the wire.
fn poll_data(body: &mut Incoming, cx: &mut Context<'_>, host: &str) -> Poll<Option<Result<Bytes>>> {
    loop {
        match std::task::ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Poll::Ready(Some(Ok(data)));
                }
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(classify(&Failed::Body(error), host)))),
            None => return Poll::Ready(None),
        }
    }
}

fn within(body: Bytes, cap: usize) -> Result<Bytes> {
    if body.len() > cap { Err(too_large(cap)) } else { Ok(body) }
}

fn too_large(cap: usize) -> Error {
    Error::bad_answer(format!("the provider's answer is larger than {cap} bytes"))
}
