//! Groups of answers that say the same, their share, and the trust in them.
//!
//! Trust is the probability that the largest group is right, given how often
//! each voter is right in general: a voter who is right with probability p says
//! the truth with p and each of `spread` likely wrong answers with (1 - p) /
//! spread. That nobody is right stays possible, so two weak voters who agree
//! are trusted less than two strong ones, and one voter never fully. Models
//! fall into the same traps: in a `shared` part of the questions they agree on
//! a mistake, so that not even all of them together are trusted fully.

/// How often a voter is right when nobody measured it.
const UNMEASURED: f64 = 0.7;

/// How wrong answers come about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// How many wrong answers are about as likely; 5 fits word problems, 3 choices of four.
    pub spread: f64,
    /// The share of questions that leads all voters to the same mistake, 0 to 1.
    pub shared: f64,
}

/// Source: answers of four models to 260 questions of GSM8K (`examples/outcomes`):
/// the log loss of trust on the half that was not measured is least here.
impl Default for Errors {
    fn default() -> Self {
        Self { spread: 5.0, shared: 0.15 }
    }
}

/// Answers that say the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What they say, normalised.
    pub key: String,
    /// Which answers, in order.
    pub members: Vec<usize>,
    /// Its part of the votes that were cast, 0 to 1.
    pub share: f64,
    /// The probability that it is right, 0 to 1.
    pub trust: f64,
}

/// The groups, the most trusted first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vote {
    /// The groups; empty when nobody said anything that can be compared.
    pub groups: Vec<Group>,
}

/// Counts `keys`, the voters' answers. `accuracy` says how often each voter is
/// right, 0 to 1; `None`: not measured. Voters without a key abstain.
#[must_use]
pub fn vote(keys: &[Option<String>], accuracy: &[Option<f64>], errors: Errors) -> Vote {
    let mut groups: Vec<(String, Vec<usize>, f64)> = Vec::new();
    for (voter, key) in keys.iter().enumerate() {
        let Some(key) = key else { continue };
        let right = accuracy.get(voter).copied().flatten().unwrap_or(UNMEASURED).clamp(0.02, 0.98);
        let weight = (right * errors.spread.max(1.0) / (1.0 - right)).ln();
        match groups.iter_mut().find(|(one, _, _)| one == key) {
            Some((_, members, sum)) => {
                members.push(voter);
                *sum += weight;
            }
            None => groups.push((key.clone(), vec![voter], weight)),
        }
    }
    let cast: usize = groups.iter().map(|(_, members, _)| members.len()).sum();
    // The 1 is the case that none of them is right.
    let all = 1.0 + groups.iter().map(|(_, _, sum)| sum.exp()).sum::<f64>();
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|(key, members, sum)| Group {
            key,
            share: members.len() as f64 / cast.max(1) as f64,
            trust: (1.0 - errors.shared.clamp(0.0, 1.0)) * sum.exp() / all,
            members,
        })
        .collect();
    groups.sort_by(|a, b| b.trust.total_cmp(&a.trust));
    Vote { groups }
}

/// Keys for answers that are compared by their vectors: whoever lies within
/// `similarity` (cosine) of somebody of a group belongs to it.
#[must_use]
pub fn cluster(vectors: &[Vec<f64>], similarity: f64) -> Vec<Option<String>> {
    let mut group: Vec<usize> = (0..vectors.len()).collect();
    for (a, left) in vectors.iter().enumerate() {
        for (b, right) in vectors.iter().enumerate().skip(a + 1) {
            if cosine(left, right) < similarity {
                continue;
            }
            let (Some(&keep), Some(&join)) = (group.get(a), group.get(b)) else { continue };
            group.iter_mut().filter(|one| **one == join).for_each(|one| *one = keep);
        }
    }
    vectors
        .iter()
        .zip(group)
        .map(|(vector, group)| (!vector.is_empty()).then(|| format!("group {group}")))
        .collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let lengths = length(a) * length(b);
    if lengths > 0.0 && a.len() == b.len() { dot / lengths } else { 0.0 }
}
