//! Consensus: do several answers say the same, and how far is that to be
//! trusted? Plain Rust; knows no script.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `normal` | what an answer says, reduced to a key: text, number, letter, JSON, tool calls |
//! | `vote` | groups of equal keys, their share and the trust in them |

mod normal;
mod vote;

pub use normal::{By, keys};
pub use vote::{Errors, Group, Vote, cluster, vote};

#[cfg(test)]
mod tests;
