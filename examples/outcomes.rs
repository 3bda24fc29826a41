//! What the shipped ideas bring, measured on public data: consensus, routing,
//! bandits. Reads the data in place (`../shared/data` or `$POINTSMAN_SHARED/data`)
//! and prints tables: `cargo run --example outcomes`.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a script that prints tables"
)]
#![expect(clippy::disallowed_methods, reason = "a script may read the environment")]

use std::path::PathBuf;

use pointsman::ir::{Choice, Dialect, Extra, Message, Response, Role};
use pointsman::policy::consensus::{By, Vote, keys, vote};
use pointsman::policy::learn::{Bandit, Method, Sense};
use serde_json::Value;

/// Trust from which the voters' answer goes out: that of `ensemble/majority`.
const TRUST: f64 = 0.7;

/// Likely wrong answers: the default of `agree`.
const SPREAD: f64 = 5.0;

fn main() {
    let base = std::env::var("POINTSMAN_SHARED")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let read = |name: &str| -> Option<Vec<Value>> {
        let text = std::fs::read_to_string(base.join("data").join(name)).ok()?;
        Some(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    };
    match read("consensus_gsm8k_4models_sample.jsonl") {
        Some(rows) => consensus(&rows),
        None => println!("consensus: skipped, {} has no data\n", base.display()),
    }
    match read("routellm_pairs_sample.jsonl") {
        Some(rows) => routing(&rows),
        None => println!("routing: skipped, {} has no data\n", base.display()),
    }
    bandits();
}

// === consensus ===

/// An answer of one text.
fn said(text: &str) -> Response {
    let mut response = Response::new(Dialect::OpenAiChat, "", "");
    response.choices.push(Choice {
        index: 0,
        message: Message::text(Role::Assistant, text),
        finish: None,
        logprobs: None,
        extra: Extra::NONE,
    });
    response
}

/// The models of a row, the answers as keys, and the truth's key.
fn row_keys(row: &Value, models: &[String]) -> (Vec<Option<String>>, Option<String>) {
    let mut answers: Vec<Response> = models
        .iter()
        .map(|model| said(row["answers"][model]["final"].as_str().unwrap_or_default()))
        .collect();
    answers.push(said(row["truth"].as_str().unwrap_or_default()));
    let mut keys = keys(&By::Number, &answers.iter().collect::<Vec<_>>());
    let truth = keys.pop().flatten();
    (keys, truth)
}

/// How often each model is right on `rows`, drawn towards the middle for few rows.
fn accuracy(rows: &[&Value], models: &[String]) -> Vec<Option<f64>> {
    let right = |model: &String| rows.iter().filter(|row| row["answers"][model]["ok"] == true).count();
    models.iter().map(|model| Some((right(model) as f64 + 1.0) / (rows.len() as f64 + 2.0))).collect()
}

/// The key of the largest group by heads, and its size.
fn largest(vote: &Vote) -> (Option<&str>, usize) {
    let best = vote.groups.iter().max_by_key(|group| group.members.len());
    best.map_or((None, 0), |group| (Some(group.key.as_str()), group.members.len()))
}

fn consensus(rows: &[Value]) {
    let models: Vec<String> = rows[0]["answers"].as_object().unwrap().keys().cloned().collect();
    let all: Vec<&Value> = rows.iter().collect();
    let scores = accuracy(&all, &models);
    let strongest = (0..models.len()).max_by(|a, b| scores[*a].partial_cmp(&scores[*b]).unwrap()).unwrap();
    println!("Consensus on GSM8K: {} questions, {} models", rows.len(), models.len());
    for (model, score) in models.iter().zip(&scores) {
        println!("  {model:24} alone {:5.1} % right", score.unwrap() * 100.0);
    }
    println!("\n  agreeing   questions   right");
    for size in 1..=models.len() {
        let (mut met, mut right) = (0, 0);
        for row in rows {
            let (keys, truth) = row_keys(row, &models);
            let vote = vote(&keys, &vec![None; keys.len()], SPREAD);
            let (key, many) = largest(&vote);
            if many == size {
                met += 1;
                right += usize::from(key == truth.as_deref());
            }
        }
        println!("  {size:8}   {met:9}   {}", share(right, met));
    }
    three_or_more(rows, &models);
    escalate(rows, &models, strongest);
}

fn three_or_more(rows: &[Value], models: &[String]) {
    let (mut met, mut right, mut equal) = (0, 0, 0);
    for row in rows {
        let (keys, truth) = row_keys(row, models);
        let vote = vote(&keys, &vec![None; keys.len()], SPREAD);
        let (key, many) = largest(&vote);
        equal += usize::from(key == truth.as_deref());
        if many >= 3 {
            met += 1;
            right += usize::from(key == truth.as_deref());
        }
    }
    println!("  3 or more  {met:9}   {}", share(right, met));
    println!("  equal vote {:9}   {}\n", rows.len(), share(equal, rows.len()));
}

/// The shipped rule, its accuracies measured on one half of the questions and
/// judged on the other: 50 splits.
fn escalate(rows: &[Value], models: &[String], strongest: usize) {
    let voters: Vec<String> =
        models.iter().enumerate().filter(|(at, _)| *at != strongest).map(|(_, m)| m.clone()).collect();
    let (mut ours, mut alone, mut spared, mut judged) = (0, 0, 0, 0);
    for seed in 0..50 {
        let mut order: Vec<&Value> = rows.iter().collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        let (measured, test) = order.split_at(order.len() / 2);
        let accuracy = accuracy(measured, &voters);
        for row in test {
            let (keys, truth) = row_keys(row, &voters);
            let vote = vote(&keys, &accuracy, SPREAD);
            let best = vote.groups.first().filter(|group| group.members.len() >= 2 && group.trust >= TRUST);
            let strong_right = row["answers"][&models[strongest]]["ok"] == true;
            judged += 1;
            alone += usize::from(strong_right);
            spared += usize::from(best.is_some());
            ours += usize::from(best.map_or(strong_right, |group| Some(&group.key) == truth.as_ref()));
        }
    }
    println!("  agree, then escalate (trust >= {TRUST}; accuracies from the other half, 50 splits)");
    println!("    strongest alone          {}", share(alone, judged));
    println!("    agree-then-escalate      {}", share(ours, judged));
    println!("    strongest not needed for {} of the questions\n", share(spared, judged));
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:5.1} %", part as f64 / whole as f64 * 100.0) }
}

// === routing ===

/// How often the sense for prompts sees each of its rows.
const PASSES: usize = 8;

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

fn routing(rows: &[Value]) {
    let rows: Vec<&Value> = rows.iter().filter(|row| row["contaminated"] != true).collect();
    println!("Routing on RouteLLM pairs: share of calls to the strong model for 95 % of its quality");
    println!("  set        rows   weak   strong   random   longest first   learned rule (cross-validated)");
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

fn one_set(name: &str, rows: &[&Value]) {
    let ok = |row: &Value, who: &str| row[who] == true;
    const FOLDS: usize = 5;
    let text = |at: usize| rows[at]["prompt"].as_str().unwrap_or_default();
    let gain = |at: usize| f64::from(i8::from(ok(rows[at], "strong_ok")) - i8::from(ok(rows[at], "weak_ok")));
    let mut scored = vec![0.0; rows.len()];
    for fold in 0..FOLDS {
        let mut sense = Sense::default();
        let mut order: Vec<usize> = (0..rows.len()).filter(|at| at % FOLDS != fold).collect();
        let mut rng = fastrand::Rng::with_seed(fold as u64);
        for _ in 0..PASSES {
            rng.shuffle(&mut order);
            order.iter().for_each(|at| sense.learn(text(*at), gain(*at)));
        }
        (0..rows.len()).filter(|at| at % FOLDS == fold).for_each(|at| scored[at] = sense.tell(text(at)));
    }
    let with = |score: &dyn Fn(usize) -> f64| -> f64 {
        let all: Vec<(f64, bool, bool)> = (0..rows.len())
            .map(|at| (score(at), ok(rows[at], "weak_ok"), ok(rows[at], "strong_ok")))
            .collect();
        strong_share(&all, 0.95)
    };
    let random = (0..50).map(|seed| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let draws: Vec<f64> = (0..rows.len()).map(|_| rng.f64()).collect();
        with(&|at| draws[at])
    });
    let random = random.sum::<f64>() / 50.0;
    let longest = with(&|at| text(at).len() as f64);
    let learned = with(&|at| scored[at]);
    let right = |who: &str| rows.iter().filter(|row| ok(row, who)).count();
    println!(
        "  {name:8} {:6}  {}  {}  {:5.1} %         {:5.1} %                     {:5.1} %",
        rows.len(),
        share(right("weak_ok"), rows.len()),
        share(right("strong_ok"), rows.len()),
        random * 100.0,
        longest * 100.0,
        learned * 100.0
    );
}

// === bandits ===

/// Rounds of the replay; the best arm changes in the middle.
const ROUNDS: usize = 6_000;

/// Regret of a rule on arms whose rewards drift: what the best arm would have brought more.
fn regret(choose: &mut dyn FnMut(&Bandit, &mut fastrand::Rng) -> usize, half_life: f64, seed: u64) -> f64 {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut bandit, mut lost) = (Bandit::default(), 0.0);
    for round in 0..ROUNDS {
        let means = if round < ROUNDS / 2 { [0.8, 0.6, 0.5] } else { [0.4, 0.6, 0.75] };
        let arm = choose(&bandit, &mut rng);
        lost += means.iter().copied().fold(0.0, f64::max) - means[arm];
        bandit.reward(["a", "b", "c"][arm], f64::from(u8::from(rng.f64() < means[arm])), half_life);
    }
    lost
}

fn bandits() {
    let arms = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let place = |name: &str| arms.iter().position(|arm| arm == name).unwrap();
    println!(
        "Bandits on a drift: {ROUNDS} rounds, the best of three arms becomes the worst half way; mean of 10 runs"
    );
    println!("  rule                         regret");
    let mean = |run: &mut dyn FnMut(u64) -> f64| (0..10).map(run).sum::<f64>() / 10.0;
    let random = mean(&mut |seed| regret(&mut |_, rng| rng.usize(..3), 0.0, seed));
    println!("  random                       {random:7.0}");
    let first = mean(&mut |seed| regret(&mut |_, _| 0, 0.0, seed));
    println!("  the first best for ever      {first:7.0}");
    for (name, method) in [("Thompson", Method::Thompson), ("UCB", Method::Ucb)] {
        for half_life in [0.0, 500.0] {
            let mut choose =
                |bandit: &Bandit, rng: &mut fastrand::Rng| place(bandit.choose(&arms, method, rng).unwrap());
            let lost = mean(&mut |seed| regret(&mut choose, half_life, seed));
            let fades = if half_life > 0.0 { "half-life 500" } else { "never fading" };
            println!("  {:27}  {lost:7.0}", format!("{name}, {fades}"));
        }
    }
}
