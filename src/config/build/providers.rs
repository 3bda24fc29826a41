//! `providers:`

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Uri};
use url::Url;

use super::{Build, ByName};
use crate::config::file;
use crate::dialect::ToolIds;
use crate::ir::Dialect;
use crate::percent::escaped;
use crate::problem::Place;
use crate::provider::aws::Account;
use crate::provider::{Auth, Kind, Provider, kind, kinds};
use crate::upstream::is_metadata_host;
use crate::yaml::{At, Named};

impl Build<'_> {
    pub(super) fn providers(&mut self) -> ByName<Provider> {
        let declared = std::mem::take(&mut self.file.providers);
        let mut built = ByName::new();
        for (name, account) in &declared {
            if let Some(provider) = self.provider(name, account) {
                built.insert(Arc::clone(&provider.name), Arc::new(provider));
            }
        }
        self.file.providers = declared;
        built
    }

    fn provider(&mut self, name: &At<String>, account: &file::Provider) -> Option<Provider> {
        let Some(kind) = kind(&account.kind) else {
            self.findings.unknown(&account.kind, "kind of provider", kinds().iter().map(|kind| kind.name));
            return None;
        };
        let base_url = self.base_url(name, account, kind);
        let api_key = account.api_key.as_ref().and_then(|key| self.resolver.secret(key, &mut self.findings));
        let wants_key = !matches!(kind.auth, Auth::None | Auth::SigV4 | Auth::GoogleToken | Auth::Entra);
        if account.api_key.is_none() && account.base_url.is_none() && wants_key {
            let message = format!("`{}` asks {} without a key", name.value, kind.title);
            let help = "add `api_key: \"${env:NAME}\"`";
            self.findings.warn(name.place, "no_api_key", message, help);
        }
        let dialect = match &account.dialect {
            Some(wanted) => self.dialect(wanted, kind),
            // Vendors that hold no conversations are never asked for one: any dialect will do.
            None => kind.dialects.first().copied().or(Some(Dialect::OpenAiChat)),
        };
        let headers = self.headers(&account.headers);
        let amazon = self.amazon(account, kind);
        let proxies = self.proxies(account.proxy.as_ref());
        if let Some(proxy) = account.proxy.as_ref().filter(|_| kind.in_process) {
            let message = "it answers by itself: there is nothing that a proxy would lead to";
            self.findings.warn(proxy.place, "unused_key", message, "take it out");
        }
        let mut quirks = kind.quirks.clone();
        quirks.query = query(quirks.query.take(), account);
        let elsewhere = account.base_url.is_some() && !kind.base_url.is_empty();
        if elsewhere && matches!(quirks.tool_ids, ToolIds::AtMost(_)) {
            // Another server than the vendor's: in ids it may keep what it needs again.
            quirks.tool_ids = ToolIds::Any;
        }
        Some(Provider {
            name: name.value.as_str().into(),
            kind,
            base_url: base_url?,
            api_key,
            account: amazon,
            proxies,
            headers,
            quirks,
            dialect: dialect?,
        })
    }

    /// Which of Amazon's accounts signs, where Amazon's way of signing is used.
    fn amazon(&mut self, account: &file::Provider, kind: &Kind) -> Account {
        for (key, given) in [("profile", &account.profile), ("role_arn", &account.role_arn)] {
            let Some(given) = given else { continue };
            let (message, help) = if kind.auth != Auth::SigV4 {
                (format!("`{key}` chooses an account at Amazon, and this is {}", kind.title), "take it out")
            } else if account.api_key.is_some() {
                let message = format!("the `api_key` is used, and `{key}` would choose other credentials");
                (message, "take one of them out")
            } else if given.value.trim().is_empty() {
                (format!("`{key}` is empty"), "name one, or take the key out")
            } else if key == "role_arn" && !given.value.starts_with("arn:") {
                (format!("`{}` is no ARN", given.value), "write `arn:aws:iam::ACCOUNT:role/NAME`")
            } else {
                continue;
            };
            self.findings.error(given.place, "invalid_value", message, help);
        }
        let text = |given: &Option<At<String>>| given.as_ref().map(|given| given.value.clone());
        Account { profile: text(&account.profile), role_arn: text(&account.role_arn) }
    }

    fn dialect(&mut self, wanted: &At<String>, kind: &Kind) -> Option<Dialect> {
        let found = kind.dialects.iter().copied().find(|dialect| dialect.name() == wanted.value);
        if found.is_none() {
            let known = kind.dialects.iter().map(|dialect| dialect.name());
            self.findings.unknown(wanted, &format!("dialect of {}", kind.title), known);
        }
        found
    }

    fn base_url(&mut self, name: &At<String>, account: &file::Provider, kind: &Kind) -> Option<String> {
        let Some(written) = &account.base_url else {
            if kind.base_url.is_empty() && !kind.in_process {
                let message =
                    format!("`{}` needs a base_url: {} has no address of its own", name.value, kind.title);
                self.findings.error(name.place, "missing_key", message, "add `base_url: \"https://...\"`");
                return None;
            }
            return self.address(name, account, kind);
        };
        for place in [&account.region, &account.project].into_iter().flatten() {
            let message = "the address is given in full: this is not looked at";
            self.findings.warn(place.place, "unused_key", message, "take this key or `base_url` out");
        }
        let text = self.resolver.text(written, &mut self.findings)?;
        let url = self.url(text.expose(), written.place, kind.default_path)?;
        let clear = url.starts_with("http://") && !is_local(&url);
        if clear && account.api_key.is_some() {
            let message = "the key travels unencrypted to this address";
            self.findings.warn(written.place, "unencrypted", message, "write https://");
        }
        Some(url)
    }

    /// The kind's own address with the account's region and project in it.
    fn address(&mut self, name: &At<String>, account: &file::Provider, kind: &Kind) -> Option<String> {
        let address = self.filled(kind.base_url.to_owned(), name, (kind, "region", &account.region))?;
        self.filled(address, name, (kind, "project", &account.project))
    }

    /// `address` with `given` in the place of `word`, if it has such.
    fn filled(
        &mut self,
        address: String,
        name: &At<String>,
        (kind, word, given): (&Kind, &str, &Option<At<String>>),
    ) -> Option<String> {
        let wanted = address.contains(&format!("{{{word}"));
        let Some(given) = given else {
            if wanted {
                let message =
                    format!("`{}` needs a {word}: it is in the address of {}", name.value, kind.title);
                let help = format!("add `{word}: NAME`, or a whole `base_url`");
                self.findings.error(name.place, "missing_key", message, &help);
            }
            return (!wanted).then_some(address);
        };
        if !wanted {
            let message = format!("{} has no {word} in its address", kind.title);
            self.findings.warn(given.place, "unused_key", message, "take it out");
            return Some(address);
        }
        if !is_word(&given.value) {
            let message = format!("`{}` cannot stand in an address", given.value);
            self.findings.error(
                given.place,
                "invalid_value",
                message,
                "letters, digits, `-`, `_`, `.` and `:`",
            );
            return None;
        }
        let before = if given.value == "global" { String::new() } else { format!("{}-", given.value) };
        let filled = address.replace(&format!("{{{word}-}}"), &before);
        Some(filled.replace(&format!("{{{word}}}"), &given.value))
    }

    /// An http(s) address without credentials, query or slash at its end;
    /// `default_path` is added where it has no path.
    pub(super) fn url(&mut self, text: &str, place: Place, default_path: &str) -> Option<String> {
        let mut wrong = |message: &str, help: &str| {
            self.findings.error(place, "invalid_url", message, help);
            None
        };
        let Ok(uri) = text.parse::<Uri>() else {
            return wrong("this is no address", "write `https://host/path`");
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return wrong("an address begins with https:// or http://", "write `https://host/path`");
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return wrong("an address must not carry credentials", "put them into `api_key`");
        }
        if Url::parse(text).is_ok_and(|url| url.host_str().is_some_and(is_metadata_host)) {
            let message = "this is a cloud's metadata service: the gateway asks it for credentials alone";
            return wrong(message, "name the host that is meant");
        }
        if uri.query().is_some() || text.contains('#') {
            return wrong(
                "a base address has no query and no fragment",
                "put the query into `query: { name: value }`",
            );
        }
        let bare = text.trim_end_matches('/');
        Some(if uri.path().trim_end_matches('/').is_empty() {
            format!("{bare}{default_path}")
        } else {
            bare.to_owned()
        })
    }

    pub(super) fn headers(&mut self, headers: &Named<At<file::Template>>) -> Vec<(HeaderName, HeaderValue)> {
        let mut built = Vec::new();
        for (name, value) in headers {
            let Ok(header) = name.parse::<HeaderName>() else {
                let message = format!("`{}` is no name of a header", name.value);
                self.findings.error(name.place, "invalid_header", message, "letters, digits and `-`");
                continue;
            };
            let Some(text) = self.resolver.text(value, &mut self.findings) else { continue };
            match HeaderValue::from_str(text.expose()) {
                Ok(mut text) => {
                    text.set_sensitive(!value.value.is_clear());
                    built.push((header, text));
                }
                Err(_) => {
                    let message = format!("the value of `{}` cannot stand in a header", name.value);
                    self.findings.error(value.place, "invalid_header", message, "one line of plain text");
                }
            }
        }
        built
    }
}

/// The kind's query with the account's own parameters; `api-version` of the
/// account replaces the kind's.
fn query(kind: Option<String>, account: &file::Provider) -> Option<String> {
    let version = account.api_version.as_ref().map(|version| ("api-version", version.value.as_str()));
    let own = account.query.iter().map(|(name, value)| (name.value.as_str(), value.value.as_str()));
    let own: Vec<(&str, &str)> = version.into_iter().chain(own).collect();
    let kinds = kind.unwrap_or_default();
    let kept = kinds.split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && !own.iter().any(|(other, _)| *other == name)
    });
    let own = own.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    let all: Vec<String> = kept.map(str::to_owned).chain(own).collect();
    (!all.is_empty()).then(|| all.join("&"))
}

/// Whether `text` can stand in a host or a path as it is (old projects have a domain in front).
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte))
}

fn is_local(url: &str) -> bool {
    let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost"
        || !host.contains('.')
        || address.is_ok_and(|ip| match ip {
            std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        })
}
