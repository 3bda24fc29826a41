//! The words of policies: views of the request, the context and the models,
//! plans, verdicts and native queries. Each concept registers its own words;
//! nothing here knows how a script is run.

mod attempt;
mod bandit;
mod budget;
mod caching;
mod candidates;
mod choices;
mod consensus;
mod context;
mod messages;
mod model;
mod plan;
mod request;
mod sense;
mod text;
pub(super) mod time;
mod verdict;
pub(super) mod word;

pub(super) use attempt::is_response;
pub(super) use plan::as_plan;

use rhai::{Dynamic, Engine};

use super::turn::{Reply, raise, read};

/// Registers every word.
pub(super) fn register(engine: &mut Engine) {
    request::register(engine);
    caching::register(engine);
    messages::register(engine);
    context::register(engine);
    candidates::register(engine);
    choices::register(engine);
    model::register(engine);
    plan::register(engine);
    verdict::register(engine);
    attempt::register(engine);
    text::register(engine);
    time::register(engine);
    consensus::register(engine);
    budget::register(engine);
    bandit::register(engine);
    sense::register(engine);
}

/// The value of an ambient variable other than `req` and `ctx` (`attempt`,
/// `text`, `res`, `record`, `feedback`); `None`: there is no such variable.
///
/// # Errors
/// The variable exists, but not in this hook.
pub(super) fn ambient(name: &str) -> Reply<Option<Dynamic>> {
    match name {
        "attempt" => attempt::attempt().map(Some),
        "res" => attempt::res().map(Some),
        "record" | "feedback" => {
            let event = read(|scene| scene.event.as_deref().map(word::from_json))?;
            event.map(Some).ok_or_else(|| raise(format!("`{name}` does not exist in this hook")))
        }
        _ => Ok(None),
    }
}

/// Words that count by a model's tokenizer.
pub(super) const COUNTING: [&str; 3] = ["fit", "inject", "tokens"];

/// Words that wait for the outside, besides the host's own (`ask`, `search`, ...).
pub(super) const WAITING: [&str; 0] = [];

#[cfg(test)]
mod tests;
