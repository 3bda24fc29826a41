//! Outsides of fixed behaviour.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pointsman::error::{Error, Kind, Origin};
use pointsman::ir::{Choice, Dialect, Extra, Message, Money, Response, Role};
use pointsman::policy::{Answer, Effect, EffectValue, Effects};

pub(crate) type Performing = Pin<Box<dyn Future<Output = Result<EffectValue, Error>> + Send>>;

/// Answers at once: each model says its name.
pub(crate) struct Echo;

impl Effects for Echo {
    fn perform(&self, effect: Effect) -> Performing {
        Box::pin(async move { echo(effect) })
    }
}

pub(crate) fn echo(effect: Effect) -> Result<EffectValue, Error> {
    Ok(match effect {
        Effect::Ask(ask) => {
            EffectValue::Answers(ask.legs.iter().map(|leg| answer(&leg.steps[0].model)).collect())
        }
        Effect::Transcribe(hearing) => EffectValue::Answers(vec![answer(&hearing.plan.steps[0].model)]),
        Effect::Speak(speaking) => EffectValue::Answers(vec![answer(&speaking.plan.steps[0].model)]),
        Effect::Embed { texts, .. } => EffectValue::Json(serde_json::json!(vec![[0.5, 1.0]; texts.len()])),
        Effect::Search { query, .. } => {
            EffectValue::Json(serde_json::json!({"passages": [{"text": "p", "query": query}]}))
        }
        Effect::Http { path, body, .. } => {
            EffectValue::Json(serde_json::json!({"status": 200, "body": {"path": path, "sent": body}}))
        }
        Effect::Moderate { text, .. } => {
            EffectValue::Json(serde_json::json!({"flagged": text.contains("bad")}))
        }
    })
}

pub(crate) fn answer(model: &Arc<str>) -> Answer {
    let error = || Error::new(Kind::TimedOut, Origin::Upstream, "it took too long");
    let outcome =
        if model.starts_with("slow") { Err(error()) } else { Ok(Arc::new(said(&format!("I am {model}")))) };
    Answer { model: Arc::clone(model), outcome, elapsed_ms: 7, cost: Some(Money(1_000_000)) }
}

pub(crate) fn said(text: &str) -> Response {
    let mut response = Response::new(Dialect::Anthropic, "", "");
    response.choices.push(Choice {
        index: 0,
        message: Message::text(Role::Assistant, text),
        finish: None,
        logprobs: None,
        extra: Extra::NONE,
    });
    response
}

/// Answers after a while; counts what is under way.
#[derive(Default)]
pub(crate) struct Slow {
    pub(crate) delay: Duration,
    pub(crate) under_way: Arc<AtomicUsize>,
    pub(crate) asked: AtomicUsize,
}

pub(crate) struct Under(Arc<AtomicUsize>);

impl Drop for Under {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Effects for Slow {
    fn perform(&self, effect: Effect) -> Performing {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let (under, delay) = (Under(Arc::clone(&self.under_way)), self.delay);
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            drop(under);
            echo(effect)
        })
    }
}
