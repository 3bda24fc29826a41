//! Ranked passages without repetitions, within a budget.

use ahash::AHashSet;

/// A passage that a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// What it says.
    pub text: String,
    /// How near it is; more is nearer.
    pub score: f64,
}

/// Share of words in common above which two passages say the same.
const SAME: f64 = 0.8;

/// Which passages go in, best first: no repetitions, as many as fit into
/// `room` tokens. A long one that does not fit makes way for shorter ones.
#[must_use]
pub fn choose(passages: &[Passage], room: u64, count: &dyn Fn(&str) -> u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..passages.len()).collect();
    let score = |at: &usize| passages.get(*at).map_or(f64::NEG_INFINITY, |passage| passage.score);
    order.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let (mut chosen, mut words, mut left) = (Vec::new(), Vec::<AHashSet<String>>::new(), room);
    for at in order {
        let Some(passage) = passages.get(at) else { continue };
        let own = words_of(&passage.text);
        if own.is_empty() || words.iter().any(|other| alike(&own, other)) {
            continue;
        }
        let tokens = count(&passage.text);
        if tokens <= left {
            left -= tokens;
            chosen.push(at);
            words.push(own);
        }
    }
    chosen
}

fn words_of(text: &str) -> AHashSet<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether two passages say the same, or one holds the other.
fn alike(a: &AHashSet<String>, b: &AHashSet<String>) -> bool {
    let common = a.intersection(b).count() as f64;
    common / a.len().min(b.len()).max(1) as f64 > 0.95 || common / a.union(b).count().max(1) as f64 > SAME
}
