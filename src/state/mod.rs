//! What survives between exchanges and reloads, by name: health windows,
//! breakers, limits and the key-value state of policies. Arithmetic only; time
//! is an argument.

mod breaker;
mod bucket;
mod model;
mod retry_budget;
mod store;
mod window;

pub use breaker::Breaker;
pub use bucket::Bucket;
pub use model::{Barred, Ending, ModelState, Models, Permit};
pub use retry_budget::{RetryBudget, RetryBudgets};
pub use store::{MemoryStore, Store};
pub use window::Window;
