//! The policy host: a team's `.rhai` files, compiled once, run at the hooks of
//! an exchange.
//!
//! This page is the seam between the host and the gateway: [`Hook`] says when,
//! [`Scene`] what a script sees, [`crate::plan::Verdict`] what it may answer,
//! [`Effects`] what it may ask of the outside, [`Fault`] how it may fail. Rhai
//! itself is known only in `script`.

pub mod budget;
pub mod case;
pub mod consensus;
mod effect;
pub mod explain;
mod fault;
pub mod field;
mod folder;
mod hook;
pub mod learn;
mod limits;
mod param;
pub mod query;
pub mod reference;
mod scene;
mod script;
pub mod sentences;
pub mod speech;
pub mod texts;
mod trace;

pub use effect::{Answer, Ask, Effect, EffectValue, Effects, Hearing, JournalEntry, Speaking};
pub use fault::{Fault, FaultKind};
pub use folder::Folder;
pub use hook::{Hook, OnError};
pub use limits::{Budget, Limits};
pub use param::{DECLARATIONS, ParamKind, ParamSpec};
pub use scene::{AttemptFacts, Catalog, RouteFacts, Scene, Shelf, Stock};
pub use script::{
    Bound, Literal, Outcome, Policies, Policy, dispatch, recall, replay, run, run_blocking, run_inline,
    suspended, vocabulary,
};
pub use trace::{Branch, Fall, Read, Trace, Way};
