//! The matrix word for word: what every provider is sent of every kind of
//! request, and what every client is told of every kind of answer, with what is
//! reported as dropped. One file a pair of dialects, to be read by people; a
//! change of a translation is a change of these files.
//!
//! `POINTSMAN_GOLDEN=write cargo test --test matrix golden` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pointsman::dialect;
use pointsman::ir::Dialect;
use pointsman::sse::Framing;
use serde_json::{Map, Value, json};

use crate::answers::{can_say, streamed, whole};
use crate::documented::{bytes, events, framing, pieces, reply, told};
use crate::outward::cell;
use crate::requests::{self, request};
use crate::said::{self, said};

const REFRESH: &str = "POINTSMAN_GOLDEN";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matrix/golden")
}

/// The file of a pair, below the folder.
fn file(what: &str, from: Dialect, to: Dialect) -> String {
    format!("{what}/{}/{}.json", from.name(), to.name())
}

/// What a provider of `to` is sent of the requests that clients of `from` make.
fn sent(from: Dialect, to: Dialect) -> Value {
    let mut cases = Map::new();
    for kind in requests::Kind::ALL {
        let Some(body) = request(from, kind) else { continue };
        let case = match cell(from, &body, to) {
            Ok((body, dropped)) => {
                json!({ "body": serde_json::from_str::<Value>(&body).unwrap(), "dropped": dropped })
            }
            Err(error) => json!({ "refused": error.message }),
        };
        cases.insert(format!("{kind:?}"), case);
    }
    Value::Object(cases)
}

/// Kinds whose streams are kept as well: the others differ in single frames.
const STREAMED: [said::Kind; 4] =
    [said::Kind::Tool, said::Kind::NoArguments, said::Kind::Thought, said::Kind::Filtered];

/// What a client of `to` is told of the answers that a provider of `from` gives.
fn read(from: Dialect, to: Dialect) -> Value {
    let outbound = dialect::outbound(from).unwrap();
    let mut cases = Map::new();
    let mut add = |name: String, whole: &Value, stream: Option<(Framing, String)>| {
        let response = outbound.decode_response(whole.to_string().as_bytes()).unwrap();
        let body = dialect::inbound(to).unwrap().encode_response(&response, &reply());
        let mut case = json!({ "whole": serde_json::from_slice::<Value>(&body).unwrap(), "dropped": dialect::untold(&response, to) });
        if let Some((framing, stream)) = stream {
            let stream = told(to, &events(from, framing, stream.as_bytes()));
            let lines: Vec<&str> = stream.lines().filter(|line| !line.is_empty()).collect();
            case["stream"] = json!(lines);
        }
        let fresh = cases.insert(name.clone(), case).is_none();
        assert!(fresh, "two cases `{name}` of {}", from.name());
    };
    for kind in said::Kind::ALL {
        let said = said(kind);
        if can_say(from, &said) {
            let stream = STREAMED.contains(&kind).then(|| streamed(from, &said));
            add(format!("{kind:?}"), &whole(from, &said), stream);
        }
    }
    for (at, piece) in pieces(from).into_iter().enumerate() {
        let cited = piece.name.contains("citation") || piece.name.contains("location");
        let stream = cited.then(|| (framing(from), bytes(from, &piece.stream)));
        add(format!("{at}. {}", piece.name), &piece.whole, stream);
    }
    Value::Object(cases)
}

/// All files and what they must hold.
fn expected() -> Vec<(String, Value)> {
    let mut files = Vec::new();
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            if dialect::inbound(from).is_some() {
                files.push((file("requests", from, to), sent(from, to)));
            }
            if dialect::inbound(to).is_some() {
                files.push((file("answers", from, to), read(from, to)));
            }
        }
    }
    files
}

/// The lines in which two texts differ, with what stands around them.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let tail = tail.min(old.len().min(new.len()) - same);
    let mut text = String::new();
    let case = old[..same].iter().rev().find(|line| line.starts_with("  \"")).unwrap_or(&"");
    writeln!(text, "{case}").unwrap();
    for line in &old[same.saturating_sub(3)..same] {
        writeln!(text, "  {line}").unwrap();
    }
    for (sign, lines) in [('-', &old[same..old.len() - tail]), ('+', &new[same..new.len() - tail])] {
        for line in lines.iter().take(12) {
            writeln!(text, "{sign} {line:.200}").unwrap();
        }
        if lines.len() > 12 {
            writeln!(text, "{sign} ... {} lines more", lines.len() - 12).unwrap();
        }
    }
    text
}

#[test]
fn golden_files_hold_what_is_said() {
    let refresh = std::env::var_os(REFRESH).is_some_and(|word| word == "write");
    let mut wrong = Vec::new();
    for (name, value) in expected() {
        let path = folder().join(&name);
        let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
        if refresh {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(held) if held == text => {}
            Ok(held) => wrong.push(format!("{name}:\n{}", difference(&held, &text))),
            Err(_) => wrong.push(format!("{name}: there is none")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of the golden files differ. If the new words are right, write them: {REFRESH}=write cargo test --test matrix golden\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_pair_has_its_golden_file_and_none_is_orphaned() {
    let expected: BTreeSet<String> = expected().into_iter().map(|(name, _)| name).collect();
    let speaking = Dialect::ALL.into_iter().filter(|of| dialect::inbound(*of).is_some()).count();
    assert_eq!(expected.len(), 2 * speaking * Dialect::ALL.len());
    let mut found = BTreeSet::new();
    let mut folders = vec![folder()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(&inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder()).unwrap().components();
                let name: Vec<_> = name.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
                found.insert(name.join("/"));
            }
        }
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    let orphaned: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && orphaned.is_empty(), "missing {missing:?}, orphaned {orphaned:?}");
}
