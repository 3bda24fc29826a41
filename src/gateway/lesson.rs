//! Learning how models without a public tokenizer count: what a provider says
//! that a request took, against what was counted here.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Gateway;
use crate::dialect::LazyRequest;
use crate::ir::Usage;
use crate::model::Model;
use crate::model::tokens::Tokenizer;
use crate::policy::budget;

/// Answers of a model from which all is learned; afterwards of one in so many.
const KEEN: u64 = 64;
const SELDOM: u64 = 32;

/// Counting keeps a thread busy: never more than one.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// A request whose answer will teach.
#[derive(Debug)]
pub(super) struct Lesson {
    request: LazyRequest,
}

impl Lesson {
    /// The lesson of `request` to `model`, which has answered so often; `None`: it teaches nothing.
    pub(super) fn of(model: &Model, request: &LazyRequest, answered: u64) -> Option<Self> {
        let due = answered < KEEN || answered.is_multiple_of(SELDOM);
        (due && !Tokenizer::of(model).is_exact()).then(|| Self { request: request.clone() })
    }

    /// Learns from what the provider counted, off the path of any request.
    pub(super) fn learn(self, gateway: &Arc<Gateway>, model: &Arc<Model>, usage: &Usage) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if usage.estimated || usage.billed.is_some() {
            return;
        }
        let (gateway, model, input) = (Arc::clone(gateway), Arc::clone(model), usage.input);
        runtime.spawn(async move {
            let Ok(_turn) = ONE_AT_A_TIME.acquire().await else { return };
            let counting = tokio::task::spawn_blocking(move || {
                if let Ok(request) = self.request.decoded() {
                    budget::learn(&*gateway.store, &model, request, input, gateway.clock.now());
                }
            });
            // A count that panicked teaches nothing.
            drop(counting.await);
        });
    }
}
