//! Every word that scripts may use, as values for the reference and for
//! editors: what is registered in the engine that policies run on, no more and
//! no less.

use std::collections::BTreeSet;

use rhai::Engine;

use super::compile::Make;
use super::vocabulary::word::documentation;
use super::{ambient, check, effects, engine};
use crate::policy::reference::{Form, Type, Vocabulary, Word};

/// What the ambient variables are: in the order of `ambient::NAMES`.
const AMBIENT: [(&str, &str, &str); 8] = [
    ("req", "Request", "The request. In every hook."),
    ("ctx", "Context", "Everything else: parameters, route, models, who calls, time. In every hook."),
    ("state", "State", "What is kept between exchanges. In every hook."),
    ("attempt", "Attempt", "The attempt that failed. In `on_failure`."),
    ("text", "String", "The sentence; `ctx.part` says of what. In `on_text`."),
    ("res", "Response", "The whole answer. In `on_response`."),
    ("record", "Map", "What the record says of the exchange. In `on_settled`."),
    ("feedback", "Map", "What the client sent: exchange, score, comment. In `on_feedback`."),
];

/// Types whose methods take them by value: after a method by reference the
/// interpreter tries to write the property back on which it was called
/// (`ctx.candidates.healthy()`), which costs more than the method.
const BY_VALUE: [&str; 2] = ["Models", "Plan"];

/// Every word of the engine that policies run on.
#[must_use]
pub fn vocabulary() -> Vocabulary {
    let engine = engine::build(&Make::default());
    let ours = words(&engine, false);
    let known: BTreeSet<String> = ours.iter().map(key).collect();
    let mut natives: Vec<Word> = words(&engine, true)
        .into_iter()
        .filter(|word| word.meaning.is_empty() || !known.contains(&key(word)))
        .chain(check::KEYWORDS.into_iter().map(keyword))
        .collect();
    natives.sort_by_key(key);
    natives.dedup_by_key(|word| key(word));
    let mut words: Vec<Word> = ours.into_iter().filter(|word| !word.meaning.is_empty()).collect();
    words.sort_by_key(key);
    let ambient = AMBIENT.into_iter().filter(|(name, ..)| ambient::NAMES.contains(name));
    Vocabulary {
        words,
        natives,
        ambient: ambient.map(|(name, of, meaning)| (name, Type::named(of), meaning)).collect(),
    }
}

/// What tells two words apart.
fn key(word: &Word) -> String {
    let types: Vec<&str> = word.arguments.iter().map(|(_, of)| of.name()).collect();
    format!("{:?} {} {:?} {}", word.form, word.name, word.receiver, types.join(","))
}

fn keyword((name, arguments): (&str, usize)) -> Word {
    Word {
        name: name.to_owned(),
        form: Form::Function,
        receiver: None,
        arguments: vec![("value".to_owned(), Type::named("?")); arguments],
        returns: Type::named("?"),
        meaning: String::new(),
        example: String::new(),
        waits: false,
    }
}

fn words(engine: &Engine, all: bool) -> Vec<Word> {
    engine.collect_fn_metadata(
        None,
        |info| {
            let of = info.metadata;
            let comment = of.comments.first().map(ToString::to_string).unwrap_or_default();
            let (meaning, example, names) = documentation(&comment).unwrap_or_default();
            let params: Vec<(&str, &str)> = (0..of.num_params)
                .map(|at| of.params_info.get(at).and_then(|one| one.split_once(':')).unwrap_or(("_", "?")))
                .collect();
            Some(word(engine, &of.name, &params, (&of.return_type, meaning, example, names)))
        },
        all,
    )
}

/// Return type, meaning, example and names of arguments.
type Documented<'a> = (&'a str, String, String, Vec<String>);

fn word(engine: &Engine, name: &str, params: &[(&str, &str)], documented: Documented<'_>) -> Word {
    let (returns, meaning, example, names) = documented;
    let (form, name) = form(name);
    let receives = |of: &str| of.trim().starts_with("&mut") || BY_VALUE.contains(&of_type(engine, of).name());
    let method = params.first().is_some_and(|(_, of)| receives(of)) || form != Form::Function;
    let receiver =
        params.first().filter(|_| method && form != Form::Operator).map(|(_, of)| of_type(engine, of));
    let rest = params.iter().skip(usize::from(receiver.is_some()));
    let arguments = rest.enumerate().map(|(at, (own, of))| {
        let own = own.trim().trim_start_matches('_');
        let own = match (own, form) {
            ("", Form::Setter) => "value".to_owned(),
            ("", Form::Index | Form::SetIndex) if at == 1 => "value".to_owned(),
            ("", Form::Index | Form::SetIndex) if of.trim() == "i64" => "place".to_owned(),
            ("", Form::Index | Form::SetIndex) => "name".to_owned(),
            ("", _) => format!("arg{}", at + 1),
            (own, _) => own.to_owned(),
        };
        (names.get(at).cloned().unwrap_or(own), of_type(engine, of))
    });
    let arguments = arguments.collect();
    let form = if form == Form::Function && receiver.is_some() { Form::Method } else { form };
    let waits = effects::WAITING.contains(&name);
    let returns = of_type(engine, returns);
    Word { name: name.to_owned(), form, receiver, arguments, returns, meaning, example, waits }
}

fn form(name: &str) -> (Form, &str) {
    if let Some(property) = name.strip_prefix("get$") {
        (Form::Property, property)
    } else if let Some(property) = name.strip_prefix("set$") {
        (Form::Setter, property)
    } else if name == "index$get$" {
        (Form::Index, name)
    } else if name == "index$set$" {
        (Form::SetIndex, name)
    } else if name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        (Form::Function, name)
    } else {
        (Form::Operator, name)
    }
}

/// A Rust type as scripts know it.
fn of_type(engine: &Engine, written: &str) -> Type {
    let mut text = written.trim().trim_start_matches("&mut").trim_start_matches('&').trim();
    for around in ["core::result::Result<", "RhaiResultOf<"] {
        if let Some(inner) = text.strip_prefix(around) {
            text = inner.strip_suffix('>').unwrap_or(inner).trim();
            text = text.split(", alloc::boxed::Box<rhai").next().unwrap_or(text).trim();
        }
    }
    let mapped = engine.map_type_name(text);
    let last = mapped.rsplit("::").next().unwrap_or(mapped);
    Type::named(match last {
        "" | "()" => "()",
        "Dynamic" | "RhaiResult" | "T" => "?",
        "ImmutableString" | "String" | "str" | "string" => "String",
        "i64" | "INT" => "int",
        "f64" | "FLOAT" => "float",
        "array" => "Array",
        "map" => "Map",
        "Fn" => "FnPtr",
        "range" => "ExclusiveRange",
        "range=" => "InclusiveRange",
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::policy::reference::{definitions, page};
    use crate::policy::{Limits, Policies};

    /// Functions by name with how many arguments they take, and properties.
    type Names = (BTreeMap<String, BTreeSet<usize>>, BTreeSet<String>);

    /// What definition files declare.
    fn declared() -> Names {
        let (mut functions, mut properties) = Names::default();
        for (_, text) in definitions(&vocabulary()) {
            for line in text.lines() {
                let property = line.strip_prefix("fn get ").or_else(|| line.strip_prefix("fn set "));
                if let Some((name, _)) = property.and_then(|rest| rest.split_once('(')) {
                    properties.insert(name.to_owned());
                } else if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("op ")) {
                    let (head, _) = rest.rsplit_once(") -> ").unwrap();
                    let (name, arguments) = head.split_once('(').unwrap();
                    let count = if arguments.is_empty() { 0 } else { arguments.split(", ").count() };
                    functions.entry(name.to_owned()).or_default().insert(count);
                }
            }
        }
        (functions, properties)
    }

    #[test]
    fn the_definitions_declare_what_the_checker_knows_and_nothing_else() {
        let known = check::Known::of(&engine::build(&Make::default()));
        let (functions, properties) = declared();
        let differ: Vec<_> = known
            .functions
            .keys()
            .chain(functions.keys())
            .filter(|name| known.functions.get(*name) != functions.get(*name))
            .map(|name| (name, known.functions.get(name), functions.get(name)))
            .collect();
        assert!(differ.is_empty(), "{differ:?}");
        let differ: Vec<_> = known.properties.symmetric_difference(&properties).collect();
        assert!(differ.is_empty(), "{differ:?}");
    }

    #[test]
    fn the_page_names_what_the_checker_knows() {
        let known = check::Known::of(&engine::build(&Make::default()));
        let page = page(&vocabulary());
        let plain = |name: &&String| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        for name in known.functions.keys().filter(plain) {
            let found = page.contains(&format!("`{name}(")) || page.contains(&format!("- `{name}`:"));
            assert!(found, "the page lacks the function {name}");
        }
        for name in &known.properties {
            let found = [format!("| `{name}` |"), format!("| `{name} = ..` |"), format!("`{name}`")];
            assert!(found.iter().any(|one| page.contains(one)), "the page lacks the property {name}");
        }
    }

    #[test]
    fn every_ambient_variable_is_told() {
        assert_eq!(AMBIENT.map(|(name, ..)| name), ambient::NAMES);
    }

    /// What examples take as given.
    const GIVEN: &str = "a, answers, answer, list, m, model, found, arm, arms, vote, verdict, cheap, strong, slow, summary, text2";

    #[test]
    fn every_example_passes_the_checker() {
        let mut bad = Vec::new();
        for word in vocabulary().words {
            let example = word.example.replace("{ .. }", "{ }");
            let source = format!("fn example({GIVEN}) {{ {example} }}");
            if let Err(problems) = Policies::from_sources([("example", source.as_str())], Limits::default()) {
                bad.push(format!("{}: {example}: {}", word.name, problems[0].message));
            }
        }
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }
}
