//! Every code block of the documentation holds: scripts compile and hold their
//! cases, YAML follows its schema, commands exist, requests are JSON.

use std::path::PathBuf;

use clap::Parser as _;
use serde_json::Value;

use super::{Arguments, pointsman, root};
use crate::cli::Exit;
use crate::policy::{Limits, Policies, case};

/// A code block of a page.
struct Block {
    /// `docs/cookbook.md:12`.
    place: String,
    /// The heading above it.
    heading: String,
    language: String,
    text: String,
}

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let top = ["README.md", "CONTRIBUTING.md"].map(|name| root().join(name));
    let mut pages: Vec<PathBuf> =
        docs.chain(top).filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.sort();
    pages
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let (mut heading, mut open): (String, Option<Block>) = (String::new(), None);
        for (at, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(language)) => {
                    let place = format!("{}:{}", page.strip_prefix(root()).unwrap().display(), at + 1);
                    let (heading, language) = (heading.clone(), language.to_owned());
                    open = Some(Block { place, heading, language, text: String::new() });
                }
                (Some(_), Some("")) => blocks.extend(open.take()),
                (Some(block), _) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) if line.starts_with('#') => {
                    heading = line.trim_start_matches('#').trim().to_owned();
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", page.display());
    }
    blocks
}

#[test]
fn every_code_block_of_the_pages_holds() {
    let mut bad = Vec::new();
    let mut seen = 0;
    for block in blocks() {
        seen += 1;
        let held = match block.language.as_str() {
            "rhai" => script(&block.text),
            "yaml" => yaml(&block.text),
            "sh" => commands(&block.text),
            "json" => serde_json::from_str::<Value>(&block.text).map(drop).map_err(|error| error.to_string()),
            // Run by tests/clients/readme.py.
            "python" if block.place.starts_with("README.md") => Ok(()),
            "ini" | "dockerfile" => started(&block.text),
            "text" => Ok(()),
            other => Err(format!("nobody checks blocks of `{other}`")),
        };
        if let Err(why) = held {
            bad.push(format!("{} ({}): {why}", block.place, block.heading));
        }
    }
    assert!(seen > 60, "{seen}");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// A whole policy, or what stands in a hook.
fn script(text: &str) -> Result<(), String> {
    let whole = if text.contains("fn ") { text.to_owned() } else { format!("fn route() {{\n{text}\n}}") };
    let told = |problems: &[crate::problem::Problem]| {
        problems.iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("; ")
    };
    let policies = Policies::from_sources([("block", whole.as_str())], Limits::default());
    let policies = policies.map_err(|problems| told(&problems))?;
    if policies.warnings.is_empty() { Ok(()) } else { Err(told(&policies.warnings)) }
}

/// Cases, or a part of gateway.yaml, or of a route in it.
fn yaml(text: &str) -> Result<(), String> {
    let value: Value = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
    if value.get("cases").is_some() {
        let (_, problems) = crate::yaml::read::<case::CaseFile>("cases.yaml".as_ref(), text);
        return problems.first().map_or(Ok(()), |problem| Err(problem.message.clone()));
    }
    let route =
        |value: Value| serde_json::json!({ "routes": [{ "name": "r", "policies": value["policies"] }] });
    let value = if value["policies"].is_array() { route(value) } else { value };
    let (_, schema) = pointsman(&["schema"]);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let found: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

/// Commands of ours parse, and requests in them are JSON.
/// A unit or a container's file: the command that it starts.
fn started(text: &str) -> Result<(), String> {
    let command = text.lines().find_map(|line| {
        let unit = line.strip_prefix("ExecStart=").map(str::to_owned);
        unit.or_else(|| {
            serde_json::from_str::<Vec<String>>(line.strip_prefix("ENTRYPOINT ")?).ok().map(|c| c.join(" "))
        })
    });
    let command = command.ok_or("nothing is started")?;
    commands(command.strip_prefix("/usr/local/bin/").unwrap_or(&command))
}

fn commands(text: &str) -> Result<(), String> {
    for line in text.replace("\\\n", " ").lines() {
        let others = ["cargo build ", "install "].iter().any(|command| line.starts_with(command));
        if others {
            continue;
        }
        let script = line.split_whitespace().next().unwrap_or_default();
        if script.starts_with("scripts/") || script.starts_with("bench/") {
            if !root().join(script).is_file() {
                return Err(format!("there is no {script}"));
            }
            continue;
        }
        let line =
            line.trim().trim_start_matches("cargo run --release -- ").trim_start_matches("cargo run -- ");
        let line = if line.starts_with("pointsman ") || line.is_empty() {
            line.to_owned()
        } else {
            format!("pointsman {line}")
        };
        let words = line.split('#').next().unwrap_or_default().split_whitespace();
        let ours = text.contains("cargo run") || text.contains("pointsman ");
        if ours && !line.contains("curl") && !line.is_empty() {
            Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        }
        if let Some((_, body)) = line.split_once("-d '") {
            let body = body.split('\'').next().unwrap_or_default();
            serde_json::from_str::<Value>(body).map_err(|error| format!("{body}: {error}"))?;
        }
    }
    Ok(())
}

#[test]
fn the_recipes_of_the_cookbook_hold_their_cases() {
    let dir = tempfile::tempdir().unwrap();
    let mut recipes = 0;
    for block in blocks().into_iter().filter(|block| block.place.starts_with("docs/cookbook.md")) {
        if block.language == "yaml" && !block.text.contains("cases:") {
            continue;
        }
        let number = block.heading.split('.').next().unwrap();
        let ending = if block.language == "rhai" { "rhai" } else { "cases.yaml" };
        recipes += usize::from(ending == "rhai");
        std::fs::write(dir.path().join(format!("r{number}.{ending}")), block.text).unwrap();
    }
    assert!(recipes >= 15, "{recipes}");
    let (exit, text) = pointsman(&["test", dir.path().to_str().unwrap(), "--coverage-min", "100"]);
    assert_eq!(exit, Exit::Ok, "{text}");
    let passed: usize = text.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(passed >= 2 * recipes, "{text}");
}

/// What `first-policy.md` tells to do, in a folder that `init` made.
#[test]
fn the_first_policy_can_be_followed() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("mine");
    let path = home.to_str().unwrap();
    assert_eq!(pointsman(&["init", path]).0, Exit::Ok);
    let told: Vec<Block> =
        blocks().into_iter().filter(|block| block.place.starts_with("docs/first-policy.md")).collect();
    let find = |language: &str, part: &str| {
        let found = told.iter().find(|block| block.language == language && block.text.contains(part));
        found.unwrap_or_else(|| panic!("no {language} block with {part}")).text.clone()
    };
    let policy = find("rhai", "with short");
    std::fs::write(home.join("policies/short.rhai"), &policy).unwrap();
    let yaml = std::fs::read_to_string(home.join("gateway.yaml")).unwrap();
    let (before, after) = ("route/by_length: { short: 400 }", "short: { short: 100 }");
    assert!(yaml.contains(before), "the page speaks of `{before}`");
    std::fs::write(home.join("gateway.yaml"), yaml.replace(before, after)).unwrap();
    let (exit, text) = pointsman(&["check", path]);
    assert_eq!(exit, Exit::Ok, "{text}");
    std::fs::write(home.join("policies/short.rhai"), policy.replace("ctx.candidates", "ctx.candidats"))
        .unwrap();
    let (exit, text) = pointsman(&["check", path]);
    assert_eq!(exit, Exit::Problems, "{text}");
    assert!(text.contains("did you mean `candidates`?"), "{text}");
    std::fs::write(home.join("policies/short.rhai"), &policy).unwrap();
    std::fs::write(home.join("policies/short.cases.yaml"), find("yaml", "cases:")).unwrap();
    let (exit, text) = pointsman(&["test", path]);
    assert_eq!(exit, Exit::Ok, "{text}");
    assert!(text.contains("short.rhai"), "{text}");
    let request = home.join("request.json");
    std::fs::write(&request, find("json", "messages")).unwrap();
    let (exit, text) = pointsman(&["explain", request.to_str().unwrap(), "--config", path]);
    assert_eq!(exit, Exit::Ok, "{text}");
    assert!(text.contains("req.last_user.len = "), "{text}");
}

/// The README names the clients that the suites pin, and no others.
#[test]
fn the_readme_names_the_clients_that_are_tested() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let named = |row: &str| -> std::collections::BTreeSet<String> {
        let line = readme.lines().find(|line| line.starts_with(row)).unwrap();
        line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let (mut python, mut node) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for suite in std::fs::read_dir(root().join("tests/clients")).unwrap().map(|entry| entry.unwrap().path()) {
        if let Ok(pinned) = std::fs::read_to_string(suite.join("requirements.in")) {
            let bare = |line: &str| line.split(['=', '>', '<', '[', ' ', '#']).next().unwrap().to_owned();
            python.extend(pinned.lines().map(bare).filter(|name| !name.is_empty() && name != "pytest"));
        }
        if let Ok(package) = std::fs::read_to_string(suite.join("package.json")) {
            let package: Value = serde_json::from_str(&package).unwrap();
            let names =
                package["dependencies"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
            node.extend(names.filter(|name| name != "zod"));
        }
    }
    assert_eq!((named("| Python |"), named("| Node |")), (python, node));
}

#[test]
fn the_readme_and_pages_link_to_what_is_there() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = page.parent().unwrap().join(file);
            assert!(target.exists(), "{} links to {link}", page.display());
        }
    }
}
