//! Learning from what came back: bandits over shared state, and a sense for
//! prompts that need a strong model. Plain arithmetic; knows neither script nor store.

mod bandit;
mod sense;

pub use bandit::{Bandit, Method};
pub use sense::{Belief, Place, SIGNS, Sense, Signs};

#[cfg(test)]
mod tests;
