//! Reading a provider's error, whatever its form: one body reader and one
//! table from status and words to a [`Kind`], shared by all dialects, because
//! servers that speak a dialect often send errors of another.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::redact::redact;
use super::{advice, cause};
use crate::error::{Error, Kind, Origin};

/// A provider's answer with an error status.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// HTTP status.
    pub status: u16,
    /// Headers of the answer.
    pub headers: &'a HeaderMap,
    /// The body, of any form.
    pub body: &'a [u8],
    /// Seconds since the Unix epoch, for waits that are given as a date.
    pub unix_seconds: u64,
}

impl Refused<'_> {
    /// The error that it means, for endpoints without a dialect of their own.
    #[must_use]
    pub fn error(&self) -> Error {
        read(self)
    }
}

/// Reads the error of a refused request.
pub(super) fn read(refused: &Refused<'_>) -> Error {
    let mut report = Report::read(refused.body);
    if report.class.is_empty() {
        // Bedrock names the class in a header alone: `ThrottlingException:http://...`.
        let class = refused.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        report.class = class.unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    }
    let mut error = report.error(refused.status);
    error.retry = advice::retry(refused, error.retry, report.delay);
    error
}

/// The error in an answer of status 200, in the places that servers share.
pub(super) fn hidden(value: &Value) -> Option<Error> {
    if value.get("error").is_some_and(says) {
        return Some(Report::of(value).error(200));
    }
    numbered(value.get("base_resp")?)
}

/// The error that MiniMax's `base_resp` of an answer of status 200 reports.
pub(super) fn numbered(base: &Value) -> Option<Error> {
    let code = base.get("status_code")?.as_i64()?;
    (code != 0).then(|| Report::of_numbered(base).error(200))
}

/// Whether the value of a field `error` reports one.
pub(super) fn says(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

/// Where bodies put what happened, in words for people.
const MESSAGES: [&str; 10] = [
    "message",
    "detail",
    "Message",
    "msg",
    "error_description",
    "err_msg",
    "error_msg",
    "description",
    "title",
    "status_msg",
];

/// What an error body says.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// `type` or `status`: the class of the error in the provider's words.
    pub(super) class: String,
    /// `code`, numbers as text.
    pub(super) code: String,
    /// What happened, for people.
    pub(super) message: String,
    /// The field at fault.
    pub(super) param: Option<String>,
    /// A wait that the body names.
    pub(super) delay: Option<Duration>,
    /// More words that tell the class (Google's `reason`s).
    pub(super) reasons: String,
    /// What went wrong, where the code is a number of the provider's own.
    numbered: Option<Kind>,
}

impl Report {
    /// Reads a body of any form: JSON objects and lists, HTML, plain text, nothing.
    pub(super) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body.trim_ascii()) {
            Ok(value) => Self::of(&value),
            Err(_) => Self { message: plain_text(body), ..Self::default() },
        }
    }

    /// Reads an error out of a JSON value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            // Gemini's streams wrap the error in a list.
            Value::Array(list) => list.first().map(Self::of).unwrap_or_default(),
            Value::String(text) => Self { message: text.clone(), ..Self::default() },
            Value::Object(fields) => Self::of_object(fields),
            _ => Self::default(),
        }
    }

    fn of_object(fields: &Map<String, Value>) -> Self {
        // ElevenLabs puts all of it under `detail`.
        let detail = || fields.get("detail").filter(|detail| detail.is_object());
        let named = ["error", "errors"].iter().find_map(|name| fields.get(*name).filter(|error| says(error)));
        let mut report = match named.or_else(detail) {
            Some(inner @ (Value::Object(_) | Value::String(_) | Value::Array(_))) => Self::of(inner),
            _ => fields.get("base_resp").map(Self::of_numbered).unwrap_or_default(),
        };
        let text = |name: &str| fields.get(name).map(words).unwrap_or_default();
        let fill = |place: &mut String, names: &[&str]| {
            if place.is_empty() {
                *place =
                    names.iter().map(|name| text(name)).find(|text| !text.is_empty()).unwrap_or_default();
            }
        };
        fill(&mut report.message, &MESSAGES);
        // `{"type": "error", "error": {...}}` and `{"object": "error"}` name no class.
        fill(&mut report.class, &["status", "error_type", "type", "__type", "err_code", "key"]);
        if report.class == "error" {
            report.class.clear();
        }
        fill(&mut report.code, &["code", "error_code", "http_status_code", "status_code", "http_code"]);
        report.param =
            report.param.or_else(|| fields.get("param").map(words).filter(|name| !name.is_empty()));
        if let Some(Value::Array(details)) = fields.get("details") {
            report.add_details(details);
        }
        if let Some(raw) = fields.get("metadata").and_then(|metadata| metadata.get("raw")) {
            report.add_raw(raw);
        }
        if let Some(seconds) = fields.get("resets_in_seconds").map(words) {
            report.delay = advice::seconds(&seconds).or(report.delay);
        }
        if let Some(Value::Object(inner)) = fields.get("innererror") {
            report.reasons.push_str(&inner.get("code").map(words).unwrap_or_default());
        }
        report
    }

    /// Reads MiniMax's `base_resp`.
    fn of_numbered(base: &Value) -> Self {
        let report = Self::of(base);
        Self { numbered: Some(cause::numbered(&report.code)), ..report }
    }

    /// Reads Google's `details`.
    fn add_details(&mut self, details: &[Value]) {
        for detail in details {
            if let Some(reason) = detail.get("reason").and_then(Value::as_str) {
                self.reasons.push_str(reason);
                self.reasons.push(' ');
            }
            if let Some(delay) = detail.get("retryDelay").and_then(Value::as_str) {
                self.delay = advice::seconds(delay);
            }
        }
    }

    /// Reads what the server behind a router said (OpenRouter), which tells more
    /// than "Provider returned error".
    /// Source: OpenRouter docs "Errors and Debugging", checked 2026-11-21.
    fn add_raw(&mut self, raw: &Value) {
        let inner = match raw {
            Value::String(text) => Self::read(text.as_bytes()),
            raw => Self::of(raw),
        };
        for name in [inner.class, inner.code, inner.reasons] {
            self.reasons.push_str(&name);
            self.reasons.push(' ');
        }
        if !inner.message.is_empty() && !self.message.contains(&inner.message) {
            let told = if self.message.is_empty() { "" } else { ": " };
            self.message = format!("{}{told}{}", self.message, inner.message);
        }
        self.delay = self.delay.or(inner.delay);
    }

    /// The error that the report and an HTTP status mean. Status 200 stands for
    /// an error inside an answer that began well.
    pub(super) fn error(&self, status: u16) -> Error {
        let status = if status >= 400 { status } else { self.own_status().unwrap_or(status) };
        let kind = self.kind(status);
        let origin = match kind {
            Kind::InvalidRequest | Kind::TooLarge | Kind::UnsupportedMedia | Kind::Unsupported => {
                Origin::Client
            }
            _ => Origin::Upstream,
        };
        let message = if self.message.trim().is_empty() {
            format!("the provider answered with status {status} and no message")
        } else {
            redact(self.message.trim())
        };
        let mut error = Error::new(kind, origin, message);
        error.param.clone_from(&self.param);
        error.upstream_status = (status >= 400).then_some(status);
        let faithful = matches!(kind, Kind::InvalidRequest | Kind::Unsupported | Kind::NotFound);
        if faithful && (400..500).contains(&status) && status != 401 && status != 403 {
            error.status = Some(status);
            if !self.code.is_empty() && self.code.parse::<u16>().is_err() {
                error.code = Some(redact(&self.code).into());
            }
        }
        error
    }

    /// A status that the body itself states.
    fn own_status(&self) -> Option<u16> {
        let stated = [&self.code, &self.class].into_iter().find_map(|text| text.parse().ok());
        stated.filter(|status| (400..600).contains(status))
    }

    /// What went wrong, by the words first and the status second.
    fn kind(&self, status: u16) -> Kind {
        if let Some(kind) = self.numbered {
            return kind;
        }
        let names = format!("{} {} {}", self.code, self.class, self.reasons);
        match cause::kind(status, &names, &self.message) {
            // Google words every limit as a quota; a wait beside it says that waiting helps.
            Kind::QuotaExceeded if self.delay.is_some() => Kind::RateLimited,
            kind => kind,
        }
    }
}

/// A JSON value as words: text as it is, numbers as text, validation lists joined.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) => {
            let each = list
                .iter()
                .map(|item| words(item.get("msg").or_else(|| item.get("message")).unwrap_or(item)));
            each.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
        }
        _ => String::new(),
    }
}

/// The words of a body that is not JSON: an HTML page's title, else its text.
fn plain_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if !text.starts_with('<') {
        return text.to_owned();
    }
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").zip(lower.find("</title>"));
    title
        .and_then(|(from, to)| text.get(from + "<title>".len()..to))
        .unwrap_or("an HTML page")
        .trim()
        .to_owned()
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
