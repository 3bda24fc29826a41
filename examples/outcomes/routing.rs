//! Which prompts need the strong model.

use pointsman::policy::learn::Sense;
use serde_json::Value;

use crate::share;

/// The share of strong calls, strongest need first, at which `goal` of the strong model's quality is reached.
fn strong_share(rows: &[(f64, bool, bool)], goal: f64) -> f64 {
    let mut order: Vec<&(f64, bool, bool)> = rows.iter().collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let strong = rows.iter().filter(|row| row.2).count() as f64;
    let mut right = rows.iter().filter(|row| row.1).count() as f64;
    for (calls, row) in order.iter().enumerate() {
        if right >= goal * strong {
            return calls as f64 / rows.len() as f64;
        }
        right += f64::from(u8::from(row.2)) - f64::from(u8::from(row.1));
    }
    1.0
}

pub(crate) fn table(rows: &[Value]) {
    let rows: Vec<&Value> = rows.iter().filter(|row| row["contaminated"] != true).collect();
    println!("Routing on RouteLLM pairs: share of calls to the strong model for 95 % of its quality");
    println!(
        "  set        rows   weak   strong   random   longest first   learned   learned less longest, 95 % interval"
    );
    for set in ["gsm8k", "mmlu"] {
        let part: Vec<&Value> = rows
            .iter()
            .copied()
            .filter(|row| row["set"].as_str().is_some_and(|name| name.starts_with(set)))
            .collect();
        if !part.is_empty() {
            one_set(set, &part);
        }
    }
    one_set("all", &rows);
    println!();
}

/// Parts of a cross-validation.
const FOLDS: usize = 5;

/// Divisions into parts that are averaged: one alone is luck, by 3 to 5 points.
const DIVISIONS: u64 = 20;

/// Draws of the bootstrap.
const DRAWS: u64 = 400;

fn ok(row: &Value, who: &str) -> bool {
    row[who] == true
}

fn text(row: &Value) -> &str {
    row["prompt"].as_str().unwrap_or_default()
}

/// What the sense tells of each row, learned from the other parts alone.
fn learned(rows: &[&Value], seed: u64) -> Vec<f64> {
    let gain = |row: &Value| f64::from(i8::from(ok(row, "strong_ok")) - i8::from(ok(row, "weak_ok")));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    rng.shuffle(&mut order);
    let mut scored = vec![0.0; rows.len()];
    for fold in 0..FOLDS {
        let mut sense = Sense::default();
        let part = |place: usize| place % FOLDS == fold;
        let mut seen: Vec<usize> =
            (0..rows.len()).filter(|place| !part(*place)).map(|place| order[place]).collect();
        // As a gateway learns: each outcome once, in no order.
        rng.shuffle(&mut seen);
        seen.iter().for_each(|at| sense.learn(&Sense::places(text(rows[*at])), gain(rows[*at])));
        for at in (0..rows.len()).filter(|place| part(*place)).map(|place| order[place]) {
            scored[at] = sense.tell(&Sense::places(text(rows[at])));
        }
    }
    scored
}

/// The share of strong calls at these rows, ordered by `scores`.
fn at_goal(rows: &[&Value], scores: &[f64], places: &[usize]) -> f64 {
    let row = |at: &usize| (scores[*at], ok(rows[*at], "weak_ok"), ok(rows[*at], "strong_ok"));
    strong_share(&places.iter().map(row).collect::<Vec<_>>(), 0.95)
}

fn one_set(name: &str, rows: &[&Value]) {
    let all: Vec<usize> = (0..rows.len()).collect();
    let draw = |seed: u64| -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        rows.iter().map(|_| rng.f64()).collect()
    };
    let random = (0..50).map(|seed| at_goal(rows, &draw(seed), &all)).sum::<f64>() / 50.0;
    let lengths: Vec<f64> = rows.iter().map(|row| text(row).len() as f64).collect();
    let longest = at_goal(rows, &lengths, &all);
    let scores: Vec<Vec<f64>> = (0..DIVISIONS).map(|seed| learned(rows, seed)).collect();
    let ours = scores.iter().map(|scores| at_goal(rows, scores, &all)).sum::<f64>() / DIVISIONS as f64;
    // How far the difference may be luck: the same on rows drawn anew.
    let mut differences: Vec<f64> = (0..DRAWS)
        .map(|seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let places: Vec<usize> = all.iter().map(|_| rng.usize(..rows.len())).collect();
            let scores = &scores[(seed % DIVISIONS) as usize];
            at_goal(rows, scores, &places) - at_goal(rows, &lengths, &places)
        })
        .collect();
    differences.sort_by(f64::total_cmp);
    let quantile = |share: f64| differences[(share * (DRAWS - 1) as f64) as usize] * 100.0;
    let right = |who: &str| rows.iter().filter(|row| ok(row, who)).count();
    println!(
        "  {name:8} {:6}  {}  {}  {:5.1} %         {:5.1} %          {:5.1} %   {:+5.1} to {:+.1} points",
        rows.len(),
        share(right("weak_ok"), rows.len()),
        share(right("strong_ok"), rows.len()),
        random * 100.0,
        longest * 100.0,
        ours * 100.0,
        quantile(0.025),
        quantile(0.975)
    );
}
