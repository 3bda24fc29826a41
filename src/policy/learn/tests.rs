//! What `learn` promises, as tests.

use super::*;

/// Pulls for `rounds`; arm `a` is right with 0.8 at first, and `b` from the middle on. The share of best pulls in the last quarter.
fn late_hits(method: Method, half_life: f64, seed: u64) -> f64 {
    let arms = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut bandit, rounds) = (Bandit::default(), 4_000);
    let mut hits = 0;
    for round in 0..rounds {
        let best = if round < rounds / 2 { "a" } else { "b" };
        let arm = bandit.choose(&arms, method, &mut rng).unwrap().to_owned();
        let right = rng.f64() < if arm == best { 0.8 } else { 0.4 };
        bandit.reward(&arm, f64::from(u8::from(right)), half_life);
        bandit = Bandit::from_json(Some(&bandit.to_json()));
        hits += usize::from(round >= rounds * 3 / 4 && arm == best);
    }
    hits as f64 / (rounds / 4) as f64
}

#[test]
fn a_fading_bandit_follows_a_change() {
    for method in [Method::Thompson, Method::Ucb] {
        let share = (0..5).map(|seed| late_hits(method, 200.0, seed)).sum::<f64>() / 5.0;
        println!("{method:?}: best arm in {:.0} % of the late pulls", share * 100.0);
        assert!(share > 0.7, "{method:?} {share}");
    }
}

#[test]
fn rewards_are_means_and_nonsense_is_harmless() {
    let mut bandit = Bandit::from_json(Some(&serde_json::json!({"a": "x"})));
    assert_eq!(bandit.mean("a"), None);
    bandit.reward("a", 1.0, 0.0);
    bandit.reward("a", f64::NAN, 0.0);
    assert_eq!(bandit.mean("a"), Some(0.5));
    assert_eq!(bandit.choose(&[], Method::Ucb, &mut fastrand::Rng::with_seed(1)), None);
}

#[test]
fn a_sense_tells_hard_from_easy_texts() {
    let mut sense = Sense::default();
    for round in 0..200 {
        sense.learn(&Sense::places(&format!("Prove that the integral of order {round} converges")), 1.0);
        sense.learn(&Sense::places(&format!("What is the capital of country {round}?")), 0.0);
    }
    let tell = |text: &str| sense.tell(&Sense::places(text));
    let (hard, easy) = (tell("Prove that the series converges"), tell("What is the capital of France?"));
    assert!(hard > easy + 0.3, "{hard} {easy}");
}

#[test]
fn a_sense_follows_a_model_that_became_better() {
    let mut sense = Sense::default();
    let places = Sense::places("Prove that the integral converges.");
    let mut after = |outcome: f64, rounds: usize| {
        (0..rounds).for_each(|_| sense.learn(&places, outcome));
        sense.tell(&places)
    };
    let (once, often) = (after(1.0, 1), after(1.0, 2_000));
    assert!(once < 0.6 && often > 0.9, "one text proves little: {once} {often}");
    let later = after(0.0, 500);
    assert!(later < 0.4, "{later}");
}

#[test]
fn the_signs_of_a_text_know_no_language() {
    let signs = |text: &str| Sense::places(text)[..SIGNS].iter().map(|(_, value)| *value).collect::<Vec<_>>();
    for (text, sentences, commas) in
        [("One. Two! 3.5 x, y?", 3.0, 1.0), ("一。二！三，四？", 3.0, 1.0), ("v1.2.3", 0.0, 0.0)]
    {
        let signs = signs(text);
        assert_eq!((signs[11] * 4.0, signs[12] * 4.0), (sentences, commas), "{text}");
        assert!(signs.iter().all(|sign| sign.is_finite() && sign.abs() < 10.0), "{text} {signs:?}");
    }
    assert!(signs("").iter().all(|sign| sign.is_finite()));
}
