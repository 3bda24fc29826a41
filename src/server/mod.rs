//! The ports: the data port speaks the vendors' APIs, the admin port tells how
//! the gateway does. The only modules that know axum.

mod admin;
mod data;
mod depot;
mod front;
mod linger;
mod listen;
mod passages;
mod patience;
mod places;
mod refusal;
mod results;
mod taken;
mod visit;

pub use admin::{Admin, router as admin_router};
pub use data::paths;
pub use front::Front;
pub use listen::{Drain, listen};

use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;

/// A JSON reply of status 200.
fn json_reply(value: &serde_json::Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
