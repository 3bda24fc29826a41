//! What `cli` promises, as tests.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::{Arguments, Exit, Output, dispatch};
use clap::{CommandFactory, Parser};

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
    let (exit, text) = pointsman(&["init", path]);
    assert_eq!(exit, Exit::Problems, "{text}");
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
fn the_schemas_in_the_repository_are_fresh() {
    for (name, text) in super::schema::all() {
        let path = format!("{}/schemas/{name}", env!("CARGO_MANIFEST_DIR"));
        let stands = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stands == text, "{path} is stale: run `cargo run -- schema --write schemas`");
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
