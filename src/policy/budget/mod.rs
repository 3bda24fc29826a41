//! Context budgets: making a conversation fit a model's window, and choosing
//! which passages go in. Counts by the model's own tokenizer, or by the
//! stand-in with a factor that is learned from returned usage.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `counter` | tokens of a text at a model, margin included |
//! | `fit` | what is shortened and dropped so that the rest fits |
//! | `vocabulary` | vocabularies on their way |
//! | `passages` | ranked passages without repetitions, within a budget |

mod counter;
mod fit;
mod passages;
mod vocabulary;

pub use counter::{Counter, learn};
pub use fit::{Fitted, Options, fit};
pub use passages::{Passage, choose};
pub use vocabulary::load_soon;

#[cfg(test)]
mod tests;
