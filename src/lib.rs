//! Pointsman: an LLM gateway that teams program.
//!
//! YAML says what exists, Rhai policies say what happens, one binary does it.
//! This page is the map. Each module may import only those above it; siblings
//! never import each other (`tests/architecture.rs` holds the table).
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`secret`], [`clock`], [`error`] | values that everything uses |
//! | [`yaml`] | YAML into typed values, with every problem at once |
//! | [`ir`] | the canonical request, answer and stream event |
//! | [`sse`] | framing of streams |
//! | [`dialect`] | wire formats to and from [`ir`] |
//! | [`provider`] | vendors and servers, as data |
//! | [`model`] | models, their prices, their health as values |
//! | [`plan`] | what a policy decides |

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dialect;
pub mod error;
pub mod feed;
pub mod gateway;
pub mod ir;
pub mod model;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod principal;
pub mod problem;
pub mod provider;
pub mod record;
pub mod route;
pub mod secret;
pub mod server;
pub mod sse;
pub mod state;
pub mod upstream;
pub mod yaml;
