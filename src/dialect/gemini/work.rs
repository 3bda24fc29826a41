//! Code that ran at Google and searches that it made: parts of a content, and
//! the words searched for in the grounding metadata of a candidate.
//!
//! Source: Gemini API reference "ExecutableCode", "CodeExecutionResult",
//! "GroundingMetadata", checked 2026-11-22.

use serde_json::{Map, Value, json};

use crate::dialect::work::{Call, Language, Outcome, Work};
use crate::ir::BESIDE;

/// What a part, or what stands beside the parts of a candidate, says was done.
pub(in crate::dialect) fn read(value: &Value) -> Option<Work> {
    let text =
        |inner: &Value, name: &str| inner.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let either = |camel: &str, snake: &str| value.get(camel).or_else(|| value.get(snake));
    if let Some(inner) = either("executableCode", "executable_code") {
        let call = Some(Call::Code(Language::Python, text(inner, "code")));
        return Some(Work { id: text(inner, "id"), call, ..Work::default() });
    }
    if let Some(inner) = either("codeExecutionResult", "code_execution_result") {
        let failed = text(inner, "outcome") != OK;
        let outcome = Some(Outcome::Printed(text(inner, "output"), failed));
        return Some(Work { id: text(inner, "id"), outcome, ..Work::default() });
    }
    searched(value.get("candidate").or_else(|| value.get(BESIDE))?.get(METADATA)?)
}

/// What grounding metadata says was searched for.
pub(in crate::dialect) fn searched(metadata: &Value) -> Option<Work> {
    let queries = metadata.get(QUERIES)?.as_array()?.iter();
    let queries: Vec<String> = queries.filter_map(|query| query.as_str().map(str::to_owned)).collect();
    (!queries.is_empty()).then(|| Work { call: Some(Call::Search(queries)), ..Work::default() })
}

/// Where the metadata stands, and the words in it.
pub(in crate::dialect) const METADATA: &str = "groundingMetadata";
const QUERIES: &str = "webSearchQueries";

const OK: &str = "OUTCOME_OK";

/// The parts of what another provider did. Ids are not written: the order pairs them.
pub(super) fn parts(work: &Work, out: &mut Vec<Value>) {
    if let Some(Call::Code(language, code)) = &work.call {
        let language = match language {
            Language::Python => "PYTHON",
            Language::Bash => "LANGUAGE_UNSPECIFIED",
        };
        out.push(json!({ "executableCode": { "language": language, "code": code } }));
    }
    if let Some(Outcome::Printed(words, failed)) = &work.outcome {
        let outcome = if *failed { "OUTCOME_FAILED" } else { OK };
        out.push(json!({ "codeExecutionResult": { "outcome": outcome, "output": words } }));
    }
}

/// Searches of another provider, gathered for the metadata.
#[derive(Debug, Default)]
pub(super) struct Searches {
    queries: Vec<String>,
    found: Vec<(String, String)>,
}

impl Searches {
    /// Adds what `work` says of them.
    pub(super) fn add(&mut self, work: Work) {
        if let Some(Call::Search(queries)) = work.call {
            self.queries.extend(queries);
        }
        if let Some(Outcome::Found(pages)) = work.outcome {
            self.found.extend(pages);
        }
    }

    /// The metadata, with what is `cited`.
    pub(super) fn beside(self, cited: Option<Value>) -> Option<Value> {
        if self.queries.is_empty() && self.found.is_empty() {
            return cited;
        }
        let mut metadata = match cited {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        if !self.queries.is_empty() {
            metadata.insert(QUERIES.to_owned(), json!(self.queries));
        }
        let chunks = metadata.entry("groundingChunks").or_insert_with(|| json!([]));
        if let Value::Array(chunks) = chunks {
            for (uri, title) in self.found {
                let known = |chunk: &Value| chunk.pointer("/web/uri").is_some_and(|known| *known == uri);
                if !chunks.iter().any(known) {
                    chunks.push(json!({ "web": { "uri": uri, "title": title } }));
                }
            }
        }
        Some(Value::Object(metadata))
    }
}
