//! What hooks return and how they fail.

use std::time::Instant;

use pointsman::plan::Verdict;
use pointsman::policy::{FaultKind, Hook, run_inline};

use crate::scene::{policy, route, scene};

#[test]
fn what_route_may_return() {
    for (source, expected) in [
        (r#"fn route() { "m1" }"#, "m1"),
        (r#"fn route() { ["m1", "m2"] }"#, "m1 m2"),
        (r#"fn route() { plan(["m3", "m4"]).retries(1) }"#, "m3 m4"),
        (
            r#"fn route() { ctx.candidates }"#,
            "m0 m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12 m13 m14 m15 m16 m17 m18 m19 m20 m21 m22 m23 m24 m25 m26 m27 m28 m29",
        ),
        ("const LIST = [\"m5\", \"m6\"];\nfn route() { LIST }", "m5 m6"),
        (
            r#"fn route() { let names = []; for m in ctx.candidates { if m.name == "m7" { names.push(m.name); } } names }"#,
            "m7",
        ),
        (
            r#"fn helper(x) { x.to_upper() } fn route() { if helper("a") == "A" { "m1" } else { "m2" } }"#,
            "m1",
        ),
    ] {
        match route(source).verdict {
            Ok(Verdict::Route(plan)) => {
                let names: Vec<&str> = plan.steps.iter().map(|step| &*step.model).collect();
                assert_eq!(names.join(" "), expected, "{source}");
            }
            other => panic!("{source}: {other:?}"),
        }
    }
    assert_eq!(route("fn route() { }").verdict, Ok(Verdict::Continue));
    assert!(matches!(route(r#"fn route() { respond("hi") }"#).verdict, Ok(Verdict::Respond(_))));
    assert!(matches!(
        route(r#"fn route() { reject(503, "x", "y") }"#).verdict,
        Ok(Verdict::Reject { status: 503, .. })
    ));
}

#[test]
fn faults_say_what_and_where() {
    for (source, kind, line, part) in [
        (
            "fn route() {\n  42\n}",
            FaultKind::BadVerdict,
            Some(1),
            "`route` returned `42`; it may return a model's name",
        ),
        ("fn route() { [] }", FaultKind::BadVerdict, None, "the plan is empty"),
        ("fn route() { #{ model: 1 } }", FaultKind::BadVerdict, None, "an object map"),
        ("fn route() { retry(5) }", FaultKind::BadVerdict, None, "it may return"),
        ("fn route() {\n  let a = 1;\n  throw \"no\";\n}", FaultKind::Exception, Some(3), "no"),
        ("fn f(x) {\n  x / 0\n}\nfn route() { f(1) }", FaultKind::Exception, Some(2), "zero"),
        ("fn route() { loop {} }", FaultKind::Operations, Some(1), "100000 operations"),
        ("fn f() { f() }\nfn route() { f() }", FaultKind::Depth, None, "deeply"),
        ("fn route() { let m = #{ a: 1 }; m.b }", FaultKind::Exception, Some(1), "b"),
        (
            "fn route() {\n if ctx.key.team == \"x\" { \"m1\" } else { \"m2\" } }",
            FaultKind::Exception,
            Some(2),
            "team",
        ),
        (
            "fn route() {\n if req.headers[\"x-gone\"] == \"x\" { \"m1\" } else { \"m2\" } }",
            FaultKind::Exception,
            Some(2),
            "x-gone",
        ),
        (
            "fn route() {\n if req.max_tokens > \"3\" { \"m1\" } else { \"m2\" } }",
            FaultKind::Exception,
            Some(2),
            "a text and a number cannot be compared by `>`",
        ),
        (
            "fn route() {\n let x = (); if x > 5 { \"m1\" } else { \"m2\" } }",
            FaultKind::Exception,
            Some(2),
            "`()`",
        ),
    ] {
        let fault = route(source).verdict.expect_err(source);
        assert_eq!(fault.kind, kind, "{source}: {fault}");
        assert!(fault.message.contains(part), "{source}: {fault}");
        if line.is_some() {
            assert_eq!(fault.line, line, "{source}: {fault}");
            assert!(fault.source_line.is_some(), "{source}: {fault}");
        }
    }
}

#[test]
fn absent_values_have_tests_and_defaults() {
    for source in [
        r#"fn route() { if ctx.key.team == () { "m1" } else { "m2" } }"#,
        r#"fn route() { if ctx.key.team != () { "m2" } else { "m1" } }"#,
        r#"fn route() { let team = ctx.key.team ?? "none"; if team == "none" { "m1" } else { "m2" } }"#,
        r#"fn route() { if (req.headers["x-tier"] ?? "") == "gold" { "m1" } else { "m2" } }"#,
    ] {
        match route(source).verdict {
            Ok(Verdict::Route(plan)) => assert_eq!(&*plan.steps[0].model, "m1", "{source}"),
            other => panic!("{source}: {other:?}"),
        }
    }
}

#[test]
fn a_failed_hook_leaves_no_edit() {
    let bound = policy("fn on_request() { req.max_tokens = 7; throw \"late\"; }");
    let outcome = run_inline(&bound, Hook::Request, scene());
    assert!(outcome.verdict.is_err());
    assert!(!outcome.scene.request.is_edited());
    let bound = policy("fn on_request() { req.max_tokens = 7; }");
    let outcome = run_inline(&bound, Hook::Request, scene());
    assert_eq!(outcome.verdict, Ok(Verdict::Continue));
    assert_eq!(outcome.scene.request.decoded().unwrap().params.max_tokens, Some(7));
}

#[test]
fn ambient_values_inside_closures_are_no_race() {
    let source = r#"fn route() {
        let need = 10000;
        let fit = [];
        for m in ctx.candidates { fit.push(m); }
        let fit = fit.filter(|m| m.context_window > need && ctx.request_id == ctx.request_id && req.max_tokens == 100);
        let all = fit;
        let fit = fit.filter(|m| all.some(|o| o.name == m.name && m.context_window > need && ctx.request_id == ctx.request_id));
        fit.sort(|a, b| a.context_window - b.context_window);
        fit[0].name
    }"#;
    let bound = policy(source);
    let start = Instant::now();
    let outcome = run_inline(&bound, Hook::Route, scene());
    let took = start.elapsed();
    assert!(
        matches!(&outcome.verdict, Ok(Verdict::Route(plan)) if &*plan.steps[0].model == "m1"),
        "{:?}",
        outcome.verdict
    );
    assert!(took.as_millis() < 40, "{took:?}: a lock conflict sleeps 50 ms");
}

#[test]
fn random_numbers_follow_the_seed() {
    let source = "fn route() { let a = []; for i in 0..5 { a.push(`r${random()}`); } ctx.note(\"r\", a); }";
    let bound = policy(source);
    let note = || run_inline(&bound, Hook::Route, scene()).scene.notes.get("r").cloned().unwrap();
    assert_eq!(note(), note());
    let mut other = scene();
    other.seed = 43;
    assert_ne!(note(), run_inline(&bound, Hook::Route, other).scene.notes["r"]);
}
