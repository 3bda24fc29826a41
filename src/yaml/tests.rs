//! YAML into typed values and problems, case by case.

use std::path::Path;

use serde::Deserialize;

use super::{At, Named, read};
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fleet {
    #[serde(default)]
    listen: Option<String>,
    #[serde(default)]
    trains: Named<Train>,
    #[serde(default)]
    names: Vec<At<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a train")]
struct Train {
    cars: u32,
    #[serde(default)]
    colour: Option<Colour>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Colour {
    Red,
    Green,
}

fn problems(text: &str) -> Vec<String> {
    let (_, problems) = read::<Fleet>(Path::new("f.yaml"), text);
    problems.iter().map(line).collect()
}

fn line(problem: &Problem) -> String {
    let at = problem.at.map(|at| format!("{}:{}+{}", at.line, at.column, at.length)).unwrap_or_default();
    let help = problem.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{at} {}: {}{help}", problem.rule, problem.message)
}

#[test]
fn a_good_file_is_read_with_places_merges_and_aliases() {
    let text = "listen: here\ntrains:\n  a: &a { cars: 3, colour: green }\n  b: { <<: *a, cars: 4 }\n  c: *a\nnames: [x, 'y']\n";
    let (fleet, problems) = read::<Fleet>(Path::new("f.yaml"), text);
    assert!(problems.is_empty(), "{problems:?}");
    let fleet = fleet.unwrap();
    assert_eq!(fleet.listen.as_deref(), Some("here"));
    assert_eq!(fleet.trains.names().collect::<Vec<_>>(), ["a", "b", "c"]);
    let b = fleet.trains.get("b").unwrap();
    assert_eq!((b.cars, b.colour.as_ref()), (4, Some(&Colour::Green)));
    assert_eq!(fleet.trains.get("c").unwrap().cars, 3);
    assert_eq!(
        (fleet.names[1].value.as_str(), fleet.names[1].place.line, fleet.names[1].place.column),
        ("y", 6, 12)
    );
}

#[test]
fn every_problem_is_found_in_one_reading() {
    let text = "lisen: 1\ntrains:\n  a: { cars: many, colur: red }\n  b: { colour: gren }\n  c: { cars: -1 }\n  d: 5\nlisten: 7\nnames: [1, ok, [2]]\nlisten: x\n";
    assert_eq!(
        problems(text),
        [
            "1:1+5 unknown_key: unknown key `lisen` (did you mean `listen`?)",
            "3:14+4 wrong_type: expected a whole number, 0 or more, found the text `many`",
            "3:20+5 unknown_key: unknown key `colur` (did you mean `colour`?)",
            "4:6+1 missing_key: `cars` is missing here (add `cars: ...`)",
            "4:16+4 unknown_value: `gren` is not known here (did you mean `green`?)",
            "5:14+2 invalid_value: expected a whole number, 0 or more, found the number -1",
            "6:6+1 wrong_type: expected a train, found the number 5",
            "7:9+1 wrong_type: expected a text, found the number 7 (put it into quotes)",
            "8:9+1 wrong_type: expected a text, found the number 1 (put it into quotes)",
            "8:16+1 wrong_type: expected a text, found a list",
            "9:1+6 duplicate_key: `listen` stands here twice (it stood first in line 7; keep one of the two)",
        ]
    );
}

#[test]
fn broken_text_is_one_problem_with_its_place() {
    for (text, start) in [
        ("listen: [a", "1:9"),
        ("listen: \"a", "1:"),
        ("a: b: c", "1:"),
        ("listen: !secret x", "1:"),
        ("listen: a\n---\nlisten: b\n", "2:"),
        ("trains: *nobody", "1:"),
        ("- a\n- b\n", "1:1"),
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with(start), "{text}: {found:?}");
    }
}

#[test]
fn broken_text_comes_with_advice() {
    for (text, advice) in [
        ("listen: x\n trains: y\n", "further right"),
        ("trains:\n  a: {}\n b: {}\n", "further left or right"),
        ("trains:\n\ta: 1\n", "spaces in place of the tab"),
        ("listen: x\ntrains\nnames: [a]\n", "followed by `:`"),
        ("names: [a, b\ntrains: {}\n", "is missing before this place"),
        ("listen: {key: ${env:NAME}}\n", "`\"${env:NAME}\"`"),
        ("names: [*]\n", "`\"*\"`"),
        ("listen: @x\n", "in quotes"),
        ("listen: \"x\n", "has no end"),
        ("listen: \"a\\d\"\n", "begins an escape"),
    ] {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].contains(advice), "{text}: {found:?}");
    }
}

#[test]
fn growth_by_anchors_and_depth_is_bounded() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{inner}]\n");
    }
    assert!(problems(&text).iter().any(|problem| problem.contains("too_large")));
    let deep = format!("names: {}{}", "[".repeat(70), "]".repeat(70));
    assert!(problems(&deep).iter().any(|problem| problem.contains("depth")));
    assert!(problems(&"x".repeat(5 << 20)).iter().any(|problem| problem.contains("too_large")));
}

#[test]
fn an_empty_file_is_an_empty_map() {
    for text in ["", "# nothing\n", "---\n", "null\n"] {
        let (fleet, problems) = read::<Fleet>(Path::new("f.yaml"), text);
        assert!(problems.is_empty() && fleet.is_some(), "{text:?}: {problems:?}");
    }
}
