//! Vocabularies on their way: loading one takes some 100 ms, which no request
//! waits for.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::Model;
use crate::model::tokens::Tokenizer;

/// Encodings that are being loaded, or were.
static ASKED: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// Loads the vocabularies by which these models count, in the background: until
/// then their counts are estimates.
pub fn load_soon<'a>(models: impl IntoIterator<Item = &'a Arc<Model>>) {
    let mut new: Vec<Tokenizer> = Vec::new();
    for tokenizer in models.into_iter().map(|model| Tokenizer::of(model)) {
        let mut asked = ASKED.lock();
        if !tokenizer.is_ready() && !asked.contains(&tokenizer.name()) {
            asked.push(tokenizer.name());
            new.push(tokenizer);
        }
    }
    if new.is_empty() {
        return;
    }
    let thread = std::thread::Builder::new().name("vocabularies".to_owned());
    let loading = thread.spawn(move || new.into_iter().for_each(Tokenizer::warm));
    if let Err(error) = loading {
        tracing::warn!("no thread to load vocabularies: tokens are estimated: {error}");
    }
}
