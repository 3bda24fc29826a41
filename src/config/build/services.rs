//! `services:`, `feeds:`, `records:`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use serde_json::Value;

use super::{Build, ByName, FeedSource, FeedSpec, RecordsSpec};
use crate::config::file::{Service, ServiceKind};
use crate::gateway::ServiceSpec;
use crate::yaml::At;

/// Longest wait for a service that says nothing.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a feed is read that says nothing.
const REFRESH: Duration = Duration::from_mins(15);
/// Most often that a feed may be read.
const MIN_REFRESH: Duration = Duration::from_secs(1);
/// How long records are kept where the file says nothing.
pub(super) const KEEP: Duration = Duration::from_hours(30 * 24);

impl Build<'_> {
    pub(super) fn services(&mut self) -> ByName<ServiceSpec> {
        let declared = std::mem::take(&mut self.file.services);
        let mut built = ByName::new();
        for (name, written) in &declared {
            self.needs(name, written);
            if let Some(model) = &written.embed_with {
                let known = self.declared("models");
                if !known.contains(&model.value) {
                    self.findings.unknown(model, "model", known.iter().map(String::as_str));
                }
            }
            if let Some(service) = self.service(name, written) {
                built.insert(Arc::clone(&service.name), Arc::new(service));
            }
        }
        self.file.services = declared;
        built
    }

    /// What a kind of service cannot do without.
    fn needs(&mut self, name: &At<String>, written: &Service) {
        let (key, there) = match written.kind {
            ServiceKind::Qdrant => ("collection", written.collection.is_some()),
            ServiceKind::Weaviate => ("class", written.class.is_some()),
            ServiceKind::Pgvector => ("table", written.table.is_some()),
            ServiceKind::Pinecone | ServiceKind::Http => return,
        };
        if !there {
            let message = format!("`{}` needs `{key}`: it is a {} service", name.value, written.kind.name());
            self.findings.error(name.place, "missing_key", message, &format!("add `{key}: ...`"));
        }
    }

    fn service(&mut self, name: &At<String>, written: &Service) -> Option<ServiceSpec> {
        let address = self.resolver.text(&written.base_url, &mut self.findings);
        let api_key = written.api_key.as_ref().and_then(|key| self.resolver.secret(key, &mut self.findings));
        let headers = self.headers(&written.headers);
        let proxies = self.proxies(written.proxy.as_ref());
        if let Some(proxy) = written.proxy.as_ref().filter(|_| written.kind == ServiceKind::Pgvector) {
            let message = "PostgreSQL is reached directly: proxies speak HTTP";
            self.findings.warn(proxy.place, "unused_key", message, "take it out");
        }
        let (place, address) = (written.base_url.place, address?);
        let base_url = if written.kind == ServiceKind::Pgvector {
            if !address.expose().starts_with("postgres://") && !address.expose().starts_with("postgresql://")
            {
                let help = "write `postgres://user@host/database`, the password in `api_key`";
                self.findings.error(place, "invalid_url", "this is no PostgreSQL address", help);
                return None;
            }
            address.expose().to_owned()
        } else {
            self.url(address.expose(), place, "")?
        };
        Some(ServiceSpec {
            name: name.value.as_str().into(),
            kind: written.kind.name().to_owned(),
            base_url,
            api_key,
            headers,
            proxies,
            settings: settings(written),
            timeout: written.timeout.map_or(SERVICE_TIMEOUT, |time| time.0),
        })
    }

    pub(super) fn feeds(&mut self) -> Vec<FeedSpec> {
        let mut built = Vec::new();
        for feed in &self.file.feeds.prices {
            let refresh = feed.refresh.as_ref().map_or(REFRESH, |time| time.value.0);
            if let Some(at) = feed.refresh.as_ref().filter(|_| refresh < MIN_REFRESH) {
                let message = "a feed cannot be read more often than once a second";
                self.findings.error(at.place, "invalid_value", message, "write `15m`");
            }
            let text = feed.source.as_str();
            let source = if text.contains("://") {
                let http =
                    text.parse::<Uri>().ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
                if http.is_none() {
                    let help = "write a path, or an http(s) address";
                    self.findings.error(
                        feed.source.place,
                        "invalid_url",
                        "this address cannot be read",
                        help,
                    );
                }
                FeedSource::Url(text.to_owned())
            } else {
                let path = self.snapshot.folder.join(text);
                if !path.is_file() {
                    let message = format!("there is no file `{text}`");
                    let help = "relative paths start at the folder of this file; until it is there, no price comes from it";
                    self.findings.warn(feed.source.place, "missing_feed", message, help);
                }
                FeedSource::File(path)
            };
            let proxies = self.proxies.clone();
            built.push(FeedSpec { name: text.to_owned(), source, format: feed.format, refresh, proxies });
        }
        built
    }

    pub(super) fn records(&mut self) -> Option<RecordsSpec> {
        let written = self.file.records.as_ref()?;
        Some(RecordsSpec {
            folder: self.snapshot.folder.join(&written.folder.value),
            content: written.content,
            keep: written.keep.map_or(KEEP, |time| time.0),
        })
    }
}

fn settings(written: &Service) -> BTreeMap<String, Value> {
    let text = |at: &Option<At<String>>| at.as_ref().map(|at| Value::from(at.value.clone()));
    let plain = |text: &Option<String>| text.clone().map(Value::from);
    let properties = (!written.properties.is_empty()).then(|| Value::from(written.properties.clone()));
    [
        ("collection", text(&written.collection)),
        ("class", text(&written.class)),
        ("table", text(&written.table)),
        ("embed_with", text(&written.embed_with)),
        ("vector", plain(&written.vector)),
        ("namespace", plain(&written.namespace)),
        ("vector_column", plain(&written.vector_column)),
        ("text_field", plain(&written.text_field)),
        ("distance", written.distance.map(|distance| Value::from(distance.name()))),
        ("limit", written.limit.map(Value::from)),
        ("properties", properties),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
    .collect()
}
