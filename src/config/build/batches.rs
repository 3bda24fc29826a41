//! `batches:`, and the policies that leave requests to them.

use std::sync::Arc;
use std::time::Duration;

use super::{Build, ByName};
use crate::config::file::Time;
use crate::gateway::{BatchSettings, Route};
use crate::yaml::At;

impl Build<'_> {
    pub(super) fn batches(&mut self, routes: &[Arc<Route>], direct: &ByName<Route>) -> BatchSettings {
        self.place_for_batches(routes, direct);
        let (base, written) = (BatchSettings::default(), self.file.batches.clone());
        let time = |time: Option<Time>, base| time.map_or(base, |time| time.0);
        let mut some = |time: Option<At<Time>>, base: Duration, key: &str| match time {
            Some(time) if time.value.0.is_zero() => {
                let message = format!("`{key}` must not be 0");
                self.findings.error(time.place, "out_of_range", message, "write a time such as `1m`");
                base
            }
            Some(time) => time.value.0,
            None => base,
        };
        let (window, poll) =
            (some(written.window, base.window, "window"), some(written.poll, base.poll, "poll"));
        let most = written.max_requests.as_ref().filter(|most| !(1..=50_000).contains(&most.value));
        if let Some(most) = most {
            let message = "a batch holds 1 to 50000 requests".to_owned();
            self.findings.error(
                most.place,
                "out_of_range",
                message,
                "OpenAI's limit is 50000, Anthropic's 100000",
            );
        }
        BatchSettings {
            window,
            poll,
            max_requests: written.max_requests.map_or(base.max_requests, |most| most.value),
            max_bytes: written.max_bytes.map_or(base.max_bytes, |bytes| bytes.0),
            give_up: time(written.give_up, base.give_up),
            keep: time(written.keep, base.keep),
        }
    }

    /// A policy that leaves requests to batches needs a place where they wait.
    fn place_for_batches(&mut self, routes: &[Arc<Route>], direct: &ByName<Route>) {
        if self.file.records.is_some() {
            return;
        }
        let written =
            self.file.routes.iter().flat_map(|route| &route.policies).chain(&self.file.default_policies);
        let names: Vec<At<String>> = written.map(|written| written.name.clone()).collect();
        let bound = || routes.iter().chain(direct.values()).flat_map(|route| &route.policies);
        for name in names {
            if bound().any(|bound| *bound.policy.name == *name.value && bound.policy.batches()) {
                let message = format!(
                    "`{}` leaves requests to batches, and there is no place where they could wait",
                    name.value
                );
                self.findings.error(
                    name.place,
                    "no_records",
                    message,
                    "add `records: { folder: ./records }`",
                );
            }
        }
    }
}
