//! One request to a provider, ready to be sent.

use http::{HeaderValue, Method};

use super::upload::Upload;
use crate::dialect::Wire;
use crate::model::Model;

/// One request to a provider.
#[derive(Debug)]
pub struct Call<'a> {
    /// The model that is asked; its provider is called.
    pub model: &'a Model,
    /// What is sent.
    pub wire: Wire,
    /// HTTP method.
    pub method: Method,
    /// A body that is still arriving; sent instead of the wire's.
    pub upload: Option<Upload>,
    /// Content type of the body; JSON unless said otherwise.
    pub content_type: Option<HeaderValue>,
    /// `traceparent` to pass on.
    pub traceparent: Option<HeaderValue>,
}
