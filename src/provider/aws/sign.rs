//! Signature Version 4.
//!
//! Source: AWS IAM User Guide, "Create a signed AWS API request", checked 2026-11-21.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::Credentials;
use crate::hex::hex;

/// The algorithm's name.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A request before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a Method,
    /// Host, and port where it is not the scheme's own.
    pub host: &'a str,
    /// The path as it goes on the wire, percent-encoded once.
    pub path: &'a str,
    /// The query as it goes on the wire, without the question mark.
    pub query: &'a str,
    /// The headers; of them `content-type` and `x-amz-*` are signed.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// For what a signature holds.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The region (`us-east-1`).
    pub region: &'a str,
    /// The service (`bedrock`).
    pub service: &'a str,
}

/// The headers to add to `request` so that it is signed: `authorization`,
/// `x-amz-date`, and `x-amz-security-token` for credentials that have one.
/// `unix_seconds` is the time of the signature; AWS takes it for five minutes.
#[must_use]
pub fn sign(
    request: &Unsigned<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    unix_seconds: u64,
) -> Vec<(HeaderName, HeaderValue)> {
    let (date, stamp) = stamps(unix_seconds);
    let token = credentials.session_token.as_ref().map(crate::secret::Secret::expose);
    let mut signed = signed_headers(request);
    signed.push(("x-amz-date".to_owned(), stamp.clone()));
    signed.extend(token.map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
    signed.sort();
    signed.dedup_by(|a, b| a.0 == b.0);
    let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let canonical = canonical_request(request, &signed, &names);
    let scoped = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{stamp}\n{scoped}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let secret = format!("AWS4{}", credentials.secret_access_key.expose());
    let key = [date.as_str(), scope.region, scope.service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, step| hmac(&key, step.as_bytes()));
    let signature = hex(&hmac(&key, to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scoped}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id
    );
    let added = [
        ("authorization", Some(authorization)),
        ("x-amz-date", Some(stamp)),
        ("x-amz-security-token", token.map(str::to_owned)),
    ];
    let header = |(name, value): (&'static str, Option<String>)| {
        let mut value = HeaderValue::from_str(&value?).ok()?;
        value.set_sensitive(name != "x-amz-date");
        Some((HeaderName::from_static(name), value))
    };
    added.into_iter().filter_map(header).collect()
}

/// The region in the host name of a regional endpoint (`bedrock-runtime.eu-west-1.amazonaws.com`).
#[must_use]
pub fn region_of_host(host: &str) -> Option<&str> {
    let host = host.split(':').next()?;
    let inner = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let region = inner.rsplit('.').next()?;
    (region.contains('-') && region.ends_with(|sign: char| sign.is_ascii_digit())).then_some(region)
}

/// Day and second of a time, as AWS writes them; a time beyond the calendar is the epoch.
fn stamps(unix_seconds: u64) -> (String, String) {
    let at = i64::try_from(unix_seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let date = format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day());
    let stamp = format!("{date}T{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
    (date, stamp)
}

/// The headers of the request that are signed, as the canonical form writes them.
fn signed_headers(request: &Unsigned<'_>) -> Vec<(String, String)> {
    let mut signed = vec![("host".to_owned(), request.host.to_ascii_lowercase())];
    for (name, value) in request.headers {
        let name = name.as_str();
        let ours = name == "x-amz-date" || name == "x-amz-security-token";
        if (name == "content-type" || name.starts_with("x-amz-")) && !ours {
            let text = String::from_utf8_lossy(value.as_bytes());
            signed.push((name.to_owned(), text.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    signed
}

fn canonical_request(request: &Unsigned<'_>, signed: &[(String, String)], names: &str) -> String {
    let path = if request.path.is_empty() { "/" } else { request.path };
    let mut out = format!("{}\n", request.method);
    // Encoded once more than on the wire, which all services but S3 demand.
    encode(path, "/", &mut out);
    out.push('\n');
    out.push_str(&canonical_query(request.query));
    out.push('\n');
    for (name, value) in signed {
        out.push_str(name);
        out.push(':');
        out.push_str(value);
        out.push('\n');
    }
    out.push('\n');
    out.push_str(names);
    out.push('\n');
    out.push_str(&hex(&Sha256::digest(request.body)));
    out
}

/// The parameters in order, encoded as on the wire.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let encoded = |text: &str| {
                let mut out = String::new();
                encode(text, "%", &mut out);
                out
            };
            (encoded(name), encoded(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Percent-encodes everything but unreserved signs and those of `kept`.
pub(super) fn encode(text: &str, kept: &str, out: &mut String) {
    for byte in text.bytes() {
        let sign = char::from(byte);
        if sign.is_ascii_alphanumeric() || "-._~".contains(sign) || kept.contains(sign) {
            out.push(sign);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // A key of any length is taken, so the empty result never comes about.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(data).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30T12:36:00Z, the time of AWS's examples.
    const AT: u64 = 1_440_938_160;
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    struct Vector {
        name: &'static str,
        method: Method,
        path: &'static str,
        query: &'static str,
        content_type: Option<&'static str>,
        body: &'static str,
        token: Option<&'static str>,
        service: &'static str,
        host: &'static str,
        signed: &'static str,
        signature: &'static str,
    }

    #[expect(clippy::too_many_lines, reason = "a table of vectors")]
    /// Of AWS's signing test suite; the last is the example of the IAM User Guide.
    fn vectors() -> Vec<Vector> {
        let plain = |name, method, path, query, signature| Vector {
            name,
            method,
            path,
            query,
            content_type: None,
            body: "",
            token: None,
            service: "service",
            host: "example.amazonaws.com",
            signed: "host;x-amz-date",
            signature,
        };
        let (get, post) = (Method::GET, Method::POST);
        vec![
            plain(
                "get-vanilla",
                get.clone(),
                "/",
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            plain(
                "get-vanilla-query-order-key-case",
                get.clone(),
                "/",
                "Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            plain(
                "get-unreserved",
                get.clone(),
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            plain(
                "get-utf8",
                get.clone(),
                "/ሴ",
                "",
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            plain(
                "post-vanilla",
                post.clone(),
                "/",
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            Vector {
                content_type: Some("application/x-www-form-urlencoded"),
                body: "Param1=value1",
                signed: "content-type;host;x-amz-date",
                ..plain(
                    "post-x-www-form-urlencoded",
                    post.clone(),
                    "/",
                    "",
                    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
                )
            },
            Vector {
                token: Some(TOKEN),
                signed: "host;x-amz-date;x-amz-security-token",
                ..plain(
                    "post-sts-header-before",
                    post,
                    "/",
                    "",
                    "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
                )
            },
            Vector {
                content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
                service: "iam",
                host: "iam.amazonaws.com",
                signed: "content-type;host;x-amz-date",
                ..plain(
                    "list users",
                    get,
                    "/",
                    "Action=ListUsers&Version=2010-05-08",
                    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
                )
            },
        ]
    }

    #[test]
    fn the_published_vectors() {
        for vector in vectors() {
            let mut headers = HeaderMap::new();
            if let Some(kind) = vector.content_type {
                headers.insert("content-type", HeaderValue::from_static(kind));
            }
            headers.insert("user-agent", HeaderValue::from_static("not signed"));
            let request = Unsigned {
                method: &vector.method,
                host: vector.host,
                path: vector.path,
                query: vector.query,
                headers: &headers,
                body: vector.body.as_bytes(),
            };
            let credentials =
                Credentials::of("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", vector.token);
            let scope = Scope { region: "us-east-1", service: vector.service };
            let added = sign(&request, &credentials, scope, AT);
            let value = |name: &str| {
                added
                    .iter()
                    .find(|(header, _)| header == name)
                    .map(|(_, value)| value.to_str().unwrap().to_owned())
            };
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{}/aws4_request, SignedHeaders={}, Signature={}",
                vector.service, vector.signed, vector.signature
            );
            assert_eq!(value("authorization"), Some(expected), "{}", vector.name);
            assert_eq!(value("x-amz-date").as_deref(), Some("20150830T123600Z"));
            assert_eq!(value("x-amz-security-token").as_deref(), vector.token);
        }
    }

    #[test]
    fn a_path_is_encoded_once_more_than_on_the_wire() {
        let mut out = String::new();
        encode("/model/us.amazon.nova-lite-v1%3A0/converse", "/", &mut out);
        assert_eq!(out, "/model/us.amazon.nova-lite-v1%253A0/converse");
    }

    #[test]
    fn hosts_tell_the_region() {
        for (host, expected) in [
            ("bedrock-runtime.us-east-1.amazonaws.com", Some("us-east-1")),
            ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com:443", Some("us-gov-west-1")),
            ("bedrock-runtime.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("sts.amazonaws.com", None),
            ("127.0.0.1:8080", None),
        ] {
            assert_eq!(region_of_host(host), expected, "{host}");
        }
    }

    /// The `authorization` that AWS's own crate gives `request`.
    fn judged(request: &Unsigned<'_>, scope: Scope<'_>, token: Option<&str>, at: u64) -> String {
        use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
        let secret = aws_credential_types::Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            token.map(str::to_owned),
            None,
            "test",
        );
        let identity = secret.into();
        let params = aws_sigv4::sign::v4::SigningParams::builder()
            .identity(&identity)
            .region(scope.region)
            .name(scope.service)
            .time(std::time::UNIX_EPOCH + std::time::Duration::from_secs(at))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let uri = format!("https://{}{}{query}", request.host, request.path);
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let body = SignableBody::Bytes(request.body);
        let signable = SignableRequest::new(request.method.as_str(), uri, headers, body).unwrap();
        let (added, _) = aws_sigv4::http_request::sign(signable, &params).unwrap().into_parts();
        let mut added = added.headers();
        added.find(|(name, _)| *name == "authorization").unwrap().1.to_owned()
    }

    proptest::proptest! {
        #[test]
        fn awss_own_signer_agrees(
            model in "[a-zA-Z0-9][a-zA-Z0-9.:/ ~_-]{0,39}",
            query in proptest::collection::vec(("[a-zA-Z0-9~_.-]{1,6}", "[a-zA-Z0-9~_.-]{0,6}"), 0..4),
            body in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
            token in proptest::option::of("[a-zA-Z0-9/+=]{20,60}"),
            at in 1_000_000_000_u64..4_000_000_000,
        ) {
            let mut path = "/model/".to_owned();
            encode(&model, "", &mut path);
            path.push_str("/converse-stream");
            let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            headers.insert("x-amz-target", HeaderValue::from_static("a  b"));
            let request = Unsigned {
                method: &Method::POST,
                host: "bedrock-runtime.eu-west-1.amazonaws.com",
                path: &path,
                query: &query.join("&"),
                headers: &headers,
                body: &body,
            };
            let credentials =
                Credentials::of("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token.as_deref());
            let scope = Scope { region: "eu-west-1", service: "bedrock" };
            let ours = sign(&request, &credentials, scope, at);
            let ours = ours.iter().find(|(name, _)| name == "authorization").unwrap().1.to_str().unwrap().to_owned();
            proptest::prop_assert_eq!(ours, judged(&request, scope, token.as_deref(), at));
        }
    }
}
