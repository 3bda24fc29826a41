//! Scripts that try to hang, crash or flood the process. Each runs in a process
//! of its own with a bound on its address space; a death by signal is a failure.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pointsman::policy::{Hook, Limits, Policies, run, run_inline};

use crate::scene::scene;

/// What each script does, as the body of `route`; `fn` texts stand before `|||`.
const SCRIPTS: &[(&str, &str)] = &[
    ("loop", "loop {}"),
    ("loop in try", "loop { try { loop {} } catch {} }"),
    ("breach caught", "try { loop {} } catch { } \"m1\""),
    (
        "nested map",
        "let a = []; a.pad(2000, 1); a.map(|x| { let b = []; b.pad(2000, 1); b.map(|y| { let c = []; c.pad(2000, 1); c.map(|z| z) }) });",
    ),
    ("loop in map", "[1].map(|x| loop {});"),
    ("loop in filter", "[1].filter(|x| loop {});"),
    ("loop in sort", "let a = [3, 1, 2]; a.sort(|x, y| loop {}); \"m1\""),
    (
        "loop in nested closures",
        "[1].map(|x| [1].map(|y| [1].sort(|a, b| { loop {} })));\n[1, 2].for_each(|x| loop {});",
    ),
    (
        "long sort",
        "let a = []; for i in 0..2000 { a.push(2000 - i); } loop { a.sort(|x, y| x - y); a.reverse(); }",
    ),
    ("eval of itself", "let s = \"eval(s)\"; eval(s)"),
    ("recursion", "fn f(x) { f(x + 1) } ||| f(0)"),
    ("deep recursion through closures", "fn f(x) { [x].map(|y| f(y + 1)) } ||| f(0)"),
    ("mutual recursion", "fn f(x) { g(x) + 1 } fn g(x) { f(x) + 1 } ||| f(0)"),
    (
        "wide frames",
        "fn f(x) { if x > 0 { if x > 0 { if x > 0 { if x > 0 { 1 + (1 + (1 + f(x + 1))) } } } } } ||| f(1)",
    ),
    ("closure chain", "let f = || 1; for i in 0..60000 { let g = f; f = || g; }"),
    ("closure chain to the limit", "let f = || 1; loop { let g = f; f = || g; }"),
    ("curry", "let f = |x| x; loop { f = f.curry(f); }"),
    ("function pointer", "let f = Fn(\"route\"); f.call()"),
    ("nested data", "let a = [1]; loop { a = [a]; }"),
    (
        "nested data compared",
        "let a = [1]; let b = [1]; for i in 0..1999 { a = [a]; b = [b]; } a == b; `${a}`; \"m1\"",
    ),
    ("nested maps shown", "let a = #{ x: 1 }; for i in 0..1999 { a = #{ x: a }; } a.to_string(); \"m1\""),
    ("doubling", "let s = \"x\"; loop { s += s; }"),
    ("doubling anew", "let s = \"x\"; loop { s = s + s; }"),
    ("interpolation", "let s = \"x\"; loop { s = `${s}${s}`; }"),
    ("replace", "let s = \"x\"; s.pad(1000000, 'x'); let t = s; s.replace(\"x\", t); \"m1\""),
    ("replace by char", "let s = \"x\"; s.pad(1000000, 'x'); let t = s; s.replace('x', t); \"m1\""),
    ("replace empty", "let s = \"x\"; loop { s.replace(\"\", \"yyyyyyyyyyyyyyyyyyyyyyyy\"); }"),
    ("pad", "let s = \"x\"; s.pad(1000000000, 'x');"),
    ("pad with text", "let s = \"x\"; s.pad(1000000000, \"xyz\");"),
    ("pad array", "let a = []; a.pad(1000000000, 1);"),
    ("pad array of arrays", "let a = []; a.pad(2000, 1); loop { let b = []; b.pad(2000, a); a = b; }"),
    ("split", "let s = \"x\"; s.pad(4000000, ' '); loop { s.split(\" \"); }"),
    ("split chars", "let s = \"x\"; s.pad(4000000, 'x'); loop { s.to_chars(); s.split(\"\"); }"),
    ("split to pieces", "let s = \"x\"; s.pad(4000000, 'x'); s.split('x');"),
    ("array", "let a = []; loop { a.push(\"xxxxxxxxxxxxxxxxxxxxxxxxx\"); }"),
    ("array concat", "let a = [1]; loop { a += a; }"),
    ("array clones", "let a = []; a.pad(2000, \"xxxxxxxxxxxxxxxxxx\"); loop { let b = a; b.push(1); }"),
    ("map", "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }"),
    (
        "map of strings",
        "let m = #{}; for i in 0..1000 { let s = \"x\"; s.pad(64000, 'x'); m[`k${i}`] = s + i; }",
    ),
    ("many variables", "let s = \"x\"; s.pad(1000000, 'x'); fn_of(s, 30);"),
    (
        "strings in every frame",
        "fn f(s, n) { if n == 0 { return 0; } let a = s + \"1\"; let b = s + \"2\"; let c = s + \"3\"; let d = s + \"4\"; f(a, n - 1) + a.len() + b.len() + c.len() + d.len() } ||| let s = \"x\"; s.pad(1000000, 'x'); f(s, 25);",
    ),
    (
        "interpolated in every frame",
        "fn f(s, n) { if n == 0 { return 0; } let a = `${s}1`; let b = `${s}2`; let c = `${s}3`; let d = `${s}4`; f(a, n - 1) + a.len() + b.len() + c.len() + d.len() } ||| let s = \"x\"; s.pad(1000000, 'x'); f(s, 25);",
    ),
    ("range", "let n = 0; for i in 0..9000000000000 { n += 1; }"),
    ("range collected", "let a = []; for i in range(0, 9000000000000, 1) { a.push(i); }"),
    ("sleep", "sleep(30);"),
    ("sleep by float", "sleep(30.0);"),
    ("exit", "exit(\"m1\"); "),
    ("overflow", "let x = 9223372036854775807; x + 1"),
    ("power", "2 ** 1000000"),
    ("division", "1 / 0"),
    ("shift", "1 << 100000"),
    ("negative index", "[1][-9223372036854775808]"),
    ("index", "let s = \"äöü\"; s[9223372036854775807]"),
    ("sub string", "\"abc\".sub_string(-1, 9223372036854775807); \"abc\".crop(9223372036854775807); \"m1\""),
    ("parse_json deep", "let s = \"\"; s.pad(100000, '['); parse_json(s)"),
    ("parse_json long", "let s = \"[\"; s.pad(2000000, \"1,\"); parse_json(s + \"1]\")"),
    ("print", "loop { print(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"); }"),
    (
        "contains",
        "let s = \"x\"; s.pad(4000000, 'x'); loop { s.contains(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxy\"); }",
    ),
    ("index_of", "let s = \"x\"; s.pad(4000000, 'x'); loop { s.index_of(\"y\"); }"),
    ("to_upper", "let s = \"x\"; s.pad(4000000, 'x'); loop { s.to_upper(); s.trim(); s.len(); }"),
    ("race", "let a = [1]; let f = || a; a.push(f); a.map(|x| 1); f.call();"),
    ("shared cycle", "let a = [1]; let f = |x| { a.push(x); a }; f.call(a); f.call(f); \"m1\""),
    (
        "sort without order",
        "let a = []; for i in 0..200 { a.push(i); } a.sort(|x, y| if random() < 0.5 { 1 } else { -1 }); \"m1\"",
    ),
    (
        "many lets",
        "let a = \"x\"; a.pad(1000000, 'x'); let b = a + 1; let c = `${a}2`; let d = `${a}3`; let e = `${a}4`; let f = `${a}5`; let g = `${a}6`; let h = `${a}7`; let i = `${a}8`; let j = `${a}9`; let k = `${a}1`; let l = `${a}1`; let m = `${a}1`; let n = `${a}1`; let o = `${a}1`; let p = `${a}1`; let q = `${a}1`; let r = `${a}1`; \"m1\"",
    ),
    ("throw in sort", "let a = [3, 2, 1]; a.sort(|x, y| throw \"no\"); \"m1\""),
    ("throw deep value", "let a = [1]; for i in 0..1500 { a = [a]; } throw a;"),
    ("random", "loop { random(); }"),
    ("notes", "loop { ctx.note(`n${random()}`, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"); }"),
    ("state", "let i = 0; loop { state.put(`k${i}`, \"xxxxxxxxxxxxxxxxxx\"); i += 1; }"),
    ("absent names", "loop { ctx.noted(`x${random()}`); }"),
    ("edit", "loop { req.system = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"; }"),
    ("ask without end", "loop { ask(\"m1\", req); }"),
    ("ask in sort", "let a = [3, 2, 1]; a.sort(|x, y| { ask(\"m1\", req); x - y }); \"m1\""),
    ("spin after ask", "ask(\"m1\", req); loop {}"),
    ("loop in map of answers", "ask_all([\"m1\", \"m2\"], req).map(|a| loop {});"),
    ("deep in an effect", "fn f(x) { ask(\"m1\", req); f(x + 1) } ||| f(0)"),
    ("large question", "let s = \"x\"; s.pad(4000000, 'x'); loop { ask(\"m1\", s); }"),
];

/// Address space of a script's process, KiB.
const MEMORY: u64 = 2 << 20;
/// Longest time for a script in an unoptimised build.
const LONGEST: Duration = Duration::from_secs(20);

#[test]
fn hostile_scripts_end_as_values() {
    let own = std::env::current_exe().unwrap();
    let mut failed = Vec::new();
    for (name, with) in SCRIPTS.iter().flat_map(|(name, _)| [(name, "inline"), (name, "effects")]) {
        let command =
            format!("ulimit -v {MEMORY}; exec \"$0\" --exact hostile::one_script --ignored --nocapture");
        let began = Instant::now();
        let child = Command::new("bash")
            .args(["-c", &command])
            .arg(&own)
            .env("POINTSMAN_HOSTILE", name)
            .env("POINTSMAN_HOSTILE_WITH", with)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let took = began.elapsed();
        let out = String::from_utf8_lossy(&child.stdout);
        let said = out.lines().find(|line| line.starts_with("ended")).unwrap_or("did not end");
        println!("{name}, {with}: {took:?} {said}");
        if !child.status.success() || !said.starts_with("ended") || took > LONGEST {
            let error = String::from_utf8_lossy(&child.stderr);
            let last: Vec<&str> = error.lines().rev().take(4).collect();
            failed.push(format!("{name}, {with}: {:?} after {took:?}, {said} {last:?}", child.status));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
#[ignore = "run by hostile_scripts_end_as_values, in a process of its own"]
fn one_script() {
    let Some(wanted) = std::env::var_os("POINTSMAN_HOSTILE") else { return };
    let (_, script) = SCRIPTS.iter().find(|(name, _)| wanted == *name).unwrap();
    let (functions, body) = script.split_once("|||").unwrap_or(("", script));
    let source = format!(
        "{functions}\nfn fn_of(s, n) {{ let all = []; for i in 0..n {{ all.push(s + i); }} all.len() }}\nfn route() {{ {body} }}"
    );
    let policies = match Policies::from_sources([("test", source.as_str())], Limits::default()) {
        Ok(policies) => policies,
        Err(problems) => return println!("ended at load: {}", crate::scene::shown(&problems)),
    };
    let policy = policies.get("test").unwrap();
    let bound = policy.bind(&serde_json::Map::new()).unwrap();
    let outcome = if policy.can_suspend(Hook::Route) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(run(&bound, Hook::Route, scene(), Arc::new(crate::outside::Echo)))
    } else {
        // A small stack: hooks must not depend on that of their caller.
        let thread = std::thread::Builder::new().stack_size(512 << 10);
        thread.spawn(move || run_inline(&bound, Hook::Route, scene())).unwrap().join().unwrap()
    };
    match outcome.verdict {
        Ok(verdict) => println!("ended with {}", format!("{verdict:?}").chars().take(60).collect::<String>()),
        Err(fault) => {
            println!("ended by {:?}: {}", fault.kind, fault.to_string().chars().take(90).collect::<String>());
        }
    }
}
