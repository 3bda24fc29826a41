//! Scripts that ask the outside: values, budgets, journal, replay, cancelling.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use pointsman::plan::Verdict;
use pointsman::policy::{
    Bound, Budget, Effect, EffectValue, Effects, FaultKind, Hook, Limits, Outcome, dispatch, replay, run,
    run_blocking, suspended,
};
use serde_json::json;

use crate::outside::{Echo, Performing, Slow};
use crate::scene::{policy, scene, scene_of, with_limits};

async fn asked(bound: &Arc<Bound>) -> Outcome {
    run(bound, Hook::Route, scene(), Arc::new(Echo)).await
}

fn first(outcome: &Outcome) -> String {
    match &outcome.verdict {
        Ok(Verdict::Route(plan)) => plan.steps[0].model.to_string(),
        Ok(Verdict::Respond(response)) => response.text(),
        Ok(other) => format!("{other:?}"),
        Err(fault) => format!("{:?}: {}", fault.kind, fault.message),
    }
}

/// Every effect, and the way its result reads.
const SCRIPTS: [(&str, &str); 19] = [
    (r#"respond(ask("m1", req).text)"#, "I am m1"),
    (r#"respond(ask(["m2", "m1"], "hello").text)"#, "I am m2"),
    (
        r#"respond(ask("m1", #{ system: "s", prompt: "p", max_tokens: 5 }, #{ deadline_ms: 100 }).model)"#,
        "m1",
    ),
    (
        r#"let all = ask_all(["m1", "slow", "m3"], req, #{ deadline_ms: 8000, quorum: 2 }); respond(`${all.len} ${all.good.len} ${all[1].ok} ${all[1].code} ${all.texts}`)"#,
        r#"3 2 false upstream_timeout ["I am m1", "I am m3"]"#,
    ),
    (r#"respond(race(["slow", "m2"], req).model)"#, "m2"),
    (r#"respond(speak("m1", "All aboard!", #{ voice: "ash", format: "wav" }).text)"#, "I am m1"),
    (
        r#"let a = speak(["slow", "m1"], "All aboard!"); respond(`${a.ok} ${a.code}`)"#,
        "false upstream_timeout",
    ),
    (r#"respond(ask("m1", "hello").audio ?? "silent")"#, "silent"),
    (r#"let a = ask("slow", req); if a.ok { "m1" } else { respond(a.error) }"#, "it took too long"),
    (
        r#"respond(ask("slow", req).text)"#,
        "Exception: `slow` gave no answer (it took too long): test `ok` before using it",
    ),
    (r#"respond(`${ask_all(["m1", "m2"], ["a", "b"]).filter(|a| a.model == "m2").map(|a| a.ms)}`)"#, "[7]"),
    (r#"let n = 0; for a in ask_all(["m1", "m2"], req) { n += a.ms; } respond(`${n}`)"#, "14"),
    (r#"respond(`${embed("e", ["a", "b"]).vectors.len()} ${embed("e", "a").vector}`)"#, "2 [0.5, 1.0]"),
    (r#"respond(search("docs", "cats", #{ limit: 3 }).passages[0].query.text)"#, "cats"),
    (
        r#"let r = http("crm", "post", "/x", #{ a: 1 }); respond(`${r.status} ${r.body.sent.a} ${r.gone == ()}`)"#,
        "200 1 true",
    ),
    (r#"respond(`${moderate("mod", "bad words").flagged}`)"#, "true"),
    (
        r#"ask("m1", req); state.put("k", #{ a: [1] }, 60); state.add("n", 2); respond(`${state.get("k").a[0]} ${state.add("n", 1)} ${state.get("x", 9)} ${state.cas("c", (), 1)} ${state.cas("c", (), 2)}`)"#,
        "1 3 9 true false",
    ),
    (
        r#"ask("m1", req); if state.get("gone") > 1 { "m1" } else { "m2" }"#,
        "Exception: `state `gone`` is absent",
    ),
    (
        r#"[1, 2, 3].map(|x| ask("m1", `${x}`).ok); let a = [3, 1, 2]; a.sort(|x, y| { ask("m1", "?"); x - y }); respond(`${a}`)"#,
        "[1, 2, 3]",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_effect_reads_as_a_value_on_fibers_and_threads_and_in_replay() {
    for (body, expected) in SCRIPTS {
        let bound = policy(&format!("fn route() {{ {body} }}"));
        let outcome = asked(&bound).await;
        let said = first(&outcome);
        assert!(said.starts_with(expected), "{body}\n  said {said}");
        assert!(!outcome.journal.is_empty());
        let blocking = run_blocking(&bound, Hook::Route, scene(), Arc::new(Echo)).await;
        assert_eq!(first(&blocking), said, "{body}, blocking");
        assert_eq!(kinds(&blocking), kinds(&outcome), "{body}, blocking");
        let again = replay(&bound, Hook::Route, scene(), outcome.journal.clone());
        assert_eq!(first(&again), said, "{body}, replayed");
        assert_eq!(kinds(&again), kinds(&outcome), "{body}, replayed");
    }
}

fn kinds(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.journal.iter().map(|entry| (entry.effect.to_string(), entry.input_hash.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_follows_its_journal_or_says_that_it_cannot() {
    let source = "fn route() { let a = ask(\"m1\", req); let r = random(); let t = now(); ctx.note(\"r\", `${r} ${t.unix_ms}`); if r < 0.5 { \"m1\" } else { \"m2\" } }";
    let bound = policy(source);
    let live = asked(&bound).await;
    let entries: Vec<&str> = live.journal.iter().map(|entry| &*entry.effect).collect();
    assert_eq!(entries, ["ask", "random", "now"]);
    assert!(live.journal[0].input_hash.len() == 64 && live.journal[0].cost.0 == 1_000_000);
    // Another seed and another time: the journal wins.
    let mut later = scene();
    later.seed = 7;
    let again = replay(&bound, Hook::Route, later, live.journal.clone());
    assert_eq!(again.verdict, live.verdict);
    assert_eq!(again.scene.notes["r"], live.scene.notes["r"]);
    for (journal, part) in [
        (live.journal[..1].to_vec(), "asks `random`, the journal holds `nothing more`"),
        (live.journal[1..].to_vec(), "asks `ask`, the journal holds `random`"),
    ] {
        let fault = replay(&bound, Hook::Route, scene(), journal).verdict.unwrap_err();
        assert!(fault.message.contains(part), "{fault}");
    }
    let other = policy(&source.replace("req)", "\"else\")"));
    let fault = replay(&other, Hook::Route, scene(), live.journal).verdict.unwrap_err();
    assert!(fault.message.contains("with another input"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_of_effects_and_cost_give_values() {
    let mut limits = Limits::default();
    limits.effects = Budget { effects: 3, ..limits.effects };
    let source = "fn route() { let a = (); let n = 0; for i in 0..10 { a = ask(\"m1\", req); if !a.ok { break; } n += 1; } respond(`${n} ${a.code}`) }";
    assert_eq!(first(&asked(&with_limits(source, limits)).await), "3 effects_exhausted");
    limits.effects = Budget { effects: 64, cost: Some(pointsman::ir::Money(2_500_000)), ..limits.effects };
    assert_eq!(first(&asked(&with_limits(source, limits)).await), "3 cost_exhausted");
    let all = "fn route() { let all = ask_all([\"m1\", \"m2\", \"m3\", \"m4\"], req); respond(`${all.good.len} ${all[0].code}`) }";
    limits.effects = Budget { effects: 3, cost: None, ..limits.effects };
    assert_eq!(first(&asked(&with_limits(all, limits)).await), "0 effects_exhausted");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_counts_waits_to_the_wall_and_not_to_the_cpu() {
    let outside = || Arc::new(Slow { delay: Duration::from_millis(60), ..Slow::default() });
    let mut limits = Limits::default();
    limits.effects.cpu = Duration::from_millis(50);
    let source = "fn route() { for i in 0..4 { ask(\"m1\", req); } \"m1\" }";
    let outcome = run(&with_limits(source, limits), Hook::Route, scene(), outside()).await;
    assert_eq!(first(&outcome), "m1");
    limits.effects.wall = Duration::from_millis(150);
    let outcome = run(&with_limits(source, limits), Hook::Route, scene(), outside()).await;
    assert_eq!(outcome.verdict.unwrap_err().kind, FaultKind::Deadline);
    let spin = "fn route() { ask(\"m1\", req); loop {} }";
    limits.effects.operations = u64::MAX / 4;
    // On a busy machine 50 ms of work may take long.
    limits.effects.wall = Duration::from_secs(30);
    let outcome = run(&with_limits(spin, limits), Hook::Route, scene(), outside()).await;
    assert_eq!(outcome.verdict.unwrap_err().kind, FaultKind::Cpu);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_hook_cancels_what_it_started() {
    for body in [
        "ask(\"m1\", req); \"m1\"",
        "ask_all([\"m1\", \"m2\", \"m3\"], req); \"m1\"",
        "[1, 2].map(|x| ask(\"m1\", req)); \"m1\"",
        "loop { try { ask(\"m1\", req); } catch { } }",
    ] {
        let bound = policy(&format!("fn route() {{ {body} }}"));
        let outside = Arc::new(Slow { delay: Duration::from_secs(30), ..Slow::default() });
        let effects: Arc<dyn Effects> = outside.clone();
        let hook = tokio::spawn(async move { run(&bound, Hook::Route, scene(), effects).await });
        while outside.under_way.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        hook.abort();
        while outside.under_way.load(Ordering::SeqCst) > 0 {
            assert!(began.elapsed() < Duration::from_secs(5), "{body}: still under way");
            tokio::task::yield_now().await;
        }
        assert!(began.elapsed() < Duration::from_millis(100), "{body}: {:?}", began.elapsed());
        assert_eq!(outside.asked.load(Ordering::SeqCst), 1, "{body}: nothing new is asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spinning_script_is_cancelled_and_lets_others_run() {
    let mut limits = Limits::default();
    limits.effects.cpu = Duration::from_secs(60);
    limits.effects.operations = u64::MAX / 4;
    let spin = with_limits("fn route() { ask(\"m1\", req); loop {} }", limits);
    let spinning: Vec<_> = (0..4)
        .map(|_| {
            let spin = Arc::clone(&spin);
            tokio::spawn(async move { asked(&spin).await })
        })
        .collect();
    let quick = policy("fn route() { ask(\"m1\", req).model }");
    for _ in 0..50 {
        let outcome = tokio::time::timeout(Duration::from_secs(10), asked(&quick)).await.expect("others run");
        assert_eq!(first(&outcome), "m1");
    }
    for task in spinning {
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
}

/// Panics when asked.
struct Panics;

impl Effects for Panics {
    fn perform(&self, _: Effect) -> Performing {
        Box::pin(async { panic!("inside an effect") })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_outside_is_an_error_value_and_the_stack_stays_good() {
    let bound =
        policy("fn route() { let a = ask(\"m1\", req); if a.ok { \"m1\" } else { respond(a.code) } }");
    for _ in 0..3 {
        let outcome = run(&bound, Hook::Route, scene(), Arc::new(Panics)).await;
        assert_eq!(first(&outcome), "internal_error");
        assert_eq!(first(&asked(&bound).await), "m1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dispatch_runs_a_hook_where_it_belongs() {
    let effects: Arc<dyn Effects> = Arc::new(Echo);
    let waits = policy("fn route() { ask(\"m1\", req).model } fn on_request() { ctx.note(\"here\", 1); }");
    assert!(waits.policy.can_suspend(Hook::Route) && !waits.policy.can_suspend(Hook::Request));
    assert_eq!(first(&dispatch(&waits, Hook::Route, scene(), &effects).await), "m1");
    let outcome = dispatch(&waits, Hook::Request, scene(), &effects).await;
    assert_eq!(outcome.scene.notes["here"], json!(1));
    assert_eq!(dispatch(&waits, Hook::Text, scene(), &effects).await.verdict, Ok(Verdict::Continue));
}

#[tokio::test]
async fn a_hook_that_took_long_leaves_the_threads_of_connections_until_it_is_quick_again() {
    let bound = policy(r#"fn route() { if req.last_user.contains("spin") { loop {} } "m1" }"#);
    let effects: Arc<dyn Effects> = Arc::new(Echo);
    // (what is asked, whether it runs here: then the first poll is the last; a quick hook may be as fast elsewhere)
    let turns = [
        ("hello", Some(true)),
        ("spin", Some(true)),
        ("spin", Some(false)),
        ("hello", None),
        ("hello", Some(true)),
    ];
    for (prompt, here) in turns {
        let asked = dispatch(&bound, Hook::Route, scene_of(prompt), &effects);
        let mut asked = std::pin::pin!(asked);
        let outcome = match futures_util::poll!(asked.as_mut()) {
            Poll::Ready(outcome) => {
                assert_ne!(here, Some(false), "{prompt}");
                outcome
            }
            Poll::Pending => {
                assert_ne!(here, Some(true), "{prompt}");
                asked.await
            }
        };
        let kind = outcome.verdict.as_ref().err().map(|fault| fault.kind);
        match prompt {
            "hello" => assert_eq!(kind, None),
            // Which of the two bounds it meets first is the machine's affair.
            _ => assert!(matches!(kind, Some(FaultKind::Operations | FaultKind::Deadline)), "{kind:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_leaves_running_scripts_their_policy() {
    let outside = Arc::new(Slow { delay: Duration::from_millis(100), ..Slow::default() });
    let old = policy("const NAME = \"m1\"; fn pick() { NAME } fn route() { ask(\"m9\", req); pick() }");
    let effects: Arc<dyn Effects> = outside.clone();
    let running = {
        let old = Arc::clone(&old);
        tokio::spawn(async move { run(&old, Hook::Route, scene(), effects).await })
    };
    while outside.under_way.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    drop(old);
    let new = policy("const NAME = \"m2\"; fn pick() { NAME } fn route() { ask(\"m9\", req); pick() }");
    assert_eq!(first(&asked(&new).await), "m2");
    assert_eq!(first(&running.await.unwrap()), "m1");
}

/// Never answers; says how often it was asked.
#[derive(Default)]
struct Never(std::sync::atomic::AtomicUsize);

impl Effects for Never {
    fn perform(&self, _: Effect) -> Performing {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending::<Result<EffectValue, pointsman::error::Error>>())
    }
}

fn status(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Suspends `count` scripts, prints what they weigh, and cancels them.
async fn suspend(count: usize, limits: Limits) -> (usize, usize) {
    let bound = with_limits(
        "fn route() { let answer = ask(\"m1\", req); if answer.ok { answer.model } else { \"m1\" } }",
        limits,
    );
    let outside = Arc::new(Never::default());
    let lent = scene();
    let before = status("VmRSS");
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (bound, effects): (_, Arc<dyn Effects>) = (Arc::clone(&bound), outside.clone());
            let scene = lent.clone();
            tokio::spawn(async move { run(&bound, Hook::Route, scene, effects).await })
        })
        .collect();
    while outside.0.load(Ordering::SeqCst) < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let kib = (status("VmRSS") - before) as f64 / count as f64;
    println!("{count} suspended: {kib:.1} KiB each, {} threads, {} alive", status("Threads"), suspended());
    let over = run(&bound, Hook::Route, scene(), outside.clone()).await;
    assert_eq!(over.verdict.unwrap_err().kind, FaultKind::Saturated);
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        let _ = task.await;
    }
    let began = Instant::now();
    while suspended() > 0 && began.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "all ended {:?} later, RSS {} KiB over the start",
        began.elapsed(),
        status("VmRSS").saturating_sub(before)
    );
    (count, suspended())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "alone in its process, through `figures`: counts what the whole process holds"]
async fn suspended_scripts_are_capped_and_light() {
    assert_eq!(suspended(), 0, "run it alone");
    let most = if cfg!(debug_assertions) { 200 } else { 20_000 };
    let limits = Limits { suspended: most, ..Limits::default() };
    assert_eq!(suspend(most, limits).await, (most, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_set_tells_lines_and_what_branches_read() {
    let source = "fn route() {\n  let n = 3;\n  if ctx.key.name == \"ci\" && n > 2 {\n    return \"m1\";\n  }\n  let rest = ask(\"m2\", req);\n  \"m2\"\n}";
    let policies =
        pointsman::policy::Policies::from_sources([("test", source)], crate::scene::unhurried()).unwrap();
    let watched = policies.watched().unwrap();
    let policy = watched.get("test").unwrap();
    let bound = policy.bind(&serde_json::Map::new()).unwrap();
    let mut lent = scene();
    let trace = Arc::new(pointsman::policy::Trace::default());
    lent.trace = Some(Arc::clone(&trace));
    let outcome = run(&bound, Hook::Route, lent, Arc::new(Echo)).await;
    assert_eq!(first(&outcome), "m1");
    assert_eq!(policy.lines().iter().copied().collect::<Vec<_>>(), [2, 3, 4, 6, 7]);
    let missed: Vec<usize> = policy.lines().difference(&trace.lines("test")).copied().collect();
    assert_eq!(missed, [6, 7]);
    let branches = trace.take_branches();
    let reads: Vec<String> =
        branches[0].reads.iter().map(|read| format!("{} = {}", read.name, read.value)).collect();
    assert_eq!(reads, ["ctx.key.name = ci", "n = 3"]);
    assert_eq!(
        (branches.len(), branches[0].line, branches[0].way),
        (1, 3, Some(pointsman::policy::Way::Then))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_set_tells_which_way_branches_went() {
    use pointsman::policy::Way::{Case, Else, Then};
    let source = "fn route() {\n  let found = \"m1\";\n  for n in [1, 2, 3] {\n    if n == 2 { found = \"m2\"; found += \"\"; }\n  }\n  if found == \"m1\" { found } else {\n    switch found {\n      \"m1\" => \"m1\",\n      \"m2\" => found,\n      _ => \"m3\",\n    }\n  }\n}";
    let policies =
        pointsman::policy::Policies::from_sources([("test", source)], crate::scene::unhurried()).unwrap();
    let bound = policies.watched().unwrap().get("test").unwrap().bind(&serde_json::Map::new()).unwrap();
    let trace = Arc::new(pointsman::policy::Trace::default());
    let lent = pointsman::policy::Scene { trace: Some(Arc::clone(&trace)), ..scene() };
    let outcome = run(&bound, Hook::Route, lent, Arc::new(Echo)).await;
    assert_eq!(first(&outcome), "m2");
    let ways: Vec<_> = trace.take_branches().into_iter().map(|branch| (branch.line, branch.way)).collect();
    let expected = [(4, None), (4, Some(Then)), (4, None), (6, Some(Else)), (7, Some(Case(9)))];
    assert_eq!(ways, expected);
}
