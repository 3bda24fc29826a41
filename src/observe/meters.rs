//! Metrics in Prometheus' form. Labels are closed sets: names of the
//! configuration, endpoints, outcomes, error codes; never users or prompts.

use std::cell::RefCell;
use std::sync::Arc;

use ahash::AHashMap;
use parking_lot::{Mutex, RwLock};
use prometheus::core::Collector;
use prometheus::proto::MetricType;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use super::standing::{Elsewhere, Standing};

/// Bounds of durations, seconds: the OpenTelemetry GenAI ones with finer steps below.
const SECONDS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Bounds of the gateway's own share, seconds.
const OVERHEAD: [f64; 10] = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25];

/// All metrics of the process.
#[derive(Debug)]
pub struct Meters {
    registry: Registry,
    /// All of them, as they are documented.
    pub listed: Vec<Listed>,
    /// Exchanges accepted.
    pub accepted: IntCounter,
    /// Exchanges under way.
    pub in_flight: IntGauge,
    settled: IntCounterVec,
    attempts: IntCounterVec,
    duration: HistogramVec,
    first_byte: HistogramVec,
    tokens: IntCounterVec,
    cost: IntCounterVec,
    unpriced: IntCounterVec,
    /// What the gateway itself takes until the first byte.
    pub overhead: Histogram,
    /// Policy evaluations that failed, by policy and kind.
    pub policy_faults: IntCounterVec,
    /// Retries that were wanted and not granted.
    pub retries_denied: IntCounter,
    /// Reloads by result.
    pub reloads: IntCounterVec,
    /// Decisions of policies on trial, by route and whether they agreed.
    pub shadow: IntCounterVec,
    /// Exchanges on which a policy on trial was not asked, for too many were waiting, by route.
    pub shadow_left_out: IntCounterVec,
    /// Policies on trial that act no more because a bound was passed, by route.
    pub shadow_returns: IntCounterVec,
    standing: Mutex<Standing>,
    by_model: RwLock<AHashMap<Arc<str>, Arc<ModelMeters>>>,
    by_ending: RwLock<AHashMap<EndingKey, IntCounter>>,
}

type EndingKey = (Arc<str>, &'static str, &'static str, String);

/// The metrics of one model, looked up once.
#[derive(Debug)]
pub struct ModelMeters {
    /// Durations of attempts that answered, seconds.
    pub duration: Histogram,
    /// Times to the first byte, seconds.
    pub first_byte: Histogram,
    /// Attempts that answered.
    pub answered: IntCounter,
    /// Input tokens.
    pub input: IntCounter,
    /// Output tokens.
    pub output: IntCounter,
    /// Cached input tokens.
    pub cached: IntCounter,
    /// Cost, nano-USD.
    pub cost: IntCounter,
    /// Attempts without a price.
    pub unpriced: IntCounter,
}

impl Meters {
    /// All metrics at zero.
    ///
    /// # Errors
    /// A metric's name is taken or malformed: a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let new = New::default();
        let reloads = new.counters("reloads_total", "Reloads, by result", &["result"])?;
        Ok(Self {
            accepted: new.counter("exchanges_accepted_total", "Exchanges accepted")?,
            in_flight: new.gauge("exchanges_in_flight", "Exchanges under way")?,
            settled: new.counters(
                "exchanges_settled_total",
                "Exchanges settled, by route, endpoint, outcome and error code",
                &["route", "endpoint", "outcome", "code"],
            )?,
            attempts: new.counters(
                "attempts_total",
                "Attempts at models, by result",
                &["model", "result"],
            )?,
            duration: new.histograms("attempt_duration_seconds", "Whole duration of answers", &["model"])?,
            first_byte: new.histograms("attempt_first_byte_seconds", "Time to the first byte", &["model"])?,
            tokens: new.counters("tokens_total", "Tokens, by direction", &["model", "direction"])?,
            cost: new.counters("cost_nano_usd_total", "Cost of answers, nano-USD", &["model"])?,
            unpriced: new.counters("unpriced_total", "Answers of models without a price", &["model"])?,
            overhead: new.histogram(
                "overhead_seconds",
                "The gateway's own share of the time to the first byte",
                &OVERHEAD,
            )?,
            policy_faults: new.counters(
                "policy_faults_total",
                "Evaluations of policies that failed",
                &["policy", "hook", "kind"],
            )?,
            retries_denied: new.counter("retries_denied_total", "Retries refused by the retry budget")?,
            shadow: new.counters(
                "shadow_decisions_total",
                "Decisions of policies on trial, and whether they agreed",
                &["route", "agreed"],
            )?,
            shadow_left_out: new.counters(
                "shadow_left_out_total",
                "Exchanges on which a policy on trial was not asked",
                &["route"],
            )?,
            shadow_returns: new.counters("shadow_returns_total", "Trials that a bound ended", &["route"])?,
            standing: Mutex::new(Standing::new(&new, reloads.with_label_values(&["refused"]))?),
            reloads,
            registry: new.registry,
            listed: new.listed.into_inner(),
            by_model: RwLock::default(),
            by_ending: RwLock::default(),
        })
    }

    /// The metrics of `model`.
    #[must_use]
    pub fn model(&self, model: &Arc<str>) -> Arc<ModelMeters> {
        if let Some(meters) = self.by_model.read().get(model) {
            return Arc::clone(meters);
        }
        let made = Arc::new(ModelMeters {
            duration: self.duration.with_label_values(&[model]),
            first_byte: self.first_byte.with_label_values(&[model]),
            answered: self.attempts.with_label_values(&[model.as_ref(), "answered"]),
            input: self.tokens.with_label_values(&[model.as_ref(), "input"]),
            output: self.tokens.with_label_values(&[model.as_ref(), "output"]),
            cached: self.tokens.with_label_values(&[model.as_ref(), "cached_input"]),
            cost: self.cost.with_label_values(&[model]),
            unpriced: self.unpriced.with_label_values(&[model]),
        });
        Arc::clone(self.by_model.write().entry(Arc::clone(model)).or_insert(made))
    }

    /// An attempt at `model` failed with `code`.
    pub fn attempt_failed(&self, model: &str, code: &str) {
        self.attempts.with_label_values(&[model, code]).inc();
    }

    /// An exchange was settled.
    pub fn settled(&self, route: &Arc<str>, endpoint: &'static str, outcome: &'static str, code: &str) {
        let key = (Arc::clone(route), endpoint, outcome, code.to_owned());
        if let Some(counter) = self.by_ending.read().get(&key) {
            return counter.inc();
        }
        let counter = self.settled.with_label_values(&[route.as_ref(), endpoint, outcome, code]);
        counter.inc();
        self.by_ending.write().insert(key, counter);
    }

    /// How many exchanges were settled in all.
    #[must_use]
    pub fn settled_in_all(&self) -> u64 {
        self.settled
            .collect()
            .iter()
            .flat_map(|family| family.get_metric().iter().map(|metric| metric.get_counter().get_value()))
            .map(|count| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
                let count = count as u64;
                count
            })
            .sum()
    }

    /// Everything in Prometheus' text form, with what is counted elsewhere.
    #[must_use]
    pub fn exposition(&self, elsewhere: &Elsewhere) -> Vec<u8> {
        // Together: another reader must not meet the gauges while they are set anew.
        let standing = self.standing.lock();
        standing.take(elsewhere);
        let mut text = Vec::new();
        // Writing to memory does not fail.
        drop(TextEncoder::new().encode(&self.registry.gather(), &mut text));
        text
    }
}

/// A metric as it is documented.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its whole name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// What it counts.
    pub help: String,
}

/// Makes metrics and registers them under the gateway's prefix.
#[derive(Default)]
pub(super) struct New {
    registry: Registry,
    listed: RefCell<Vec<Listed>>,
}

impl New {
    fn registered<C: Collector + Clone + 'static>(&self, metric: C) -> prometheus::Result<C> {
        self.registry.register(Box::new(metric.clone()))?;
        let kinds = metric.collect().into_iter().map(|family| family.get_field_type());
        let listed = metric.desc().into_iter().zip(kinds).map(|(described, kind)| Listed {
            name: described.fq_name.clone(),
            kind: match kind {
                MetricType::COUNTER => "counter",
                MetricType::HISTOGRAM => "histogram",
                _ => "gauge",
            },
            labels: described.variable_labels.clone(),
            help: described.help.clone(),
        });
        self.listed.borrow_mut().extend(listed);
        Ok(metric)
    }

    /// A gauge whose name is the field's, not ours.
    pub(super) fn usual_gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.registered(IntGauge::new(name, help)?)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.registered(IntCounter::new(prefixed(name), help)?)
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.registered(IntGaugeVec::new(Opts::new(prefixed(name), help), labels)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.registered(IntGauge::new(prefixed(name), help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.registered(IntCounterVec::new(Opts::new(prefixed(name), help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> prometheus::Result<Histogram> {
        let opts = HistogramOpts::new(prefixed(name), help).buckets(bounds.to_vec());
        self.registered(Histogram::with_opts(opts)?)
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        let opts = HistogramOpts::new(prefixed(name), help).buckets(SECONDS.to_vec());
        self.registered(HistogramVec::new(opts, labels)?)
    }
}

fn prefixed(name: &str) -> String {
    format!("pointsman_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_registered_and_exposed() {
        let meters = Meters::new().unwrap();
        meters.accepted.inc();
        meters.settled(&Arc::from("r"), "chat", "completed", "");
        meters.settled(&Arc::from("r"), "chat", "completed", "");
        meters.model(&Arc::from("m")).duration.observe(0.1);
        meters.attempt_failed("m", "overloaded");
        let text =
            String::from_utf8(meters.exposition(&Elsewhere { records_lost: 3, ..Elsewhere::default() }))
                .unwrap();
        for line in [
            "pointsman_exchanges_accepted_total 1",
            r#"pointsman_exchanges_settled_total{code="",endpoint="chat",outcome="completed",route="r"} 2"#,
            r#"pointsman_attempts_total{model="m",result="overloaded"} 1"#,
            "pointsman_overhead_seconds_count 0",
            "pointsman_records_lost_total 3",
            "pointsman_configuration_is_live 0",
            concat!("pointsman_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
        assert_eq!(meters.settled_in_all(), 2);
    }
}
