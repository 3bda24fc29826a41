//! Files and batches of the simulated provider, in memory and bounded: a batch
//! is over once the slowest of its lines would have been answered.
//!
//! Source of the form: OpenAI API reference "Files" and "Batch", checked 2026-11-21.

use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::batch::{Batch, played};
use super::marks::{FULL, new_id, seconds};
use super::{Simulated, failure, headers, later};
use crate::dialect::multipart::{Scanner, boundary};
use crate::error::{Error, Result};
use crate::provider::Simulate;
use crate::upstream::call::Call;
use crate::upstream::reply::Reply;

/// Most bytes of an account's files.
const BYTES: usize = 64 << 20;
/// Most files, and most batches, of an account.
const THINGS: usize = 1_000;
/// Things on a page where a list is asked for without a limit.
const PAGE: usize = 20;

/// What is kept, by provider.
#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<AHashMap<String, Account>>);

/// What one account keeps, oldest first.
#[derive(Debug, Default)]
struct Account {
    files: Vec<File>,
    batches: Vec<Batch>,
}

#[derive(Debug)]
struct File {
    id: String,
    about: Value,
    content: Bytes,
}

/// Status and JSON of a small answer.
type Said = std::result::Result<Value, (StatusCode, String)>;

impl Accounts {
    /// Whether what comes at `path` is kept here.
    pub(super) fn keep(path: &str) -> bool {
        matches!(path.split(['/', '?']).next(), Some("files" | "batches"))
    }

    /// Answers `call`; lines of batches are answered by `simulated` as `behaviour` casts it.
    pub(super) async fn answer(
        &self,
        call: Call<'_>,
        behaviour: &Simulate,
        simulated: &Simulated,
    ) -> Result<Reply> {
        let body = match call.upload {
            Some(upload) => match upload.whole(BYTES).await {
                Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => return Ok(full()),
                read => read.map_err(|_| Error::invalid("the body broke off"))?,
            },
            None => call.wire.body,
        };
        let (path, query) = call.wire.path.split_once('?').unwrap_or((&call.wire.path, ""));
        let parts: Vec<&str> = path.split('/').collect();
        let mut accounts = self.0.lock();
        let account = accounts.entry(call.model.provider.name.to_string()).or_default();
        account.ripen();
        let said = match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["files"]) => account.upload(&body, call.content_type.as_ref()),
            ("POST", ["batches"]) => account.order(&body, behaviour, simulated),
            ("GET", ["files"]) => Ok(list(account.files.iter().map(|file| &file.about), query)),
            ("GET", ["batches"]) => Ok(list(account.batches.iter().map(|batch| &batch.about), query)),
            ("GET", ["files", id]) => account.file(id).map(|file| file.about.clone()),
            ("GET", ["files", id, "content"]) => match account.file(id) {
                Ok(file) => return Ok(content(&file.content)),
                Err(said) => Err(said),
            },
            ("DELETE", ["files", id]) => account.delete(id),
            ("GET", ["batches", id]) => account.batch(id).map(|batch| batch.about.clone()),
            ("POST", ["batches", id, "cancel"]) => account.batch(id).map(Batch::cancel),
            _ => Err((StatusCode::NOT_FOUND, format!("the simulated provider has no `{path}`"))),
        };
        Ok(reply(said))
    }
}

impl Account {
    /// Ends the batches whose time has come.
    fn ripen(&mut self) {
        for batch in &mut self.batches {
            for (name, lines) in batch.ripe().into_iter().flatten() {
                let file = File::new("batch_output", name, Bytes::from(lines));
                batch.set(name, Value::from(file.id.clone()));
                self.files.push(file);
            }
        }
    }

    /// Bytes that it takes.
    fn size(&self) -> usize {
        let files = self.files.iter().map(|file| file.content.len());
        files.chain(self.batches.iter().map(Batch::size)).sum()
    }

    fn file(&self, id: &str) -> std::result::Result<&File, (StatusCode, String)> {
        self.files.iter().find(|file| file.id == id).ok_or_else(|| missing("File", id))
    }

    fn batch(&mut self, id: &str) -> std::result::Result<&mut Batch, (StatusCode, String)> {
        self.batches.iter_mut().find(|batch| batch.id == id).ok_or_else(|| missing("Batch", id))
    }

    fn upload(&mut self, body: &Bytes, content_type: Option<&HeaderValue>) -> Said {
        let refused = |text: &str| (StatusCode::BAD_REQUEST, text.to_owned());
        let boundary = content_type.and_then(|kind| kind.to_str().ok()).and_then(boundary);
        let mut scanner = Scanner::new(&boundary.ok_or_else(|| refused("send a form"))?);
        let (mut purpose, mut file) = (None, None);
        let read = scanner.push(body, |part| {
            let content = body.slice(part.content.clone());
            match part.name.as_str() {
                "purpose" => purpose = Some(String::from_utf8_lossy(&content).into_owned()),
                "file" => file = Some((part.filename.unwrap_or_default(), content)),
                _ => {}
            }
            Ok(())
        });
        read.map_err(|error| refused(&error.message))?;
        let (name, content) = file.ok_or_else(|| refused("the form has no `file`"))?;
        if self.size() + content.len() > BYTES || self.files.len() >= THINGS {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, FULL.to_owned()));
        }
        // Not the form, of which the content is a part.
        let content = Bytes::copy_from_slice(&content);
        let file = File::new(&purpose.ok_or_else(|| refused("the form has no `purpose`"))?, &name, content);
        let about = file.about.clone();
        self.files.push(file);
        Ok(about)
    }

    fn delete(&mut self, id: &str) -> Said {
        self.file(id)?;
        self.files.retain(|file| file.id != id);
        Ok(json!({ "id": id, "object": "file", "deleted": true }))
    }

    fn order(&mut self, body: &[u8], behaviour: &Simulate, simulated: &Simulated) -> Said {
        let refused = |text: String| (StatusCode::BAD_REQUEST, text);
        let order: Value = serde_json::from_slice(body).map_err(|at| refused(at.to_string()))?;
        let text = |name: &str| {
            let value = order.get(name).and_then(Value::as_str);
            value.ok_or_else(|| refused(format!("`{name}` is missing")))
        };
        let (input, endpoint) = (text("input_file_id")?, text("endpoint")?);
        if self.batches.len() >= THINGS {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, FULL.to_owned()));
        }
        let lines = self.file(input)?.content.clone();
        let mut batch = Batch::new(&order, input, endpoint);
        let room = BYTES.saturating_sub(self.size());
        batch.begin(played((&lines, endpoint), room, behaviour, simulated));
        let about = batch.about.clone();
        self.batches.push(batch);
        Ok(about)
    }
}

impl File {
    fn new(purpose: &str, name: &str, content: Bytes) -> Self {
        let id = new_id("file-sim-");
        let about = json!({
            "id": id, "object": "file", "bytes": content.len(), "created_at": seconds(),
            "filename": name, "purpose": purpose, "status": "processed",
        });
        Self { id, about, content }
    }
}

/// A page of a list, newest first.
fn list<'a>(all: impl DoubleEndedIterator<Item = &'a Value>, query: &str) -> Value {
    let said = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let limit = said("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
    let id = |item: &Value| item.get("id").and_then(Value::as_str).map(str::to_owned);
    let newest: Vec<&Value> = all.rev().collect();
    let after =
        said("after").and_then(|after| newest.iter().position(|item| id(item).as_deref() == Some(after)));
    let rest = newest.get(after.map_or(0, |at| at + 1)..).unwrap_or_default();
    let page: Vec<&Value> = rest.iter().copied().take(limit).collect();
    json!({
        "object": "list", "data": page, "has_more": rest.len() > page.len(),
        "first_id": page.first().and_then(|item| id(item)), "last_id": page.last().and_then(|item| id(item)),
    })
}

fn full() -> Reply {
    failure(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", FULL)
}

fn missing(what: &str, id: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("No such {what} object: {id}"))
}

fn reply(said: Said) -> Reply {
    match said {
        Ok(body) => Reply {
            status: StatusCode::OK,
            headers: headers("application/json"),
            body: later(Duration::ZERO, body.to_string().into_bytes()),
        },
        Err((status, message)) => failure(status, "invalid_request_error", &message),
    }
}

fn content(content: &Bytes) -> Reply {
    Reply {
        status: StatusCode::OK,
        headers: headers("application/octet-stream"),
        body: later(Duration::ZERO, content.to_vec()),
    }
}
