//! In which order. Sorts are stable: what is equal keeps the route's order.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Need, Selection};
use crate::model::{Candidate, Tag};

/// A figure to rank by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    /// Expected cost of the request; less is better.
    Price,
    /// 95th percentile of whole answers; less is better.
    Latency,
    /// 95th percentile of the first token; less is better.
    FirstToken,
    /// Tokens a second; more is better.
    Speed,
    /// Share of failed attempts; less is better.
    Errors,
    /// Share of limits free; more is better.
    Headroom,
    /// A tag that is a number; more is better.
    Tag(String),
}

impl Axis {
    /// The axis of this name; any other name is a tag's.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "price" => Self::Price,
            "latency" => Self::Latency,
            "first_token" => Self::FirstToken,
            "speed" => Self::Speed,
            "errors" => Self::Errors,
            "headroom" => Self::Headroom,
            tag => Self::Tag(tag.to_owned()),
        }
    }

    /// The figure of a candidate, turned so that more is better.
    fn goodness(&self, candidate: &Candidate, need: &Need<'_>) -> Option<f64> {
        match self {
            Self::Price => need.cost(candidate).map(|cost| -(cost.0 as f64)),
            Self::Latency => candidate.health.p95_ms.map(|ms| -ms),
            Self::FirstToken => candidate.health.first_token_p95_ms.map(|ms| -ms),
            Self::Speed => candidate.health.tokens_per_second,
            Self::Errors => Some(-candidate.health.error_rate),
            Self::Headroom => Some(candidate.health.headroom),
            Self::Tag(name) => number(candidate, name),
        }
    }
}

/// Axes and what each weighs.
pub type Score = Vec<(Axis, f64)>;

impl Selection {
    /// Sorted by `figure`, least first; without the figure last.
    #[must_use]
    pub fn least_first(&self, figure: impl Fn(&Candidate) -> Option<f64>) -> Self {
        self.sorted(|candidate| figure(candidate).unwrap_or(f64::INFINITY))
    }

    /// Sorted by expected cost of the request, cheapest first, unpriced last.
    #[must_use]
    pub fn cheapest(&self, need: &Need<'_>) -> Self {
        self.sorted(|candidate| need.cost(candidate).map_or(f64::INFINITY, |cost| cost.0 as f64))
    }

    /// Sorted by the 95th percentile of whole answers, fastest first. A model
    /// without traffic yet comes first, so that it gets measured.
    #[must_use]
    pub fn fastest(&self) -> Self {
        self.sorted(|candidate| candidate.health.p95_ms.unwrap_or(0.0))
    }

    /// The same by the time to the first token.
    #[must_use]
    pub fn fastest_first_token(&self) -> Self {
        self.sorted(|candidate| candidate.health.first_token_p95_ms.unwrap_or(0.0))
    }

    /// Sorted by a tag that is a number, highest first, without it last.
    #[must_use]
    pub fn highest(&self, tag: &str) -> Self {
        self.sorted(|candidate| number(candidate, tag).map_or(f64::INFINITY, |value| -value))
    }

    /// Sorted by a weighted score, best first. Each axis is stretched from 0
    /// (worst of these) to 1 (best of these); a missing figure counts 0.5 where
    /// traffic would bring it and 0 where somebody should have written it down.
    #[must_use]
    pub fn best(&self, score: &Score, need: &Need<'_>) -> Self {
        let mut sums = vec![0.0; self.len()];
        for (axis, weight) in score {
            let figures: Vec<Option<f64>> =
                self.iter().map(|candidate| axis.goodness(candidate, need)).collect();
            let known = figures.iter().flatten();
            let worst = known.clone().copied().fold(f64::INFINITY, f64::min);
            let best = known.copied().fold(f64::NEG_INFINITY, f64::max);
            let missing = if matches!(axis, Axis::Price | Axis::Tag(_)) { 0.0 } else { 0.5 };
            for (sum, figure) in sums.iter_mut().zip(figures) {
                let stretched = match figure {
                    None => missing,
                    Some(_) if best <= worst => 1.0,
                    Some(figure) => (figure - worst) / (best - worst),
                };
                *sum += weight * stretched;
            }
        }
        let mut places: Vec<(f64, usize)> = sums.into_iter().zip(0..).collect();
        places.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal));
        self.at(places.into_iter().map(|(_, place)| place))
    }

    /// Sorted by a key, least first.
    #[must_use]
    pub fn sorted(&self, key: impl Fn(&Candidate) -> f64) -> Self {
        let mut keyed: Vec<(f64, u16)> = self
            .kept
            .iter()
            .map(|at| (self.all.get(usize::from(*at)).map_or(f64::INFINITY, &key), *at))
            .collect();
        keyed.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
        let kept: Arc<[u16]> = keyed.into_iter().map(|(_, at)| at).collect();
        self.with(kept)
    }
}

/// A tag that is a number.
fn number(candidate: &Candidate, tag: &str) -> Option<f64> {
    match candidate.model.tags.get(tag) {
        Some(Tag::Number(value)) => Some(*value),
        _ => None,
    }
}
