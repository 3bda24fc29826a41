//! Recorded exchanges, read without the crate's decoders.

use std::path::PathBuf;

use serde_json::Value;

/// One recorded exchange.
pub(crate) struct Case {
    /// Provider and folder.
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) status: u16,
    pub(crate) request: Option<Vec<u8>>,
    pub(crate) answer: Vec<u8>,
    pub(crate) streamed: bool,
}

/// All recordings of these providers; empty, with a word about it, when they are not there.
pub(crate) fn cases(providers: &[&str]) -> Vec<Case> {
    let shared = std::env::var("POINTSMAN_SHARED").map(PathBuf::from);
    let shared = shared
        .unwrap_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"))
        .join("traffic");
    let mut cases = Vec::new();
    for provider in providers {
        let Ok(folders) = std::fs::read_dir(shared.join(provider)) else {
            eprintln!("skipped: no recordings in {}", shared.display());
            return Vec::new();
        };
        for folder in folders.map(|folder| folder.unwrap().path()) {
            cases.extend(read(&folder));
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn read(folder: &std::path::Path) -> Option<Case> {
    let meta: Value = serde_json::from_slice(&std::fs::read(folder.join("meta.json")).ok()?).unwrap();
    let files = ["response.json", "response.sse", "response.ndjson", "response.txt"];
    let (file, answer) =
        files.iter().find_map(|file| Some((file, std::fs::read(folder.join(file)).ok()?)))?;
    Some(Case {
        name: format!("{}/{}", meta["provider"].as_str()?, folder.file_name()?.to_string_lossy()),
        endpoint: meta["endpoint"].as_str()?.to_owned(),
        status: u16::try_from(meta["status"].as_u64()?).unwrap(),
        request: std::fs::read(folder.join("request.json")).ok(),
        answer,
        streamed: *file == "response.sse",
    })
}

/// The payloads of a stream's frames.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("data:")).map(|data| data.trim().into()).collect()
}
