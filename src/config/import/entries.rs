//! What LiteLLM's parameters become: entries of gateway.yaml, and the policy
//! that shares a group's load.
//! Source: LiteLLM documentation, "Proxy config.yaml" and "Router", checked 2026-11-21.

use std::fmt::Write;

use super::write::{number, quoted};
use crate::yaml::{Node, Value};

/// The policy that shares the load of a group.
pub(super) fn spread(strategy: &str, rank: &str) -> String {
    format!(
        "//! Shares the load of some models ({strategy}); the route's other candidates stand by behind them.\n\
         //! with over: models   the models that share it\n\n\
         fn route() {{\n    let fit = ctx.candidates.fitting(req).healthy();\n    \
         if fit.is_empty() {{ return reject(503, \"no_model_fits\", \"no model can take this request at the moment\"); }}\n    \
         let group = fit.only(ctx.with.over);\n    if group.is_empty() {{ return plan(fit); }}\n    \
         plan({rank}.union(group).union(fit))\n}}\n"
    )
}

/// Time-outs and retries for all routes.
pub(super) fn bounds(router: &Node, settings: &Node) -> String {
    let figure = |names: &[(&Node, &str)]| names.iter().find_map(|(node, name)| figure(node.get(name)?));
    let mut text = String::new();
    if let Some(max) = figure(&[(router, "num_retries"), (settings, "num_retries")]) {
        let _ = writeln!(text, "retries: {{ max: {max} }}");
    }
    let total = figure(&[(router, "timeout"), (settings, "request_timeout")]);
    let first = figure(&[(router, "stream_timeout")]);
    let parts: Vec<String> = [("first_byte", first), ("total", total)]
        .iter()
        .filter_map(|(name, seconds)| seconds.map(|seconds| format!("{name}: {}s", number(seconds))))
        .collect();
    if !parts.is_empty() {
        let _ = writeln!(text, "timeouts: {{ {} }}", parts.join(", "));
    }
    if text.is_empty() { text } else { format!("{text}\n") }
}

/// The entry of a model.
pub(super) fn entry(provider: &str, upstream: &str, params: &Node, info: Option<&Node>) -> String {
    let mut parts =
        vec![format!("provider: {}", quoted(provider)), format!("upstream: {}", quoted(upstream))];
    let of = |name: &str| params.get(name).or_else(|| info?.get(name)).and_then(figure);
    for (theirs, ours) in [("max_input_tokens", "context_window"), ("max_output_tokens", "max_output_tokens")]
    {
        if let Some(tokens) = of(theirs) {
            parts.push(format!("{ours}: {}", number(tokens)));
        }
    }
    if let (Some(input), Some(output)) = (of("input_cost_per_token"), of("output_cost_per_token")) {
        let mut price = format!("input: {}, output: {}", number(input * 1e6), number(output * 1e6));
        for (theirs, ours) in [
            ("cache_read_input_token_cost", "cached_input"),
            ("cache_creation_input_token_cost", "cache_write"),
        ] {
            if let Some(rate) = of(theirs) {
                let _ = write!(price, ", {ours}: {}", number(rate * 1e6));
            }
        }
        parts.push(format!("price: {{ {price} }}"));
    }
    let limits = [
        ("rpm", "requests_per_minute"),
        ("tpm", "tokens_per_minute"),
        ("max_parallel_requests", "concurrent"),
    ];
    let limits: Vec<String> = limits
        .iter()
        .filter_map(|(theirs, ours)| of(theirs).map(|most| format!("{ours}: {}", number(most))))
        .collect();
    if !limits.is_empty() {
        parts.push(format!("limits: {{ {} }}", limits.join(", ")));
    }
    let region = params.get("region_name").and_then(Node::text);
    if let Some(region) = region {
        parts.push(format!("tags: {{ region: {} }}", quoted(region)));
    }
    format!("{{ {} }}", parts.join(", "))
}

/// A number, or a text that is one.
#[expect(clippy::cast_precision_loss, reason = "counts of tokens and seconds are small")]
fn figure(node: &Node) -> Option<f64> {
    match &node.value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite() && *number >= 0.0)
}
