//! Code that ran at Anthropic and searches that it made, as blocks: a
//! `server_tool_use`, and its result behind it.
//!
//! Source: Anthropic, Code execution tool, Web search tool; Python SDK 0.120,
//! `ServerToolUseBlock`, `CodeExecutionResultBlock`, checked 2026-11-22.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::dialect::ids;
use crate::dialect::work::{Call, Language, Outcome, Work};
use crate::hex::hex;

/// Begins every id of a provider's own call.
const ID: &str = "srvtoolu_";

/// What a block says was done.
pub(in crate::dialect) fn read(block: &Value) -> Option<Work> {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = block.get("type")?.as_str()?;
    if kind == "server_tool_use" {
        let input = block.get("input")?.as_object()?;
        let (field, call): (&str, fn(String) -> Call) = match block.get("name")?.as_str()? {
            "code_execution" => ("code", |code| Call::Code(Language::Python, code)),
            "bash_code_execution" => ("command", |code| Call::Code(Language::Bash, code)),
            "web_search" => ("query", |query| Call::Search(vec![query])),
            _ => return None,
        };
        let call = Some(call(input.get(field)?.as_str()?.to_owned()));
        let beside = (input.len() > 1).then_some("server_tool_use.input");
        return Some(Work { id: text(block, "id"), call, outcome: None, beside });
    }
    let content = block.get("content")?;
    let (outcome, beside) = match kind {
        "web_search_tool_result" => {
            let pages = content.as_array()?.iter().map(|page| (text(page, "url"), text(page, "title")));
            (Outcome::Found(pages.collect()), None)
        }
        "code_execution_tool_result" | "bash_code_execution_tool_result" => printed(content)?,
        _ => return None,
    };
    Some(Work { id: text(block, "tool_use_id"), call: None, outcome: Some(outcome), beside })
}

/// What code printed; of what is sealed nothing is known.
fn printed(content: &Value) -> Option<(Outcome, Option<&'static str>)> {
    let text = |name: &str| content.get(name).and_then(Value::as_str);
    if let Some(code) = text("error_code") {
        return Some((Outcome::Printed(code.to_owned(), true), None));
    }
    if content.get("encrypted_stdout").is_some() {
        return None;
    }
    let words = [text("stdout").unwrap_or_default(), text("stderr").unwrap_or_default()].concat();
    let failed = content.get("return_code").and_then(Value::as_i64).is_some_and(|code| code != 0);
    let files = content.get("content").and_then(Value::as_array).is_some_and(|files| !files.is_empty());
    Some((Outcome::Printed(words, failed), files.then_some("code_execution.files")))
}

/// Writes what another provider did, one piece after the other.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Writer {
    /// The id of the last call, what it was called with elsewhere, and its language.
    last: Option<(String, String, Language)>,
    written: usize,
}

impl Writer {
    /// Whether the call was written of which `work` tells the outcome.
    pub(in crate::dialect) fn is_called(&self, work: &Work) -> bool {
        self.last.as_ref().is_some_and(|(_, id, _)| *id == work.id)
    }

    /// The blocks of `work`; none of a search.
    pub(in crate::dialect) fn blocks(&mut self, work: &Work) -> Vec<Value> {
        let mut blocks = Vec::new();
        if let Some(Call::Code(language, code)) = &work.call {
            let id = self.id(&work.id, code);
            let (name, field) = match language {
                Language::Python => ("code_execution", "code"),
                Language::Bash => ("bash_code_execution", "command"),
            };
            blocks
                .push(json!({ "type": "server_tool_use", "id": id, "name": name, "input": { field: code } }));
            self.last = Some((id, work.id.clone(), *language));
        }
        if let Some(Outcome::Printed(words, failed)) = &work.outcome {
            let called = self.last.take().filter(|(_, id, _)| *id == work.id);
            let (id, _, language) =
                called.unwrap_or_else(|| (self.id(&work.id, words), String::new(), Language::Python));
            let kind = match language {
                Language::Python => "code_execution",
                Language::Bash => "bash_code_execution",
            };
            let (out, err) = if *failed { ("", words.as_str()) } else { (words.as_str(), "") };
            let content = json!({
                "type": format!("{kind}_result"), "stdout": out, "stderr": err,
                "return_code": i32::from(*failed), "content": [],
            });
            blocks.push(
                json!({ "type": format!("{kind}_tool_result"), "tool_use_id": id, "content": content }),
            );
        }
        blocks
    }

    /// An id in Anthropic's form: of the other provider's id, else of the words.
    fn id(&mut self, id: &str, words: &str) -> String {
        self.written += 1;
        if id.starts_with(ID) {
            return id.to_owned();
        }
        if !id.is_empty() {
            return format!("{ID}{}", ids::plain(id).replace('-', "_"));
        }
        let hash = hex(&Sha256::digest(words.as_bytes()));
        format!("{ID}{}{}", self.written, hash.get(..20).unwrap_or_default())
    }
}
