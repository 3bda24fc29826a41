//! Requests to order documents.

use serde_json::{Map, Value, json};

use super::Form;
use crate::dialect::Target;
use crate::dialect::fields::{Fields, Path};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{RerankDocument, RerankRequest};

/// Decodes a client's request and tells in which form it came.
///
/// # Errors
/// `InvalidRequest` with the field at fault.
pub fn decode_request(body: &[u8]) -> Result<(RerankRequest, Form)> {
    let value = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))?;
    let mut fields = Fields::of(value, Path::Root)?;
    let model = fields.need_string("model")?;
    let query = fields.need_string("query")?;
    let documents = fields.list("documents")?.filter(|list| !list.is_empty());
    let documents =
        documents.ok_or_else(|| Path::Root.field("documents").must_be("a list that is not empty"))?;
    let documents = documents.into_iter().enumerate().map(|(at, document)| match document {
        Value::String(text) => Ok(RerankDocument::Text(text)),
        object @ Value::Object(_) => Ok(RerankDocument::Object(object)),
        _ => Err(Path::Root.field("documents").index(at).must_be("a string or an object")),
    });
    let documents = documents.collect::<Result<_>>()?;
    let top_n = fields.u64("top_n")?;
    let top_k = fields.u64("top_k")?;
    let return_documents = fields.bool("return_documents")?;
    let extra = fields.rest();
    let voyage = top_k.is_some() || extra.get("truncation").is_some();
    let form = if voyage { Form::Voyage } else { Form::Cohere };
    let top = top_n.or(top_k);
    Ok((RerankRequest { model, query, documents, top, return_documents, extra }, form))
}

/// Extra fields that each form knows.
const fn known(form: Form) -> &'static [&'static str] {
    match form {
        Form::Cohere => &["max_tokens_per_doc", "priority", "rank_fields", "max_chunks_per_doc"],
        Form::Jina => &["truncate", "max_chunk_per_doc", "rank_fields", "provider"],
        Form::Voyage => &["truncation"],
    }
}

/// Encodes `request` in the form; what cannot be carried goes to `dropped`.
///
/// # Errors
/// `Unsupported` for documents without a text towards Cohere and Voyage.
pub(super) fn encode(
    form: Form,
    request: &RerankRequest,
    target: &Target<'_>,
    dropped: &mut Vec<String>,
) -> Result<Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), Value::from(target.model));
    body.insert("query".to_owned(), Value::from(request.query.as_str()));
    let documents = request.documents.iter().enumerate().map(|(at, document)| match (document, form) {
        (RerankDocument::Object(object), Form::Jina) => Ok(object.clone()),
        (document, _) => document.text().map(Value::from).ok_or_else(|| no_text(at)),
    });
    body.insert("documents".to_owned(), Value::Array(documents.collect::<Result<_>>()?));
    let top = if form == Form::Voyage { "top_k" } else { "top_n" };
    body.extend(request.top.map(|count| (top.to_owned(), json!(count))));
    // The documents that come back are the client's own: they need not travel twice.
    if form == Form::Jina {
        body.insert("return_documents".to_owned(), Value::from(false));
    }
    for (name, value) in request.extra.iter() {
        if known(form).contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        } else {
            dropped.push(name.clone());
        }
    }
    Ok(Value::Object(body))
}

fn no_text(at: usize) -> Error {
    let message = "this provider ranks texts: give each document a `text`";
    Error::new(Kind::Unsupported, Origin::Client, message).with_param(format!("documents[{at}]"))
}
