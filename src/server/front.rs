//! The front door of a port: conversations, which are nearly all that comes,
//! go straight in; everything else asks the router for the way.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use hyper::body::Incoming;
use hyper::service::Service;
use tower::ServiceExt as _;

use super::data::{self, TALKS, conversation};
use crate::gateway::Gateway;

/// What answers on a port.
#[derive(Clone)]
pub struct Front {
    /// Who holds conversations; on the admin port nobody does.
    gateway: Option<Arc<Gateway>>,
    router: Router,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Front")
    }
}

impl Front {
    /// The data port of `gateway`.
    #[must_use]
    pub fn data(gateway: Arc<Gateway>) -> Self {
        Self { router: data::router(Arc::clone(&gateway)), gateway: Some(gateway) }
    }
}

impl From<Router> for Front {
    /// A port without conversations.
    fn from(router: Router) -> Self {
        Self { router, gateway: None }
    }
}

impl Service<http::Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let request: Request = request.map(Body::new);
        let path = request.uri().path();
        let talk = TALKS.into_iter().find(|(at, ..)| *at == path && request.method() == Method::POST);
        let (Some((_, endpoint, dialect)), Some(gateway)) = (talk, self.gateway.clone()) else {
            return Box::pin(self.router.clone().oneshot(request));
        };
        Box::pin(async move { Ok(conversation(gateway, endpoint, dialect, request).await) })
    }
}
