//! Embeddings and reranking as translations: in as many calls as the provider needs.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{Asked, Finished, Outgoing, Step, Translation, over};
use crate::dialect::{ReplyFacts, Target, Wire, embed, rerank};
use crate::error::{Error, Result};
use crate::ir::{EmbedResponse, RerankRequest, Units, VectorEncoding};

struct Embedding {
    form: embed::Form,
    calls: VecDeque<Wire>,
    encoding: VectorEncoding,
    inputs: usize,
    so_far: Option<EmbedResponse>,
    dropped: Vec<String>,
    reply: ReplyFacts,
}

/// Embeds in pieces of what the provider takes at once.
pub(super) fn embed(
    form: embed::Form,
    asked: &Asked<'_>,
    target: &Target<'_>,
    reply: ReplyFacts,
) -> Result<Box<dyn Translation>> {
    let request = embed::decode_request(asked.body)?;
    let calls = request.pieces(form.most_inputs()).map(|piece| form.encode(&piece, target));
    let mut calls = calls.collect::<Result<VecDeque<_>>>()?;
    let dropped = calls.front_mut().map(|call| std::mem::take(&mut call.dropped)).unwrap_or_default();
    let (encoding, inputs) = (request.encoding, request.inputs.len());
    Ok(Box::new(Embedding { form, calls, encoding, inputs, so_far: None, dropped, reply }))
}

impl Translation for Embedding {
    fn step(&mut self, answer: Option<Bytes>) -> Result<Step> {
        if let Some(body) = answer {
            let piece = self.form.decode(&body)?;
            match &mut self.so_far {
                Some(so_far) => so_far.append(piece),
                None => self.so_far = Some(piece),
            }
        }
        if let Some(wire) = self.calls.pop_front() {
            return Ok(Step::Ask { after: Duration::ZERO, call: Outgoing::json(wire) });
        }
        let response = self.so_far.take().ok_or_else(over)?;
        if response.vectors.len() < self.inputs {
            let (got, asked) = (response.vectors.len(), self.inputs);
            return Err(Error::bad_answer(format!(
                "the provider answered {asked} inputs with {got} vectors"
            )));
        }
        let body = embed::encode_response(&response, self.encoding, &self.reply);
        let (usage, units) = (response.usage, Units::default());
        Ok(Step::Done(Finished { body, content_type: "application/json", usage, units }))
    }

    fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

struct Reranking {
    form: rerank::Form,
    client: rerank::Form,
    request: RerankRequest,
    call: Option<Wire>,
    dropped: Vec<String>,
    reply: ReplyFacts,
}

/// Reranks; `None` where the client speaks the provider's form already.
pub(super) fn rerank(
    form: rerank::Form,
    asked: &Asked<'_>,
    target: &Target<'_>,
    reply: ReplyFacts,
) -> Result<Option<Box<dyn Translation>>> {
    let (request, client) = rerank::decode_request(asked.body)?;
    if (form == rerank::Form::Voyage) == (client == rerank::Form::Voyage) {
        return Ok(None);
    }
    let mut wire = form.encode(&request, target)?;
    let dropped = std::mem::take(&mut wire.dropped);
    Ok(Some(Box::new(Reranking { form, client, request, call: Some(wire), dropped, reply })))
}

impl Translation for Reranking {
    fn step(&mut self, answer: Option<Bytes>) -> Result<Step> {
        if let Some(wire) = self.call.take() {
            return Ok(Step::Ask { after: Duration::ZERO, call: Outgoing::json(wire) });
        }
        let response = self.form.decode(&answer.ok_or_else(over)?)?;
        let body = rerank::encode_response(&response, &self.request, self.client, &self.reply);
        let (usage, units) = (response.usage, Units::default());
        Ok(Step::Done(Finished { body, content_type: "application/json", usage, units }))
    }

    fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;
    use crate::ir::Endpoint;

    #[test]
    fn an_answer_with_too_few_vectors_is_none() {
        let body = Bytes::from_static(br#"{"model":"x","input":["a","b"]}"#);
        let asked = Asked { endpoint: Endpoint::Embeddings, path: "embeddings", body: &body, parts: &[] };
        let quirks = Quirks::default();
        let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
        for (answer, right) in
            [(r#"{"embeddings":[[0.5],[1.5]]}"#, true), (r#"{"embeddings":[[0.5]]}"#, false)]
        {
            let mut machine = embed(embed::Form::Ollama, &asked, &target, ReplyFacts::default()).unwrap();
            assert!(matches!(machine.step(None), Ok(Step::Ask { .. })));
            let answer = Bytes::from_static(answer.as_bytes());
            assert_eq!(machine.step(Some(answer)).is_ok(), right);
        }
    }
}
