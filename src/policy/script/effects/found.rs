//! What `embed`, `search`, `http` and `moderate` give, as scripts see it.

use std::sync::Arc;

use rhai::{Dynamic, Engine, ImmutableString};
use serde_json::Value;

use crate::error::Error;
use crate::policy::EffectValue;
use crate::policy::script::host::Answered;
use crate::policy::script::turn::{Reply, absent, or_absent, raise};
use crate::policy::script::vocabulary::word::{from_json, getter, index};

/// A result in JSON, or why there is none.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The word that gave it.
    word: &'static str,
    result: Result<Arc<Value>, Error>,
}

impl Found {
    /// The result of `word`.
    pub(super) fn of(word: &'static str, answered: Answered) -> Self {
        let result = match answered {
            Ok(EffectValue::Json(value)) => Ok(Arc::new(value)),
            Ok(EffectValue::Answers(_)) => {
                Err(Error::internal("the gateway gave answers where a value belongs"))
            }
            Err(error) => Err(error),
        };
        Self { word, result }
    }

    /// The result itself.
    fn value(&self) -> Reply<&Value> {
        self.result.as_deref().map_err(|error| {
            raise(format!("`{}` failed ({}): test `ok` before using its result", self.word, error.message))
        })
    }

    /// The list that the result is, or holds under one of `names`.
    fn list(&self, names: &[&str]) -> Reply<Option<Dynamic>> {
        let value = self.value()?;
        let inner = names.iter().find_map(|name| value.get(name));
        Ok(inner.or(Some(value)).filter(|value| value.is_array()).map(from_json))
    }
}

/// Registers the view.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Found>("Result");
    getter("ok", "Whether it went well.", "if found.ok { .. }")
        .register_into_engine(engine, |found: &mut Found| found.result.is_ok());
    getter("error", "Why it did not, in words, or `()`.", "found.error ?? \"\"").register_into_engine(
        engine,
        |found: &mut Found| {
            or_absent(found.result.as_ref().err().map(|error| error.message.clone()), || {
                "result.error".to_owned()
            })
        },
    );
    getter("code", "Why it did not, as a code, or `()`.", "found.code ?? \"\"").register_into_engine(
        engine,
        |found: &mut Found| {
            or_absent(found.result.as_ref().err().map(|error| error.code().to_owned()), || {
                "result.code".to_owned()
            })
        },
    );
    getter(
        "value",
        "The whole result as maps and arrays. An error when it failed: test `ok` first.",
        "http(\"crm\", \"GET\", \"/me\").value",
    )
    .register_into_engine(engine, |found: &mut Found| found.value().map(from_json));
    getter(
        "passages",
        "The passages of a search, best first, as an array.",
        "search(\"docs\", req.last_user).passages",
    )
    .register_into_engine(engine, |found: &mut Found| {
        found
            .list(&["passages", "results", "matches"])
            .map(|list| list.unwrap_or_else(|| absent("result.passages")))
    });
    getter(
        "vectors",
        "The vectors of the texts, as an array of arrays.",
        "embed(\"e\", [\"a\", \"b\"]).vectors[1]",
    )
    .register_into_engine(engine, |found: &mut Found| {
        found.list(&["vectors", "embeddings"]).map(|list| list.unwrap_or_else(|| absent("result.vectors")))
    });
    getter("vector", "The vector of the only text.", "embed(\"e\", \"a\").vector").register_into_engine(
        engine,
        |found: &mut Found| -> Reply<Dynamic> {
            let list = found.list(&["vectors", "embeddings"])?;
            let first = list.and_then(|list| list.into_array().ok()).and_then(|list| list.into_iter().next());
            Ok(first.unwrap_or_else(|| absent("result.vector")))
        },
    );
    index(
        "A field of the result by name (`status`, `body`, `flagged`, ...); absent: `()`.",
        "http(\"crm\", \"GET\", \"/me\").status",
    )
    .register_into_engine(engine, |found: &mut Found, name: ImmutableString| -> Reply<Dynamic> {
        let field = found.value()?.get(name.as_str());
        Ok(field.map_or_else(|| absent(format!("result.{name}")), from_json))
    });
}
