//! Signature Version 4, by AWS's own crate.
//!
//! Source: AWS IAM User Guide, "Create a signed AWS API request", checked 2026-11-21.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4::SigningParams;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::Credentials;
use crate::error::{Error, Result};

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
///
/// # Errors
/// `Internal` when the request is none that can be signed.
pub fn sign(
    request: &Unsigned<'_>,
    credentials: &Credentials,
    scope: Scope<'_>,
    unix_seconds: u64,
) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let token = credentials.session_token.as_ref().map(|token| token.expose().to_owned());
    let (id, secret) = (&credentials.access_key_id, credentials.secret_access_key.expose());
    let identity = aws_credential_types::Credentials::new(id, secret, token, None, "pointsman").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(UNIX_EPOCH + Duration::from_secs(unix_seconds))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| unsignable(&error))?
        .into();
    let signed = |name: &str| name == "content-type" || name.starts_with("x-amz-");
    let headers =
        request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let headers = headers.filter(|(name, _)| signed(name));
    let mark = if request.query.is_empty() { "" } else { "?" };
    let uri = format!("https://{}{}{mark}{}", request.host, request.path, request.query);
    let body = SignableBody::Bytes(request.body);
    let signable = SignableRequest::new(request.method.as_str(), uri, headers, body)
        .map_err(|error| unsignable(&error))?;
    let (added, _) =
        aws_sigv4::http_request::sign(signable, &params).map_err(|error| unsignable(&error))?.into_parts();
    let header = |(name, value): (&str, &str)| {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(name != "x-amz-date");
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    Ok(added.headers().filter_map(header).collect())
}

fn unsignable(error: &dyn std::error::Error) -> Error {
    Error::internal(format!("a request to Amazon cannot be signed: {error}"))
}

/// The region in the host name of a regional endpoint (`bedrock-runtime.eu-west-1.amazonaws.com`).
#[must_use]
pub fn region_of_host(host: &str) -> Option<&str> {
    let host = host.split(':').next()?;
    let inner = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let region = inner.rsplit('.').next()?;
    (region.contains('-') && region.ends_with(|sign: char| sign.is_ascii_digit())).then_some(region)
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
    /// Of AWS's signing test suite, but for one; the last is the example of the IAM User Guide.
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
            // Not of the suite: the path is encoded once more than on the wire, `%253A`.
            plain(
                "bedrock's path",
                post.clone(),
                "/model/us.amazon.nova-lite-v1%3A0/converse",
                "",
                "84d4d5cca052354294d81645be0194e4ea6bcf4f13df3874cdcb3eb3f3830aa8",
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
            let added = sign(&request, &credentials, scope, AT).unwrap();
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
}
