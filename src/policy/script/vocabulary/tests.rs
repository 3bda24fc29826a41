//! What `vocabulary` promises, as tests.

use rhai::Engine;

use super::register;

#[test]
fn every_word_has_a_meaning_and_an_example() {
    let mut engine = Engine::new_raw();
    register(&mut engine);
    let words = engine.collect_fn_metadata(
        None,
        |info| Some((info.metadata.name.to_string(), info.metadata.comments.join("\n"))),
        false,
    );
    let bare: Vec<&str> = words
        .iter()
        .filter(|(_, comments)| comments.lines().filter(|line| line.len() > 5).count() < 2)
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(words.len() > 150, "{}", words.len());
    assert!(bare.is_empty(), "without meaning or example: {bare:?}");
}
