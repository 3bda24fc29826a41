//! Metrics that are not counted as things happen but stand: they are read where
//! they are kept, whenever metrics are asked for.

use prometheus::{IntCounter, IntGauge, IntGaugeVec};

use super::meters::New;
use super::process::Process;

/// What other parts know, as it stands when metrics are read.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// Records that are kept.
    pub records_written: u64,
    /// Records that are lost.
    pub records_lost: u64,
    /// Groups of records that the disk refused.
    pub records_refused: u64,
    /// Records that wait.
    pub records_waiting: u64,
    /// Log lines that were dropped.
    pub lines_dropped: u64,
    /// Configurations that were refused at a reload.
    pub reloads_refused: u64,
    /// Whether what stands in the files is what is live.
    pub configuration_is_live: bool,
    /// Our models.
    pub models: Vec<ModelNow>,
    /// Ages of the price feeds, seconds, by file or URL; those that were never read are not here.
    pub feeds: Vec<(String, u64)>,
}

/// How a model does.
#[derive(Debug, Clone)]
pub struct ModelNow {
    /// Our name for it.
    pub name: std::sync::Arc<str>,
    /// Whether its circuit breaker lets requests through.
    pub healthy: bool,
    /// Attempts under way.
    pub in_flight: u64,
}

/// The metrics of [`Elsewhere`].
#[derive(Debug)]
pub(super) struct Standing {
    /// In the order of [`counted`].
    counters: [IntCounter; 5],
    records_waiting: IntGauge,
    configuration_is_live: IntGauge,
    healthy: IntGaugeVec,
    in_flight: IntGaugeVec,
    feed_age: IntGaugeVec,
    process: Process,
}

/// What only grows.
fn counted(now: &Elsewhere) -> [u64; 5] {
    [now.records_written, now.records_lost, now.records_refused, now.lines_dropped, now.reloads_refused]
}

impl Standing {
    /// All at zero; `reloads_refused` is counted beside the other results of reloads.
    pub(super) fn new(new: &New, reloads_refused: IntCounter) -> prometheus::Result<Self> {
        new.gauges("build_info", "The version that runs", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        Ok(Self {
            counters: [
                new.counter("records_written_total", "Records that are kept")?,
                new.counter("records_lost_total", "Records that are lost")?,
                new.counter("records_refused_total", "Groups of records that the disk refused")?,
                new.counter("log_lines_dropped_total", "Log lines dropped, for nobody read them")?,
                reloads_refused,
            ],
            records_waiting: new.gauge("records_waiting", "Records that wait to be written")?,
            configuration_is_live: new.gauge(
                "configuration_is_live",
                "1: what stands in the files is live; 0: it was refused, or taken back",
            )?,
            healthy: new.gauges(
                "model_healthy",
                "1: requests go to the model; 0: its circuit breaker is open",
                &["model"],
            )?,
            in_flight: new.gauges("model_in_flight", "Attempts under way at a model", &["model"])?,
            feed_age: new.gauges(
                "feed_age_seconds",
                "Time since a price feed was last read, seconds",
                &["source"],
            )?,
            process: Process::new(new)?,
        })
    }

    /// Takes over how things stand.
    pub(super) fn take(&self, now: &Elsewhere) {
        self.process.take();
        for (counter, figure) in self.counters.iter().zip(counted(now)) {
            counter.inc_by(figure.saturating_sub(counter.get()));
        }
        self.records_waiting.set(signed(now.records_waiting));
        self.configuration_is_live.set(i64::from(now.configuration_is_live));
        // What a reload took away is told no more.
        for gauges in [&self.healthy, &self.in_flight, &self.feed_age] {
            gauges.reset();
        }
        for model in &now.models {
            self.healthy.with_label_values(&[&model.name]).set(i64::from(model.healthy));
            self.in_flight.with_label_values(&[&model.name]).set(signed(model.in_flight));
        }
        for (source, age) in &now.feeds {
            self.feed_age.with_label_values(&[source]).set(signed(*age));
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observe::Meters;

    #[test]
    fn what_a_reload_took_away_is_told_no_more() {
        let meters = Meters::new().unwrap();
        let model = |name: &str, healthy| ModelNow { name: Arc::from(name), healthy, in_flight: 2 };
        let told = |now: &Elsewhere| String::from_utf8(meters.exposition(now)).unwrap();
        let before = told(&Elsewhere {
            models: vec![model("old", true), model("kept", false)],
            feeds: vec![("./prices.json".to_owned(), 61)],
            reloads_refused: 2,
            ..Elsewhere::default()
        });
        for line in [
            r#"pointsman_model_healthy{model="old"} 1"#,
            r#"pointsman_model_healthy{model="kept"} 0"#,
            r#"pointsman_model_in_flight{model="kept"} 2"#,
            r#"pointsman_feed_age_seconds{source="./prices.json"} 61"#,
            r#"pointsman_reloads_total{result="refused"} 2"#,
        ] {
            assert!(before.contains(line), "{line} is missing in:\n{before}");
        }
        let after = told(&Elsewhere {
            models: vec![model("kept", true)],
            reloads_refused: 2,
            configuration_is_live: true,
            ..Elsewhere::default()
        });
        for line in [
            r#"pointsman_model_healthy{model="kept"} 1"#,
            "pointsman_configuration_is_live 1",
            r#"pointsman_reloads_total{result="refused"} 2"#,
        ] {
            assert!(after.contains(line), "{line} is missing in:\n{after}");
        }
        assert!(!after.contains("old") && !after.contains("prices.json"), "{after}");
    }
}
