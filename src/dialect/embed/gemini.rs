//! Gemini's `batchEmbedContents`; on Vertex `predict`.
//!
//! Sources: Gemini API reference "models.batchEmbedContents"; Vertex AI
//! reference "Text embeddings API", both checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::{Call, Side, carry, texts, vector};
use crate::dialect::Target;
use crate::error::Result;
use crate::ir::{EmbedRequest, EmbedResponse, Purpose, Usage};

/// The form.
pub(super) struct Gemini;

impl Side for Gemini {
    fn encode(&self, request: &EmbedRequest, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Call> {
        let mut shared = Map::new();
        carry(request, &["title"], &mut shared, dropped);
        let task = request.purpose.map(task);
        if target.quirks.vertex {
            return predict(request, target, task);
        }
        let model = format!("models/{}", target.model);
        shared.insert("model".to_owned(), Value::from(model.as_str()));
        shared.extend(task.map(|task| ("taskType".to_owned(), Value::from(task))));
        shared
            .extend(request.dimensions.map(|count| ("outputDimensionality".to_owned(), Value::from(count))));
        let requests = texts(request)?.into_iter().map(|text| {
            let mut one = shared.clone();
            one.insert("content".to_owned(), json!({"parts": [{"text": text}]}));
            Value::Object(one)
        });
        let body = json!({"requests": requests.collect::<Vec<_>>()});
        Ok(Call { path: format!("{model}:batchEmbedContents"), body })
    }

    fn decode(&self, answer: Value) -> Option<EmbedResponse> {
        let (vectors, counted) = if let Some(list) = answer.get("predictions").and_then(Value::as_array) {
            let vectors = list.iter().map(|one| vector::decode(one.pointer("/embeddings/values")?));
            let tokens = list.iter().map(|one| one.pointer("/embeddings/statistics/token_count")?.as_f64());
            (vectors.collect::<Option<Vec<_>>>()?, tokens.sum::<Option<f64>>())
        } else if let Some(list) = answer.get("embeddings").and_then(Value::as_array) {
            let vectors = list.iter().map(|one| vector::decode(one.get("values")?));
            (vectors.collect::<Option<Vec<_>>>()?, None)
        } else {
            (vec![vector::decode(answer.pointer("/embedding/values")?)?], None)
        };
        let stated = answer.pointer("/usageMetadata/promptTokenCount").and_then(Value::as_f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "token counts sent as floats"
        )]
        let usage =
            stated.or(counted).map(|tokens| Usage { input: tokens.max(0.0) as u64, ..Usage::default() });
        Some(EmbedResponse { model: String::new(), vectors, usage })
    }
}

/// Vertex's call.
fn predict(request: &EmbedRequest, target: &Target<'_>, task: Option<&str>) -> Result<Call> {
    let instances = texts(request)?.into_iter().map(|text| match task {
        Some(task) => json!({"content": text, "task_type": task}),
        None => json!({"content": text}),
    });
    let mut body = Map::new();
    body.insert("instances".to_owned(), Value::Array(instances.collect()));
    if let Some(count) = request.dimensions {
        body.insert("parameters".to_owned(), json!({"outputDimensionality": count}));
    }
    let path = format!("publishers/google/models/{}:predict", target.model);
    Ok(Call { path, body: Value::Object(body) })
}

/// The name of a purpose.
const fn task(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Query => "RETRIEVAL_QUERY",
        Purpose::Document => "RETRIEVAL_DOCUMENT",
        Purpose::Classification => "CLASSIFICATION",
        Purpose::Clustering => "CLUSTERING",
        Purpose::Similarity => "SEMANTIC_SIMILARITY",
    }
}
