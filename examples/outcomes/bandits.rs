//! What a bandit loses while it learns, and after the best arm has changed.

use pointsman::policy::learn::{Bandit, Method};

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

pub(crate) fn table() {
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
