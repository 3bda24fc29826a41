//! The words of policies: views of the request, the context and the models,
//! plans, verdicts and native queries. Each concept registers its own words;
//! nothing here knows how a script is run.

use rhai::{Dynamic, Engine};

use super::turn::Reply;

/// Registers every word.
pub(super) fn register(_engine: &mut Engine) {}

/// The value of an ambient variable other than `req` and `ctx` (`attempt`,
/// `text`, `res`, `record`, `feedback`); `None`: there is no such variable.
///
/// # Errors
/// The variable exists, but not in this hook.
pub(super) fn ambient(_name: &str) -> Reply<Option<Dynamic>> {
    Ok(None)
}
