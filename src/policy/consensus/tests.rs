//! What `consensus` promises, as tests.

use serde_json::json;

use super::*;
use crate::ir::{Choice, Dialect, Extra, Finish, Message, Part, Response, Role, ToolCall};

fn said(parts: Vec<Part>) -> Response {
    let message = Message::of(Role::Assistant, parts);
    let mut response = Response::new(Dialect::OpenAiChat, "", "");
    response.choices.push(Choice { index: 0, message, finish: None, logprobs: None, extra: Extra::NONE });
    response
}

fn text(text: &str) -> Response {
    said(vec![Part::text(text)])
}

/// How many of the answers say what the first says.
fn like_first(by: &By, answers: &[Response]) -> usize {
    let keys = keys(by, &answers.iter().collect::<Vec<_>>());
    keys.iter().filter(|key| key.is_some() && **key == keys[0]).count()
}

#[test]
fn answers_that_mean_the_same_have_the_same_key() {
    let call = |arguments: &str| {
        said(vec![Part::ToolCall(ToolCall {
            name: "look".into(),
            arguments: arguments.into(),
            ..ToolCall::default()
        })])
    };
    for (by, answers, alike) in [
        (By::Text, vec![text("The Eiffel Tower."), text("eiffel  tower"), text("a tower")], 2),
        (By::Number, vec![text("1,250.00"), text("It costs $1250"), text("so 3 x 2 = 6")], 2),
        (
            By::Number,
            vec![text("First 4, then 5.\n#### 9"), text("The answer is 9 apples, not 12"), text("9.5")],
            2,
        ),
        (By::Number, vec![text("-1.8 billion"), text("-1800000000")], 2),
        (By::Number, vec![text("$18.00"), text("18"), text("The answer is **$18**, not 12.")], 3),
        (By::Number, vec![text("3/4 of a cup"), text("0.75"), text("\\boxed{\\frac{3}{4}}"), text("4")], 3),
        (By::Number, vec![text("1.5e3"), text("1,500"), text("1500 g"), text("15")], 3),
        (By::Number, vec![text("5"), text("Either 1,2,5"), text("125")], 2),
        (By::Number, vec![text("-7"), text("The answer is approximately -7 degrees"), text("7")], 2),
        (By::Number, vec![text("12"), text("10-12"), text("Answer: x = 12")], 3),
        (
            By::Choice,
            vec![text("B"), text("(B) Paris"), text("The answer is B."), text("Because A is wrong")],
            3,
        ),
        (By::Auto, vec![text("b"), text("B")], 2),
        (By::Auto, vec![text("42"), text("42.0"), text("41")], 2),
        (By::Auto, vec![text("{\"a\":1,\"b\":\"x\"}"), text("```json\n{\"b\":\"X\", \"a\": 1.0}\n```")], 2),
        (
            By::Json(vec!["label".into()]),
            vec![text("{\"label\":\"spam\",\"why\":\"a\"}"), text("{\"label\":\"Spam\"}")],
            2,
        ),
        (
            By::Tools,
            vec![
                call("{\"x\":1,\"y\":\"Z\"}"),
                call("{\"y\":\"Z\", \"x\":1.0}"),
                call("{\"y\":\"z\",\"x\":1}"),
            ],
            2,
        ),
        (By::Auto, vec![call("{}"), call("{ }")], 2),
    ] {
        assert_eq!(
            like_first(&by, &answers),
            alike,
            "{by:?} {:?}",
            keys(&by, &answers.iter().collect::<Vec<_>>())
        );
    }
}

#[test]
fn trust_grows_with_agreement_and_with_the_voters() {
    let key = |text: &str| Some(text.to_owned());
    let keys = [key("a"), key("a"), key("b"), None];
    let plain = vote(&keys, &[None; 4], Errors::default());
    assert_eq!((plain.groups[0].key.as_str(), plain.groups[0].members.as_slice()), ("a", &[0, 1][..]));
    assert!((plain.groups[0].share - 2.0 / 3.0).abs() < 1e-9);
    let strong_b = vote(&keys, &[Some(0.4), Some(0.4), Some(0.97), None], Errors::default());
    assert_eq!(strong_b.groups[0].key, "b");
    let alone = vote(&keys[..1], &[Some(0.6)], Errors::default()).groups[0].trust;
    let both = vote(&keys[..2], &[Some(0.6), Some(0.6)], Errors::default()).groups[0].trust;
    assert!(alone < both && both < 1.0, "{alone} {both}");
    let certain = [Some(0.98), Some(0.98)];
    let trusted = |shared| vote(&keys[..2], &certain, Errors { shared, ..Errors::default() }).groups[0].trust;
    assert!(trusted(0.0) > 0.99 && (0.79..0.81).contains(&trusted(0.2)), "{}", trusted(0.2));
    assert!(vote(&[None], &[None], Errors::default()).groups.is_empty());
}

#[test]
fn vectors_that_lie_close_are_one_group() {
    let vectors: Vec<Vec<f64>> =
        serde_json::from_value(json!([[1.0, 0.0], [0.98, 0.1], [0.0, 1.0]])).unwrap();
    let keys = cluster(&vectors, 0.9);
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
}

#[test]
fn answers_that_were_cut_off_or_refused_abstain() {
    let ended = |words: &str, finish| {
        let mut response = text(words);
        response.choices[0].finish = Some(finish);
        response
    };
    let whole = ended("First 40, then 2 more.\n#### 42", Finish::Stop);
    let cut = ended("First 40, then 42", Finish::Length);
    let refused = said(vec![Part::Refusal("I cannot help with 42.".to_owned())]);
    let filtered = ended("42", Finish::ContentFilter);
    let answers = [&whole, &cut, &refused, &filtered];
    for by in [By::Number, By::Text, By::Auto] {
        let keys = keys(&by, &answers);
        assert!(keys[0].is_some() && keys[1..].iter().all(Option::is_none), "{by:?} {keys:?}");
    }
}
