//! `pointsman replay`: recorded exchanges against a candidate bundle. How many
//! would move, be refused, cost more or less, before anything goes live.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::explain::idle;
use super::load::load;
use super::recorded::Recorded;
use super::records::{self, duration, wait};
use super::{Exit, Output};
use crate::clock::Clock;
use crate::gateway::Bundle;
use crate::ir::{Money, Usage};
use crate::plan::Verdict;
use crate::policy::explain::explain;
use crate::record::{Exchange, Filter, Outcome};

/// Replays recorded exchanges against another configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The candidate: a gateway.yaml or its folder.
    #[arg(long)]
    bundle: PathBuf,
    /// The configuration whose records are replayed: a gateway.yaml or its folder.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How far back, as `30m`, `12h`, `7d`.
    #[arg(long, value_parser = duration, default_value = "7d")]
    since: Duration,
    /// How many exchanges at most, the newest first.
    #[arg(long, default_value_t = 10_000)]
    limit: u32,
}

/// What the replay found.
#[derive(Debug, Default)]
struct Findings {
    replayed: u64,
    /// Of them, from sizes and features only: the record keeps no content.
    from_sizes: u64,
    skipped: u64,
    /// From model to model.
    moved: BTreeMap<(String, String), u64>,
    refused_before: u64,
    refused_after: u64,
    failed: u64,
    cost_before: Money,
    cost_after: Money,
    /// Exchanges whose new model has no price.
    unpriced_after: u64,
    ms_before: f64,
    ms_after: f64,
    /// Exchanges whose new model's duration is known from the records.
    timed: u64,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    match replay(args) {
        Ok(findings) => {
            if output.is_json() {
                output.json(&as_json(&findings));
            } else {
                as_text(&findings).iter().for_each(|line| output.line(line));
            }
            Exit::Ok
        }
        Err(text) => {
            output.note(text.trim_end());
            Exit::Problems
        }
    }
}

fn replay(args: &Args) -> Result<Findings, String> {
    // Both run their cases, which wait by themselves: that has to be done before.
    let (recorded, candidate) = (load(&args.path)?, load(&args.bundle)?);
    let archive = records::recorded(recorded)?;
    let span = u64::try_from(args.since.as_millis()).unwrap_or(u64::MAX);
    let since_ms = Clock::System.now().unix_ms.saturating_sub(span);
    let filter = Filter { since_ms, limit: args.limit, ..Filter::default() };
    wait(async {
        let listed = archive.list(&filter).await?;
        let usual = usual_ms(&listed);
        let mut findings = Findings::default();
        for exchange in &listed {
            let whole = archive.get(&exchange.id).await?;
            let whole = whole.unwrap_or_else(|| exchange.clone());
            one(whole, &candidate.bundle, &usual, &mut findings);
        }
        Ok(findings)
    })
}

/// Mean duration by model, from what was recorded.
fn usual_ms(listed: &[Exchange]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for exchange in listed.iter().filter(|exchange| exchange.outcome == Outcome::Completed) {
        if let Some(model) = &exchange.model {
            let (sum, count) = sums.entry(model.clone()).or_default();
            *sum += exchange.duration_ms;
            *count += 1.0;
        }
    }
    sums.into_iter().map(|(model, (sum, count))| (model, sum / count)).collect()
}

/// Lets the candidate decide on one recorded exchange and notes the difference.
fn one(exchange: Exchange, bundle: &Bundle, usual: &BTreeMap<String, f64>, findings: &mut Findings) {
    let Some(recorded) = Recorded::of(exchange) else {
        findings.skipped += 1;
        return;
    };
    let Some(route) = recorded.route(bundle) else {
        findings.skipped += 1;
        return;
    };
    findings.replayed += 1;
    findings.from_sizes += u64::from(!recorded.itself);
    let scene = recorded.scene(bundle, route, &idle);
    let explained = explain(&route.policies, scene, &recorded.past);
    let exchange = &recorded.exchange;
    findings.failed += explained.stops.iter().filter(|stop| stop.verdict.is_err()).count() as u64;
    findings.refused_before += u64::from(exchange.outcome == Outcome::Rejected);
    let target = match &explained.verdict {
        Verdict::Reject { .. } => {
            findings.refused_after += 1;
            return;
        }
        Verdict::Route(plan) => plan.steps.first().map(|step| step.model.to_string()),
        _ => Some("(policy)".to_owned()),
    };
    if let Some(target) = target {
        compare(exchange, &target, bundle, usual, findings);
    }
}

fn compare(
    exchange: &Exchange,
    target: &str,
    bundle: &Bundle,
    usual: &BTreeMap<String, f64>,
    findings: &mut Findings,
) {
    let planned = exchange.attempts.iter().find(|attempt| attempt.cause == "plan");
    let before = planned.map(|attempt| attempt.model.to_string()).or_else(|| exchange.model.clone());
    let before = before.unwrap_or_else(|| "(none)".to_owned());
    findings.cost_before = findings.cost_before.plus(Money(exchange.cost_nano_usd));
    if before == target {
        findings.cost_after = findings.cost_after.plus(Money(exchange.cost_nano_usd));
        return;
    }
    *findings.moved.entry((before, target.to_owned())).or_default() += 1;
    let usage = Usage {
        input: exchange.input_tokens,
        cached_input: Some(exchange.cached_tokens),
        output: exchange.output_tokens,
        reasoning: Some(exchange.reasoning_tokens),
        ..Usage::default()
    };
    match bundle.models.get(target).and_then(|model| model.price.as_ref()) {
        Some(price) => findings.cost_after = findings.cost_after.plus(price.cost(&usage)),
        None => findings.unpriced_after += 1,
    }
    if let Some(ms) = usual.get(target) {
        findings.ms_before += exchange.duration_ms;
        findings.ms_after += ms;
        findings.timed += 1;
    }
}

fn moved(findings: &Findings) -> u64 {
    findings.moved.values().sum()
}

fn as_text(findings: &Findings) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = |part: u64| 100.0 * part as f64 / findings.replayed.max(1) as f64;
    let mut lines = vec![format!(
        "{} exchanges replayed, {} of them from sizes and features only; {} skipped",
        findings.replayed, findings.from_sizes, findings.skipped
    )];
    lines.push(format!("moved    {} ({:.1} %)", moved(findings), share(moved(findings))));
    lines.extend(
        findings.moved.iter().map(|((from, to), count)| format!("         {count:>6}  {from} -> {to}")),
    );
    lines.push(format!(
        "refused  {} before, {} after ({:.1} %)",
        findings.refused_before,
        findings.refused_after,
        share(findings.refused_after)
    ));
    lines.push(format!(
        "cost     {} USD before, about {} USD after",
        findings.cost_before, findings.cost_after
    ));
    if findings.unpriced_after > 0 {
        lines.push(format!("         {} exchanges go to models without a price", findings.unpriced_after));
    }
    if findings.timed > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
        let mean = |sum: f64| sum / findings.timed as f64;
        lines.push(format!(
            "latency  {:.0} ms before, about {:.0} ms after (mean of {} that moved)",
            mean(findings.ms_before),
            mean(findings.ms_after),
            findings.timed
        ));
    }
    if findings.failed > 0 {
        lines.push(format!("failed   {} evaluations of policies", findings.failed));
    }
    lines
}

fn as_json(findings: &Findings) -> Value {
    let moves: Vec<Value> = findings
        .moved
        .iter()
        .map(|((from, to), count)| json!({ "from": from, "to": to, "count": count }))
        .collect();
    json!({
        "replayed": findings.replayed,
        "from_sizes": findings.from_sizes,
        "skipped": findings.skipped,
        "moved": moved(findings),
        "moves": moves,
        "refused_before": findings.refused_before,
        "refused_after": findings.refused_after,
        "cost_before_nano_usd": findings.cost_before.0,
        "cost_after_nano_usd": findings.cost_after.0,
        "unpriced_after": findings.unpriced_after,
        "timed": findings.timed,
        "ms_before": findings.ms_before,
        "ms_after": findings.ms_after,
        "policy_failures": findings.failed,
    })
}
