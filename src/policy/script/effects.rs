//! The words that ask the outside.

/// Words that wait.
pub(super) const WAITING: [&str; 7] = ["ask", "ask_all", "race", "embed", "search", "http", "moderate"];
