//! A bandit: which of several arms to pull, from rewards so far. Old rewards
//! fade, so that it follows change.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// How an arm is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// By a draw from what is believed of each arm (Thompson).
    #[default]
    Thompson,
    /// By the upper bound of what is believed of each arm (UCB); needs no chance.
    Ucb,
}

impl Method {
    /// The method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "thompson" => Some(Self::Thompson),
            "ucb" => Some(Self::Ucb),
            _ => None,
        }
    }
}

/// What is believed of each arm: faded sums of rewards and of what they lack to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bandit {
    arms: BTreeMap<String, (f64, f64)>,
}

impl Bandit {
    /// From the form in which it is kept; anything else is a fresh one.
    #[must_use]
    pub fn from_json(kept: Option<&Value>) -> Self {
        let fields = kept.and_then(Value::as_object).into_iter().flatten();
        let pair = |value: &Value| Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64()?));
        Self { arms: fields.filter_map(|(arm, value)| Some((arm.clone(), pair(value)?))).collect() }
    }

    /// The form in which it is kept.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.arms
            .iter()
            .map(|(arm, (won, lost))| (arm.clone(), json!([won, lost])))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Takes a reward from 0 to 1 for `arm`. All arms fade so that a reward
    /// counts half after `half_life` others; 0: never.
    pub fn reward(&mut self, arm: &str, reward: f64, half_life: f64) {
        if half_life > 0.0 {
            let keep = 0.5_f64.powf(1.0 / half_life);
            for (won, lost) in self.arms.values_mut() {
                *won *= keep;
                *lost *= keep;
            }
        }
        let reward = if reward.is_finite() { reward.clamp(0.0, 1.0) } else { 0.0 };
        let (won, lost) = self.arms.entry(arm.to_owned()).or_default();
        *won += reward;
        *lost += 1.0 - reward;
    }

    /// The mean reward of `arm`; absent before its first one.
    #[must_use]
    pub fn mean(&self, arm: &str) -> Option<f64> {
        self.arms.get(arm).filter(|(won, lost)| won + lost > 0.0).map(|(won, lost)| won / (won + lost))
    }

    /// The arm to pull; `None` without arms.
    #[must_use]
    pub fn choose<'a>(&self, arms: &'a [String], method: Method, rng: &mut fastrand::Rng) -> Option<&'a str> {
        let pulls = |arm: &String| self.arms.get(arm).copied().unwrap_or_default();
        let all: f64 = arms.iter().map(pulls).map(|(won, lost)| won + lost).sum();
        let scored = arms.iter().map(|arm| {
            let (won, lost) = pulls(arm);
            let score = match method {
                Method::Thompson => beta(won + 1.0, lost + 1.0, rng),
                Method::Ucb => upper_bound(won, won + lost, all),
            };
            (score, arm)
        });
        // The first of equals wins, so that a fresh bandit tries in order.
        scored
            .fold(None, |best: Option<(f64, &'a String)>, next| match best {
                Some(best) if best.0 >= next.0 => Some(best),
                _ => Some(next),
            })
            .map(|(_, arm)| arm.as_str())
    }
}

/// The mean plus what it may be off by.
fn upper_bound(won: f64, pulls: f64, all: f64) -> f64 {
    // Faded below half a pull, an arm is as good as new.
    if pulls < 0.5 { f64::INFINITY } else { won / pulls + (0.5 * all.max(1.0).ln() / pulls).sqrt() }
}

/// A draw from the beta distribution, by two gamma draws.
fn beta(a: f64, b: f64, rng: &mut fastrand::Rng) -> f64 {
    let (x, y) = (gamma(a, rng), gamma(b, rng));
    if x + y > 0.0 { x / (x + y) } else { 0.5 }
}

/// A draw from the gamma distribution of shape >= 1 (Marsaglia and Tsang, 2000).
fn gamma(shape: f64, rng: &mut fastrand::Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    // Each try succeeds 19 times of 20; the bound is for the proof that it ends.
    for _ in 0..1_000 {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && rng.f64().max(f64::MIN_POSITIVE).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
    shape
}

/// A draw from the normal distribution (Box and Muller).
fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * rng.f64().max(f64::MIN_POSITIVE).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}
