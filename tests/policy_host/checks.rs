//! What `check` says about a policy.

use std::time::Instant;

use pointsman::policy::{Hook, Limits, Policies};
use serde_json::json;

use crate::scene::shown;

fn check(sources: &[(&str, &str)]) -> String {
    match Policies::from_sources(sources.iter().copied(), Limits::default()) {
        Ok(policies) => shown(&policies.warnings),
        Err(problems) => shown(&problems),
    }
}

#[test]
fn problems_are_found_at_load() {
    for (source, parts) in [
        (
            "fn route() { ctx.candidatez.len() }",
            &["unknown_property 1:", "`ctx` has no property `candidatez` (did you mean `candidates`?)"][..],
        ),
        ("fn route() { plam([\"a\"]) }", &["unknown_function 1:14", "did you mean `plan`?"]),
        ("fn route() { ctx.candidates.cheapst(req) }", &["unknown_function", "did you mean `cheapest`?"]),
        ("fn route() { if req.text.length() > 3 { \"a\" } }", &["unknown_function", "did you mean `len`?"]),
        ("fn route() { pln([\"a\"]) }", &["unknown_function", "did you mean `plan`?"]),
        ("fn route() { plan() }", &["wrong_arity 1:14 `plan` takes 1 argument here, not 0"]),
        ("fn route() { 'spark' }", &["syntax 1:14", "(texts stand in double quotes)"]),
        ("fn route() { if req.stream and true { \"a\" } }", &["syntax 1:28", "(write `&&`)"]),
        ("def route() { \"a\" }", &["unknown_variable 1:1", "(a hook is written `fn route() { ... }`)"]),
        ("fn route() { nope }", &["unknown_variable 1:14 there is no variable `nope`"]),
        ("fn route() { let list = []; lisst }", &["did you mean `list`?"]),
        (
            "fn on_request() { if req.stream { reject(400, \"a\", \"b\"); } ctx.note(\"a\", 1); }",
            &["lost_verdict 1:35 what `reject` makes", "(write `return reject(..);`)"],
        ),
        ("fn route() { let a = 1 \"a\" }", &["syntax 1:24", "the statement before this place needs a `;`"]),
        ("fn route(req) { \"a\" }", &["hook_with_parameters", "the hook `route` takes no parameters"]),
        (
            "fn route() { \"a\" }\nfn helper() { 1 }",
            &["unused_function 2:", "`helper` is no hook, and nothing calls it"],
        ),
        ("fn rout() { \"a\" }\nfn on_request() { }", &["did you mean the hook `route`?"]),
        (
            "fn route() { if ctx.with.q > 1 { \"a\" } else { \"b\" } }",
            &["undeclared_parameter 1:", "`q` is not declared"],
        ),
        ("//! with q: int = 1\nfn route() { \"a\" }", &["unused_parameter 1:1"]),
        ("fn on_request() { req.system = `${req.model}\\n`; }", &["escape_in_backticks 1:"]),
        ("fn f() { \"a\" }\nfn route() { \"a\".f(1) }", &["wrong_arity 2:"]),
        (
            "//! with q: int = 1\n//! with q: int = 2\nfn route() { ctx.with.q; \"a\" }",
            &["duplicate_parameter 2:1"],
        ),
        ("//! with q: flot = 1\nfn route() { \"a\" }", &["bad_parameter 1:1", "did you mean `float`?"]),
        ("//! on_error: explode\nfn route() { \"a\" }", &["bad_on_error"]),
        ("let x = 1;\nfn route() { \"a\" }", &["top_level 1:"]),
        ("fn route() { eval(\"1\") }", &["eval"]),
        ("fn route() { let f = Fn(\"a\"); \"a\" }", &["Fn"]),
        ("fn route() { \"a\" ", &["syntax"]),
        ("import \"../secret\" as s;\nfn route() { s::x() }", &["import_outside 1:1"]),
        ("import \"/etc/passwd\" as s;\nfn route() { s::x() }", &["import_outside 1:1"]),
        ("import \"lib/gone\" as s;\nfn route() { s::x() }", &["unknown_import 1:1"]),
        (
            "fn route() { let all = [1, 2]; all.filter(|x| all.len() > x); \"a\" }",
            &["data_race 1:", "`all` is captured by the closure"],
        ),
        ("const X = loop {};\nfn route() { X }", &["bad_constant"]),
    ] {
        let said = check(&[("test", source)]);
        for part in parts {
            assert!(said.contains(part), "{source}\n  said: {said}\n  wanted: {part}");
        }
    }
    assert_eq!(
        check(&[("test", "//! with q: int = 1\nfn route() { if ctx.with.q > 0 { \"a\" } else { \"b\" } }")]),
        ""
    );
}

#[test]
fn imports_are_bound_at_load() {
    let lib = "const FLOOR = 5;\nfn above(x) { x > FLOOR }\nfn wait() { ask(\"m1\", req) }";
    let user = "import \"lib/money\" as money;\nconst FLOOR = 1;\nfn route() { if money::above(3) { \"m1\" } else { `m${FLOOR}` } }";
    let asks = "import \"lib/money\" as m;\nfn route() { let a = || m::wait(); a.call(); \"m1\" }";
    let policies =
        Policies::from_sources([("lib/money", lib), ("user", user), ("asks", asks)], Limits::default());
    let policies = policies.unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    assert!(!policies.get("user").unwrap().can_suspend(Hook::Route));
    assert!(policies.get("asks").unwrap().can_suspend(Hook::Route));
    let bound = policies.get("user").unwrap().bind(&serde_json::Map::new()).unwrap();
    let outcome = pointsman::policy::run_inline(&bound, Hook::Route, crate::scene::scene());
    assert!(format!("{:?}", outcome.verdict).contains("\"m1\""), "{:?}", outcome.verdict);

    let round = check(&[
        ("a", "import \"b\" as b;\nfn route() { b::x() }"),
        ("b", "import \"a\" as a;\nfn x() { 1 }"),
    ]);
    assert!(round.contains("import_cycle"), "{round}");
    let typo = check(&[("lib/money", lib), ("u", "import \"lib/money\" as m;\nfn route() { m::abov(1) }")]);
    assert!(typo.contains("did you mean `above`?"), "{typo}");
}

#[test]
fn effects_are_found_through_calls_closures_and_breaks() {
    for (source, waits) in [
        ("fn route() { \"a\" }", false),
        ("fn route() { ask(\"a\", req); }", true),
        ("fn f() { g() } fn g() { embed(\"m\", \"t\") } fn route() { f(); }", true),
        ("fn route() { [1].map(|x| ask(\"a\", req)); }", true),
        ("fn route() { let x = loop { break ask(\"a\", req); }; }", true),
        ("fn f() { ask(\"a\", req) } fn on_request() { f(); } fn route() { \"a\" }", false),
        ("fn route() { state.get(\"a\"); random(); now(); \"a\" }", false),
        ("fn f(x) { ask(\"a\", req) } fn route() { [1].map(f); }", true),
    ] {
        let policies = Policies::from_sources([("test", source)], Limits::default());
        let policies = policies.unwrap_or_else(|problems| panic!("{source}: {}", shown(&problems)));
        assert_eq!(policies.get("test").unwrap().can_suspend(Hook::Route), waits, "{source}");
    }
}

#[test]
fn parameters_are_checked_and_filled_in() {
    let source = "//! with quality: float 0..1 = 0.5   floor\n//! with strong: model   who\nfn route() { if ctx.with.quality > 0.6 { ctx.with.strong } else { \"m2\" } }";
    let policies = Policies::from_sources([("test", source)], Limits::default()).unwrap();
    let policy = policies.get("test").unwrap();
    let bind =
        |with: serde_json::Value| policy.bind(with.as_object().unwrap()).map_err(|problems| shown(&problems));
    let bound = bind(json!({"strong": "m9", "quality": 1})).unwrap();
    assert_eq!(bound.with["quality"], json!(1.0));
    assert_eq!(bound.models().collect::<Vec<_>>(), [("strong", "m9")]);
    let outcome = pointsman::policy::run_inline(&bound, Hook::Route, crate::scene::scene());
    assert!(format!("{:?}", outcome.verdict).contains("\"m9\""), "{:?}", outcome.verdict);
    for (with, part) in [
        (json!({}), "needs the parameter `strong`"),
        (json!({"strong": 1}), "must be the name of a model, not 1"),
        (json!({"strong": "m", "quality": 2}), "from 0 to 1"),
        (json!({"strong": "m", "qualty": 1}), "did you mean `quality`?"),
    ] {
        let said = bind(with).unwrap_err();
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn literals_are_listed_with_their_places() {
    let source = "fn route() {\n  if req.stream { return \"m1\"; }\n  ask_all([\"a\", \"b\"], req);\n  [\"m2\", \"m3\"]\n}";
    let policies = Policies::from_sources([("test", source)], Limits::default()).unwrap();
    let found: Vec<_> = policies
        .get("test")
        .unwrap()
        .literals()
        .iter()
        .map(|l| format!("{} {} {}:{}", l.function, l.value, l.line, l.argument))
        .collect();
    assert_eq!(found, ["return m1 2:0", "ask_all a 3:0", "ask_all b 3:0", "return m2 4:0", "return m3 4:0"]);
}

#[test]
fn fifty_policies_compile_and_check_quickly() {
    let body = "fn weight(m) { m.context_window / 1000 }\nfn route() {\n".to_owned()
        + &*"  for m in ctx.candidates { if weight(m) > 5 && m.name != \"x\" { return m.name; } }\n"
            .repeat(20)
        + "  \"m1\"\n}\n";
    let names: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
    let start = Instant::now();
    let policies =
        Policies::from_sources(names.iter().map(|name| (name.as_str(), body.as_str())), Limits::default())
            .unwrap();
    println!("50 policies compiled and checked in {:?}", start.elapsed());
    assert_eq!(policies.iter().count(), 50);
}
