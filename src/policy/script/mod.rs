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

mod ambient;
mod blame;
mod bounded;
mod check;
mod comparisons;
mod compile;
mod effects;
mod engine;
mod expressions;
mod facts;
mod fiber;
mod habits;
mod head;
mod host;
mod imports;
mod library;
mod lookups;
mod lost;
mod meter;
mod param;
mod policy;
mod run;
mod slow;
mod sorting;
mod stage;
mod threads;
mod turn;
mod verdict;
mod vocabulary;
mod watch;
mod words;

pub use policy::{Bound, Literal, Policies, Policy};
pub use run::Outcome;
pub use stage::{dispatch, recall, replay, run, run_blocking, run_inline};
pub use threads::suspended;
pub use words::vocabulary;
