//! The proxy through which a company's machines reach the outside: where it is,
//! with which user, and for which targets. Opens no connection.
//!
//! Sources: curl manual, "Environment variables" (`HTTPS_PROXY`, `NO_PROXY`);
//! RFC 9110, sections 7.1, 9.3.6 and 11.7, checked 2026-11-22.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use url::{Host, Url};

use crate::secret::Secret;

/// A proxy. `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads `http://user:password@host:port`.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead. Quotes nothing of it.
    pub fn read(text: &Secret) -> Result<Self, (&'static str, &'static str)> {
        const FORM: &str = "write `http://user:${env:PASSWORD}@proxy.example:3128`, `environment` or `none`";
        let text = text.expose().trim();
        let url = Url::parse(text).ok().filter(|_| text.contains("://"));
        let url = url.ok_or(("this is no address of a proxy", FORM))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(("a proxy is spoken to over http:// or https://", FORM));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(("the address of a proxy has no path", FORM));
        }
        let authority = url.host_str().map(|host| match url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
        let uri = authority.and_then(|authority| format!("{}://{authority}/", url.scheme()).parse().ok());
        let uri = uri.ok_or(("this is no address of a proxy", FORM))?;
        Ok(Self { uri, authorization: basic(&url)? })
    }

    /// Where it is.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Host and port, for errors.
    #[must_use]
    pub fn name(&self) -> &str {
        self.uri.authority().map_or("", http::uri::Authority::as_str)
    }

    /// The value of `Proxy-Authorization`.
    #[must_use]
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

/// The user of a URL, as `Basic` has it.
fn basic(url: &Url) -> Result<Option<HeaderValue>, (&'static str, &'static str)> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let plain = |text: &str| percent_decoded(text).map(Secret::new);
    let user = plain(url.username()).zip(plain(url.password().unwrap_or_default()));
    let wrong =
        ("user or password of the proxy are not percent-encoded text", "write `%25` for `%`, `%40` for `@`");
    let (user, password) = user.ok_or(wrong)?;
    let pair = Secret::new([user.expose(), ":", password.expose()].concat());
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair.expose())));
    let mut value = value.map_err(|_| wrong)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        };
        bytes.push(decoded);
    }
    String::from_utf8(bytes).ok()
}

/// Which proxy takes which targets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    except: Vec<Except>,
}

/// Targets that no proxy takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Except {
    All,
    /// A name and all below it, at a port or at any.
    Name(String, Option<u16>),
    /// Addresses whose first bits are these; IPv4's are mapped into IPv6's.
    Net(u128, u32),
}

impl Proxies {
    /// One proxy for all targets but loopback.
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Self { https: Some(proxy.clone()), http: Some(proxy), except: Vec::new() }
    }

    /// What the environment says; none where it names no proxy. `variable` reads one variable.
    ///
    /// # Errors
    /// The variable at fault, and what is wrong with it.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let set = |name: &str| {
            let found = [name.to_lowercase(), name.to_uppercase()].into_iter();
            let mut found = found.filter_map(|name| Some((variable(&name)?, name)));
            found.find(|(value, _)| !value.trim().is_empty())
        };
        let proxy = |name: &str| {
            let found = set(name).or_else(|| set("ALL_PROXY"));
            let read = |(value, name): (String, String)| {
                let scheme = if value.contains("://") { "" } else { "http://" };
                Proxy::read(&Secret::new([scheme, value.trim()].concat()))
                    .map_err(|(why, _)| format!("{name}: {why}"))
            };
            found.map(read).transpose()
        };
        let (https, http) = (proxy("HTTPS_PROXY")?, proxy("HTTP_PROXY")?);
        let except = set("NO_PROXY").map(|(list, _)| exceptions(&list)).unwrap_or_default();
        Ok((https.is_some() || http.is_some()).then_some(Self { https, http, except }))
    }

    /// The proxy that takes `target`; none where it is reached directly, as loopback always is.
    #[must_use]
    pub fn of(&self, target: &Uri) -> Option<&Proxy> {
        let https = target.scheme_str() == Some("https");
        let proxy = if https { self.https.as_ref()? } else { self.http.as_ref()? };
        let host = Host::parse(target.host()?).ok()?;
        let port = target.port_u16().unwrap_or(if https { 443 } else { 80 });
        let direct = is_loopback(&host) || self.except.iter().any(|except| except.takes(&host, port));
        (!direct).then_some(proxy)
    }
}

/// The entries of `NO_PROXY`.
fn exceptions(list: &str) -> Vec<Except> {
    let entries = list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.filter_map(Except::read).collect()
}

impl Except {
    fn read(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = entry.split_once('/') {
            let (bits, (address, width)) = (bits.parse::<u32>().ok()?, number(&parsed(address)?)?);
            return (bits <= width).then_some(Self::Net(address, 128 - width + bits));
        }
        if let Some((address, _)) = parsed(entry).as_ref().and_then(number) {
            return Some(Self::Net(address, 128));
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let name = name.trim_start_matches('*').trim_matches('.').to_ascii_lowercase();
        (!name.is_empty()).then_some(Self::Name(name, port))
    }

    fn takes(&self, host: &Host, port: u16) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Name(name, only), Host::Domain(host)) => {
                let below = host.trim_end_matches('.').strip_suffix(name.as_str());
                only.is_none_or(|only| only == port)
                    && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            (Self::Name(name, only), host) => *only == Some(port) && host.to_string() == *name,
            (Self::Net(net, bits), host) => {
                let differs = number(host).map(|(address, _)| address ^ net);
                differs.is_some_and(|differs| differs.leading_zeros() >= *bits)
            }
        }
    }
}

/// An address, with or without the brackets of IPv6.
fn parsed(text: &str) -> Option<Host> {
    Host::parse(text).or_else(|_| Host::parse(&format!("[{text}]"))).ok()
}

/// An address as a number, and how many of its bits are its own.
fn number(host: &Host) -> Option<(u128, u32)> {
    match host {
        Host::Ipv4(ip) => Some((ip.to_ipv6_mapped().to_bits(), 32)),
        Host::Ipv6(ip) => Some((ip.to_bits(), 128)),
        Host::Domain(_) => None,
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => ip.is_loopback() || ip.is_unspecified(),
        Host::Ipv6(ip) => {
            let mapped = ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback());
            ip.is_loopback() || ip.is_unspecified() || mapped
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies() {
        for (text, expected) in [
            ("http://proxy:3128", Ok(("proxy:3128", None))),
            ("http://proxy.example", Ok(("proxy.example:80", None))),
            ("proxy.example:3128", Err("no address")),
            ("off", Err("no address")),
            ("https://p%40x:a%3Ab@proxy/", Ok(("proxy:443", Some("Basic cEB4OmE6Yg==")))),
            ("http://hush@[::1]:1", Ok(("[::1]:1", Some("Basic aHVzaDo=")))),
            ("socks5://proxy:1080", Err("over http:// or https://")),
            ("http://proxy:1/hush", Err("has no path")),
            ("http://u:%zz@proxy:1", Err("not percent-encoded")),
            ("http://", Err("no address")),
            ("", Err("no address")),
        ] {
            let read = Proxy::read(&Secret::new(text));
            assert!(!format!("{read:?}").contains("hush"), "{read:?}");
            match (read, expected) {
                (Ok(proxy), Ok((name, value))) => {
                    let said = proxy.authorization().map(|value| value.to_str().unwrap());
                    assert_eq!((proxy.name(), said), (name, value), "{text}");
                }
                (Err((why, _)), Err(expected)) => assert!(why.contains(expected), "{text}: {why}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }

    #[test]
    fn which_targets_are_taken() {
        let of = |variables: &'static [(&'static str, &'static str)]| {
            Proxies::of_environment(move |name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let one = Proxies::all(Proxy::read(&Secret::new("http://all")).unwrap());
        let two = of(&[
            ("HTTPS_PROXY", "http://secure"),
            ("http_proxy", "plain"),
            ("no_proxy", "intern.example, .corp:8443 *.lab,10.0.0.0/8,192.168.1.7,fd00::/8"),
        ]);
        let two = two.unwrap().unwrap();
        let rest = of(&[("ALL_PROXY", "http://rest"), ("HTTPS_PROXY", " ")]).unwrap().unwrap();
        let none = of(&[("HTTPS_PROXY", "http://secure"), ("NO_PROXY", "*")]).unwrap().unwrap();
        for (proxies, target, expected) in [
            (&one, "https://api.openai.com/v1", Some("all:80")),
            (&one, "http://10.1.2.3:8000", Some("all:80")),
            (&one, "http://localhost:8000", None),
            (&one, "https://x.localhost./", None),
            (&one, "http://127.8.9.1", None),
            (&one, "http://[::1]:9", None),
            (&one, "http://[::ffff:127.0.0.1]", None),
            (&one, "http://0.0.0.0:1", None),
            (&two, "https://api.openai.com", Some("secure:80")),
            (&two, "http://api.openai.com", Some("plain:80")),
            (&two, "https://intern.example", None),
            (&two, "https://a.intern.example.", None),
            (&two, "https://notintern.example", Some("secure:80")),
            (&two, "https://a.corp:8443", None),
            (&two, "https://a.corp", Some("secure:80")),
            (&two, "https://gpu.lab", None),
            (&two, "https://10.200.1.1", None),
            (&two, "https://11.0.0.1", Some("secure:80")),
            (&two, "https://192.168.1.7:1", None),
            (&two, "https://192.168.1.8:1", Some("secure:80")),
            (&two, "https://[fd12::1]", None),
            (&two, "https://[fe80::1]", Some("secure:80")),
            (&rest, "https://x", Some("rest:80")),
            (&rest, "http://x", Some("rest:80")),
            (&none, "https://x", None),
            (&none, "http://x", None),
        ] {
            let target: Uri = target.parse().unwrap();
            assert_eq!(proxies.of(&target).map(Proxy::name), expected, "{target}");
        }
        assert_eq!(of(&[("NO_PROXY", "x")]).unwrap(), None);
        let wrong = of(&[("https_proxy", "socks5://hush")]).unwrap_err();
        assert_eq!(wrong, "https_proxy: a proxy is spoken to over http:// or https://");
    }
}
