//! What survives between exchanges and reloads, by name: health windows,
//! breakers, and the key-value state of policies.

mod store;

pub use store::{MemoryStore, Store};
