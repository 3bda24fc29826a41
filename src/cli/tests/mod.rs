//! What `cli` promises, as tests.

mod pages;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::{Arguments, Exit, Output, dispatch};
use clap::{CommandFactory, Parser};

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a command line gives: exit code and text.
fn pointsman(args: &[&str]) -> (Exit, String) {
    let arguments =
        Arguments::try_parse_from(std::iter::once("pointsman").chain(args.iter().copied())).unwrap();
    let shared = Shared::default();
    let (out, err) = (Box::new(shared.clone()), Box::new(shared.clone()));
    let mut output = Output::to(out, err, arguments.format);
    let exit = dispatch(arguments.command, &mut output);
    drop(output);
    let text = String::from_utf8(shared.0.lock().clone()).unwrap();
    (exit, text)
}

#[test]
fn the_arguments_are_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn init_writes_a_gateway_that_passes_its_check_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new");
    let path = path.to_str().unwrap();
    let (exit, text) = pointsman(&["init", path]);
    assert_eq!(exit, Exit::Ok, "{text}");
    let (exit, text) = pointsman(&["check", path]);
    assert_eq!(exit, Exit::Ok, "{text}");
    assert!(text.starts_with("ok: "), "{text}");
    let yaml = std::fs::read_to_string(dir.path().join("new/gateway.yaml")).unwrap();
    let schema = yaml.lines().next().unwrap().split("$schema=").nth(1).unwrap();
    assert!(dir.path().join("new").join(schema).is_file(), "{schema}");
    let cases = std::fs::read_to_string(dir.path().join("new/policies/route/by_length.cases.yaml")).unwrap();
    let schema = cases.lines().next().unwrap().split("$schema=").nth(1).unwrap();
    assert!(dir.path().join("new/policies/route").join(schema).is_file(), "{schema}");
    std::fs::remove_file(dir.path().join("new/policies/guard/secrets.rhai")).unwrap();
    let (exit, text) = pointsman(&["init", path]);
    assert!(exit == Exit::Problems && text.contains("gateway.yaml is there already"), "{text}");
    assert!(!dir.path().join("new/policies/guard/secrets.rhai").exists(), "all or nothing");
}

#[test]
fn check_shows_the_line_and_what_to_write_and_speaks_json() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gateway.yaml");
    std::fs::write(&file, "providers: { demo: { kind: simulatd } }\nmodels: { a: { provider: demo } }\n")
        .unwrap();
    let (exit, text) = pointsman(&["check", file.to_str().unwrap()]);
    assert_eq!(exit, Exit::Problems);
    for part in ["gateway.yaml:1:28", "kind: simulatd", "did you mean `simulated`?", "1 error, 0 warnings"] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    let (exit, text) = pointsman(&["check", dir.path().to_str().unwrap(), "--format", "json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(exit, Exit::Problems);
    assert_eq!((json["ok"].as_bool(), json["problems"][0]["line"].as_u64()), (Some(false), Some(1)));
    assert_eq!(json["problems"][0]["help"], "did you mean `simulated`?");
}

#[test]
fn check_without_secrets_needs_none() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "providers: { o: { kind: openai, api_key: \"${env:POINTSMAN_NOT_SET}\" } }\nmodels: { a: { provider: o } }\n";
    std::fs::write(dir.path().join("gateway.yaml"), yaml).unwrap();
    let path = dir.path().to_str().unwrap();
    assert_eq!(pointsman(&["check", path]).0, Exit::Problems);
    assert_eq!(pointsman(&["check", path, "--without-secrets"]).0, Exit::Ok);
}

#[test]
fn the_schemas_and_pages_in_the_repository_are_fresh() {
    for (folder, files) in
        [("schemas", super::schema::all()), ("docs", super::schema::docs(&root().join("policies")))]
    {
        for (name, text) in files {
            let path = root().join(folder).join(name);
            let stands = std::fs::read_to_string(&path).unwrap_or_default();
            let fresh = "cargo run -- schema --write schemas --docs docs";
            assert!(stands == text, "{} is stale: run `{fresh}`", path.display());
        }
    }
    for (page, table) in super::schema::TABLES {
        let stands = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
        let fresh = super::schema::with_table(&stands, &table()).expect("the page has a place for its table");
        assert!(stands == fresh, "{page} is stale: run `cargo run -- schema --docs docs`");
    }
}

#[test]
fn the_schema_accepts_the_example_and_refuses_a_slip() {
    let (_, text) = pointsman(&["schema"]);
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let path = format!("{}/examples/quickstart/gateway.yaml", env!("CARGO_MANIFEST_DIR"));
    let yaml = std::fs::read_to_string(path).unwrap();
    let example: Value = serde_yaml_ng::from_str(&yaml).unwrap();
    let found: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
    assert!(found.is_empty(), "{found:?}");
    let mut slip = example;
    slip["modls"] = Value::Null;
    assert!(!validator.is_valid(&slip));
}

#[test]
fn test_tells_the_lines_that_no_case_reaches_and_may_insist_on_them() {
    let dir = tempfile::tempdir().unwrap();
    let policy = "fn route() {\n    if req.last_user.len < 20 { return \"small\"; }\n    let big = \"large\";\n    big\n}\n";
    std::fs::write(dir.path().join("pick.rhai"), policy).unwrap();
    let cases = "models: { small: {}, large: {} }\ncases:\n  - { name: short, request: Hi, expect: { targets: [small] } }\n";
    std::fs::write(dir.path().join("pick.cases.yaml"), cases).unwrap();
    let path = dir.path().to_str().unwrap();
    let (exit, text) = pointsman(&["test", path]);
    assert_eq!(exit, Exit::Ok, "{text}");
    for part in
        ["pick.rhai", "33 % of 3 lines", "3 | let big = \"large\";", "lines reached: 1 of 3", "1 passed"]
    {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    let (exit, text) = pointsman(&["test", path, "--coverage-min", "80", "--format", "json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(exit, Exit::Problems);
    assert_eq!(json["coverage"][0]["missed"], serde_json::json!([3, 4]));
    assert_eq!(json["problems"][0]["rule"], "coverage", "{text}");
}

#[test]
fn replay_works_where_policies_have_cases() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    pointsman(&["init", path]);
    let (exit, text) = pointsman(&["replay", path, "--bundle", path]);
    assert!(exit == Exit::Problems && text.contains("keeps no records"), "{text}");
    let file = dir.path().join("gateway.yaml");
    let yaml = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, yaml + "records: { folder: ./records }\n").unwrap();
    let created = super::records::wait(crate::record::Archive::create(&dir.path().join("records")));
    drop(created.unwrap());
    let (exit, text) = pointsman(&["replay", path, "--bundle", path]);
    assert!(exit == Exit::Ok && text.starts_with("0 exchanges replayed"), "{text}");
}

/// Answers one request with `body` as `/status` would.
fn status_once(body: &'static str) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        let _ = std::io::Read::read(&mut stream, &mut asked).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    at
}

#[test]
fn explain_tells_the_branch_that_was_taken_and_takes_live_facts() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "providers: { demo: { kind: simulated } }\nmodels:\n  a: { provider: demo, price: { input: 1.0, output: 2.0 } }\n  b: { provider: demo }\nroutes:\n  - { name: r, models: [m], policies: [{ pick: { least: 3 } }] }\npolicies: .\n";
    std::fs::write(dir.path().join("gateway.yaml"), yaml).unwrap();
    let policy = "//! Picks.\n//! with least: int = 1   characters\nfn route() {\n    if req.last_user.len >= ctx.with.least {\n        return plan(ctx.candidates.healthy().priced());\n    }\n    \"a\"\n}\n";
    std::fs::write(dir.path().join("pick.rhai"), policy).unwrap();
    let request = dir.path().join("request.json");
    std::fs::write(&request, r#"{"model": "m", "messages": [{"role": "user", "content": "Hello"}]}"#)
        .unwrap();
    let args = ["explain", request.to_str().unwrap(), "--config", dir.path().to_str().unwrap()];
    let (exit, text) = pointsman(&args);
    assert_eq!(exit, Exit::Ok, "{text}");
    for part in [
        "no live ones",
        "line 4: if req.last_user.len >= ctx.with.least -> holds   (req.last_user.len = 5, ctx.with.least = 3)",
        "b: priced(), ",
        "=> tries a",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    let at = status_once(
        r#"{"models": {"a": {"healthy": false, "error_rate": 1.0, "in_flight": 0, "headroom": 1.0, "samples": 9},
            "b": {"healthy": true, "p95_ms": 700.0, "error_rate": 0.0, "in_flight": 2, "headroom": 1.0, "samples": 9,
                  "price": {"input": 3.0, "output": 4.0}}}}"#,
    );
    let (exit, text) = pointsman(&[&args[..], &["--admin", &at.to_string()]].concat());
    assert_eq!(exit, Exit::Ok, "{text}");
    for part in ["live, from 127.0.0.1", "a: healthy(), ", "=> tries b", "1. b: "] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}
