//! The recorded exchanges, read in place.

use std::path::PathBuf;

use serde_json::Value;

/// One recorded exchange.
pub struct Case {
    pub provider: String,
    pub name: String,
    pub endpoint: String,
    pub status: u16,
    /// Headers of the answer.
    pub headers: Vec<(String, String)>,
    folder: PathBuf,
}

impl Case {
    /// A file of the exchange, if it has one.
    pub fn read(&self, file: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.join(file)).ok()
    }

    /// The first eight hex digits of the name, by which people speak of it.
    pub fn label(&self) -> String {
        format!("{}/{}", self.provider, self.name)
    }
}

/// The recordings of these endpoints.
pub fn of(endpoints: &[&str]) -> Vec<Case> {
    let mut cases = all();
    cases.retain(|case| endpoints.contains(&case.endpoint.as_str()));
    cases
}

/// Every recording. Empty, and said so, where there are none:
/// they stand at `$POINTSMAN_SHARED`, else at `../shared` beside the project.
pub fn all() -> Vec<Case> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("POINTSMAN_SHARED").map_or(beside, PathBuf::from).join("traffic");
    let Ok(providers) = std::fs::read_dir(&root) else {
        println!("skipped: no recordings at {}", root.display());
        return Vec::new();
    };
    let folders =
        providers.flatten().filter_map(|entry| std::fs::read_dir(entry.path()).ok()).flatten().flatten();
    let mut cases: Vec<Case> = folders.filter_map(|entry| case(entry.path())).collect();
    cases.sort_by_key(Case::label);
    cases
}

fn case(folder: PathBuf) -> Option<Case> {
    let meta: Value = serde_json::from_slice(&std::fs::read(folder.join("meta.json")).ok()?).unwrap();
    let text = |name: &str| meta[name].as_str().unwrap_or_default().to_owned();
    Some(Case {
        provider: text("provider"),
        name: folder.file_name()?.to_string_lossy().into_owned(),
        endpoint: text("endpoint"),
        status: u16::try_from(meta["status"].as_u64().unwrap_or(200)).unwrap(),
        headers: headers(&meta),
        folder,
    })
}

/// The headers of a recorded answer; the type of its content always.
fn headers(meta: &Value) -> Vec<(String, String)> {
    let kept = meta["response_headers"].as_object().into_iter().flatten();
    let mut headers: Vec<(String, String)> = kept
        .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap_or_default().to_owned()))
        .filter(|(name, _)| {
            !["content-length", "transfer-encoding", "content-encoding", "connection", "content-type"]
                .contains(&name.as_str())
        })
        .collect();
    headers.extend(meta["content_type"].as_str().map(|kind| ("content-type".to_owned(), kind.to_owned())));
    headers
}
