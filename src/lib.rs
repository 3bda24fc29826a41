//! Pointsman: an LLM gateway that teams program.
//!
//! YAML says what exists, Rhai policies say what happens, one binary does it.
//! This page is the map. Each module may import only those above it; siblings
//! never import each other (`tests/architecture.rs` holds the table).
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`secret`], [`hex`], [`percent`], [`clock`], [`error`], [`problem`] | values that everything uses |
//! | [`worker`] | the threads that serve connections |
//! | [`yaml`] | YAML into typed values, with every problem at once |
//! | [`ir`] | the canonical request, answer and stream event |
//! | [`sse`] | framing of streams |
//! | [`dialect`] | wire formats to and from [`ir`] |
//! | [`provider`] | vendors and servers, as data |
//! | [`model`], [`principal`], [`plan`] | models with price and health, who calls, what a policy decides: values |
//! | [`feed`] | price lists of the field, as prices of ours |
//! | [`state`] | health windows, breakers, limits, policies' state: what survives a reload |
//! | [`observe`] | metrics and log lines |
//! | [`policy`] | the policy host: `.rhai` files at the hooks of an exchange |
//! | [`route`] | what follows a failed attempt |
//! | [`upstream`] | HTTP to providers and services, the simulated provider |
//! | [`record`] | the durable account of an exchange |
//! | [`gateway`] | the journey of an exchange: start at `gateway/pipeline.rs` |
//! | [`config`] | `gateway.yaml` and policies, checked, built, watched |
//! | [`server`] | the data port and the admin port |
//! | [`app`], [`cli`] | a running gateway, and the command line |

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dialect;
pub mod error;
pub mod feed;
pub mod gateway;
pub mod hex;
pub mod ir;
pub mod model;
pub mod observe;
pub mod percent;
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
pub mod worker;
pub mod yaml;
