//! The floor: axum in front, reqwest behind, nothing between. What any gateway
//! of these parts must cost at least.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;

use crate::args::Args;

struct Floor {
    client: reqwest::Client,
    upstream: String,
}

/// Serves until the process ends.
pub fn run(args: &Args) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().http1_only().no_proxy().build().map_err(io::Error::other)?;
        let upstream = format!("http://{}", args.get::<String>("upstream", "127.0.0.1:9100".into()));
        let listener =
            tokio::net::TcpListener::bind(args.get::<String>("listen", "127.0.0.1:9102".into())).await?;
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        let app = Router::new().fallback(relay).with_state(Arc::new(Floor { client, upstream }));
        axum::serve(listener, app).await
    })
}

async fn relay(State(floor): State<Arc<Floor>>, request: Request) -> Response {
    match forward(&floor, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn forward(
    floor: &Floor,
    request: Request,
) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let url = format!("{}{}", floor.upstream, head.uri.path());
    let body = to_bytes(body, 32 << 20).await?;
    let mut outgoing = floor.client.request(head.method, url).body(body);
    for (name, value) in head.headers.iter().filter(|(name, _)| !of_the_hop(name)) {
        outgoing = outgoing.header(name, value);
    }
    let answer = outgoing.send().await?;
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != header::TRANSFER_ENCODING) {
        response = response.header(name, value);
    }
    Ok(response.body(Body::from_stream(answer.bytes_stream()))?)
}

fn of_the_hop(name: &HeaderName) -> bool {
    [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING].contains(name)
}
