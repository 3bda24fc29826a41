//! Pictures: OpenAI's form towards clients, each vendor's towards its provider.

mod midjourney;
mod stability;

use serde_json::{Map, Value};

pub(super) use midjourney::midjourney;
pub(super) use stability::stability;

use super::{Asked, object};
use crate::error::{Error, Result};

/// Most pictures of one request. Source: OpenAI API reference "Create image", checked 2026-11-21.
const MOST: u64 = 10;

/// What a client asks for, whether as JSON or as a form.
struct Picture {
    prompt: String,
    count: u64,
    size: Option<(u32, u32)>,
    output_format: String,
    fields: Map<String, Value>,
    dropped: Vec<String>,
}

impl Picture {
    fn read(asked: &Asked<'_>) -> Result<Self> {
        let mut fields = if asked.parts.is_empty() {
            object(asked.body)?
        } else {
            let texts = asked.parts.iter().filter(|part| part.filename.is_none());
            texts
                .filter_map(|part| Some((part.name.clone(), Value::from(asked.field(&part.name)?))))
                .collect()
        };
        fields.shift_remove("model");
        let text = |fields: &mut Map<String, Value>, name: &str| match fields.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        };
        let prompt = text(&mut fields, "prompt").filter(|prompt| !prompt.is_empty());
        let prompt = prompt.ok_or_else(|| Error::invalid("`prompt` must be given").with_param("prompt"))?;
        let count = text(&mut fields, "n").map_or(Ok(1), |n| n.parse::<u64>());
        let count = count.ok().filter(|n| (1..=MOST).contains(n));
        let count =
            count.ok_or_else(|| Error::invalid(format!("`n` must be 1 to {MOST}")).with_param("n"))?;
        let size = text(&mut fields, "size").filter(|size| size != "auto");
        let size = size.map(|size| {
            let parsed = size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            parsed
                .filter(|(w, h): &(u32, u32)| *w > 0 && *h > 0)
                .ok_or_else(|| Error::invalid("`size` must be `WIDTHxHEIGHT` or `auto`").with_param("size"))
        });
        let output_format = text(&mut fields, "output_format").unwrap_or_else(|| "png".to_owned());
        Ok(Self { prompt, count, size: size.transpose()?, output_format, fields, dropped: Vec::new() })
    }

    /// The fields among `own` as texts; all others are reported as dropped.
    fn own(&mut self, own: &[&str]) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (name, value) in std::mem::take(&mut self.fields) {
            match value {
                Value::Null => {}
                Value::String(text) if own.contains(&name.as_str()) => kept.push((name, text)),
                value if own.contains(&name.as_str()) => kept.push((name, value.to_string())),
                _ => self.dropped.push(name),
            }
        }
        kept
    }
}
