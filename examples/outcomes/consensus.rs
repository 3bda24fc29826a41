//! Whether several models that agree are right, and whether that is known.

use pointsman::ir::{Choice, Dialect, Extra, Message, Response, Role};
use pointsman::policy::consensus::{By, Errors, keys, vote};
use serde_json::Value;

use crate::share;

/// Trust from which the voters' answer goes out: that of `ensemble/majority`.
const TRUST: f64 = 0.75;

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

/// How many say the same as most do, and how often that is the truth: of groups
/// of one size any might be taken.
fn largest(keys: &[Option<String>], truth: Option<&str>) -> (usize, f64) {
    let vote = vote(keys, &vec![None; keys.len()], Errors::default());
    let size = vote.groups.iter().map(|group| group.members.len()).max().unwrap_or(0);
    let tied: Vec<_> = vote.groups.iter().filter(|group| group.members.len() == size).collect();
    let right = tied.iter().filter(|group| Some(group.key.as_str()) == truth).count();
    (size, right as f64 / tied.len().max(1) as f64)
}

pub(crate) fn table(rows: &[Value]) {
    let models: Vec<String> = rows[0]["answers"].as_object().unwrap().keys().cloned().collect();
    let all: Vec<&Value> = rows.iter().collect();
    let scores = accuracy(&all, &models);
    let strongest = (0..models.len()).max_by(|a, b| scores[*a].partial_cmp(&scores[*b]).unwrap()).unwrap();
    println!("Consensus on GSM8K: {} questions, {} models", rows.len(), models.len());
    for (model, score) in models.iter().zip(&scores) {
        println!("  {model:24} alone {:5.1} % right", score.unwrap() * 100.0);
    }
    by_heads(rows, &models);
    calibration(rows, &models);
    escalate(rows, &models, strongest);
}

/// How often the largest group is right, by its size.
fn by_heads(rows: &[Value], models: &[String]) {
    let mut sizes = vec![(0_usize, 0.0); models.len() + 1];
    for row in rows {
        let (keys, truth) = row_keys(row, models);
        let (size, right) = largest(&keys, truth.as_deref());
        sizes[size].0 += 1;
        sizes[size].1 += right;
    }
    println!("\n  agreeing   questions   right");
    let line = |name: &str, sizes: &[(usize, f64)]| {
        let (met, right) = sizes.iter().fold((0, 0.0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        let (low, high) = interval(right, met);
        let share = right / met.max(1) as f64 * 100.0;
        println!("  {name:10} {met:9}   {share:5.1} %  (95 % interval {low:.0} to {high:.0} %)");
    };
    for size in 1..=models.len() {
        line(&size.to_string(), &sizes[size..=size]);
    }
    line("3 or more", &sizes[3..]);
    line("equal vote", &sizes);
    println!();
}

/// Wilson's 95 % interval of a share, percent.
fn interval(part: f64, whole: usize) -> (f64, f64) {
    const Z: f64 = 1.96;
    let (n, p) = (whole.max(1) as f64, part / whole.max(1) as f64);
    let middle = p + Z * Z / (2.0 * n);
    let width = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 100.0 / (1.0 + Z * Z / n);
    ((middle - width) * scale, (middle + width) * scale)
}

/// Whether trust means what it says: what all four say together, by the trust
/// in it, accuracies measured on the other half.
fn calibration(rows: &[Value], models: &[String]) {
    const BOUNDS: [f64; 6] = [0.0, 0.4, 0.5, 0.6, 0.7, 0.8];
    let mut bins = [(0_usize, 0_usize, 0.0_f64); BOUNDS.len()];
    for seed in 0..50 {
        let mut order: Vec<&Value> = rows.iter().collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        let (measured, test) = order.split_at(order.len() / 2);
        let accuracy = accuracy(measured, models);
        for row in test {
            let (keys, truth) = row_keys(row, models);
            let vote = vote(&keys, &accuracy, Errors::default());
            let Some(group) = vote.groups.first() else { continue };
            let bin = BOUNDS.iter().rposition(|bound| group.trust >= *bound).unwrap_or(0);
            bins[bin].0 += 1;
            bins[bin].1 += usize::from(Some(&group.key) == truth.as_ref());
            bins[bin].2 += group.trust;
        }
    }
    let all: usize = bins.iter().map(|bin| bin.0).sum();
    println!("  trust from   questions   says      right");
    for (bound, (met, right, trust)) in BOUNDS.iter().zip(bins) {
        let says = if met == 0 { "-".to_owned() } else { format!("{:5.1} %", trust / met as f64 * 100.0) };
        println!("  {bound:10.1}   {}     {says}   {}", share(met, all), share(right, met));
    }
    println!();
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
            let vote = vote(&keys, &accuracy, Errors::default());
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
