//! Rhai, and everything that knows it: how policies are compiled and checked,
//! how their hooks run under limits, how they wait, and the words they use.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `engine` | the engine: packages, limits, what is taken out or bounded |
//! | `policy` | compiled policies, and policies bound to their parameters |
//! | `run` | one evaluation: its budgets, its journal, its verdict |
//! | `turn` | how words reach the scene of the script that runs |
//! | `vocabulary` | the words |

mod engine;
mod policy;
mod run;
mod turn;
mod vocabulary;

pub use policy::{Bound, Literal, Policies, Policy};
pub use run::{Outcome, dispatch, replay, run, run_inline};
