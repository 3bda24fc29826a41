//! The front door of a port: conversations, which are nearly all that comes, go
//! straight in and stay on their worker unless they are long; everything else asks
//! the router for the way, apart, for nobody knows how large its answers are.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use hyper::body::{Body as _, Incoming};
use hyper::service::Service;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt as _;

use super::data::{self, TALKS, conversation};
use super::refusal::openai_refusal;
use crate::error::Error;
use crate::gateway::Gateway;

/// Longest conversation that is worked on where its connection is served, bytes: a
/// millisecond's work or so.
const LIGHT: u64 = 256 << 10;

/// What answers on a port.
#[derive(Clone)]
pub struct Front {
    /// Where what would hold a worker for long is done.
    shared: Handle,
    /// Who holds conversations; on the admin port nobody does.
    gateway: Option<Arc<Gateway>>,
    router: Router,
}

/// An answer to come.
type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Front")
    }
}

impl Front {
    /// The data port of `gateway`. Long work is done on the caller's runtime.
    #[must_use]
    pub fn data(gateway: Arc<Gateway>) -> Self {
        let shared = Handle::current();
        Self { shared, router: data::router(Arc::clone(&gateway)), gateway: Some(gateway) }
    }
}

impl From<Router> for Front {
    /// A port without conversations.
    fn from(router: Router) -> Self {
        Self { shared: Handle::current(), router, gateway: None }
    }
}

impl Service<http::Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let light = request.body().size_hint().exact().is_some_and(|bytes| bytes <= LIGHT);
        let request: Request = request.map(Body::new);
        let path = request.uri().path();
        let talk = TALKS.into_iter().find(|(at, ..)| *at == path && request.method() == Method::POST);
        let (Some((_, endpoint, dialect)), Some(gateway)) = (talk, self.gateway.clone()) else {
            return Box::pin(apart(self.shared.spawn(self.router.clone().oneshot(request))));
        };
        let talking = async move { Ok(conversation(gateway, endpoint, dialect, request).await) };
        if light { Box::pin(talking) } else { Box::pin(apart(self.shared.spawn(talking))) }
    }
}

/// The answer that a task of its own makes. Who leaves ends the task.
async fn apart(task: JoinHandle<Result<Response, Infallible>>) -> Result<Response, Infallible> {
    match AbortOnDropHandle::new(task).await {
        Ok(answer) => answer,
        Err(_) => Ok(openai_refusal(&Error::internal("the exchange was lost"))),
    }
}
