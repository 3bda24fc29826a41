//! Error bodies of all forms.

use std::time::Duration;

use http::HeaderMap;

use super::{Refused, read};
use crate::error::{Kind, Origin, Retry};

fn check(status: u16, body: &str, kind: Kind) {
    let headers = HeaderMap::new();
    let error = read(&Refused { status, headers: &headers, body: body.as_bytes(), unix_seconds: 0 });
    assert_eq!(error.kind, kind, "{status} {body}");
    let told = !error.message.ends_with("and no message");
    assert!(told || !["\"message\"", "err_msg"].iter().any(|name| body.contains(name)), "{body}");
}

#[test]
fn a_quota_with_a_wait_is_a_rate() {
    check(
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","details":[{"retryDelay":"9s"}]}}"#,
        Kind::RateLimited,
    );
}

#[test]
fn bodies_of_all_forms() {
    check(
        404,
        r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#,
        Kind::NotFound,
    );
    check(
        400,
        r#"{"error":{"code":"model_not_found","message":"The requested model 'x' does not exist."}}"#,
        Kind::NotFound,
    );
    check(401, r#"{"detail":"Invalid API Key"}"#, Kind::UpstreamAuth);
    check(
        400,
        r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided"}"#,
        Kind::UpstreamAuth,
    );
    check(
        400,
        r#"{"object":"error","code":"3051","message":"Logprobs are not enabled for this model"}"#,
        Kind::InvalidRequest,
    );
    check(422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#, Kind::InvalidRequest);
    check(404, "Not Found", Kind::NotFound);
    check(502, "<html><head><title>502 Bad Gateway</title></head></html>", Kind::UpstreamFailed);
    check(503, "", Kind::Overloaded);
    check(
        400,
        r#"[{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
        Kind::UpstreamAuth,
    );
    check(
        429,
        r#"{"error":{"type":"insufficient_quota","message":"You exceeded your current quota"}}"#,
        Kind::QuotaExceeded,
    );
    check(402, r#"{"error":{"message":"Insufficient Balance"}}"#, Kind::QuotaExceeded);
    check(
        429,
        r#"{"error":{"code":"RateLimitReached","message":"have exceeded rate limit."}}"#,
        Kind::RateLimited,
    );
    check(400, r#"{"error":{"code":"content_filter","message":"filtered"}}"#, Kind::ContentRefused);
    check(
        400,
        r#"{"error":{"type":"exceed_context_size_error","message":"request (2009 tokens)"}}"#,
        Kind::ContextTooLong,
    );
    check(
        400,
        r#"{"error":{"code":"unsupported_parameter","message":"Unsupported parameter"}}"#,
        Kind::Unsupported,
    );
    check(501, r#"{"error":{"type":"not_supported_error","message":"no"}}"#, Kind::Unsupported);
    check(
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        Kind::Overloaded,
    );
    check(200, r#"{"error":{"code":502,"message":"Provider returned error"}}"#, Kind::UpstreamFailed);
}

#[test]
fn words_of_other_servers() {
    for (status, body, kind) in [
        (
            400,
            r#"{"error":{"message":"The decoder prompt (length 8357) is longer than the maximum model length of 8192."}}"#,
            Kind::ContextTooLong,
        ),
        (
            400,
            r#"{"object":"error","message":"The input (516368 tokens) is longer than the model's context length (262144 tokens).","type":"BadRequestError","code":400}"#,
            Kind::ContextTooLong,
        ),
        (
            422,
            r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 512 `max_new_tokens`","error_type":"validation"}"#,
            Kind::ContextTooLong,
        ),
        (
            400,
            r#"{"error":"Trying to keep the first 6000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"}"#,
            Kind::ContextTooLong,
        ),
        (
            403,
            r#"{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}"#,
            Kind::ContentRefused,
        ),
        (
            429,
            r#"{"error":{"message":"Your account is suspended, please check your account balance","type":"exceeded_current_quota_error"}}"#,
            Kind::QuotaExceeded,
        ),
        (400, r#"{"error":{"code":400,"message":"Model no-such/model does not exist"}}"#, Kind::NotFound),
        (401, r#"{"detail":{"status":"invalid_api_key","message":"Invalid API key"}}"#, Kind::UpstreamAuth),
        (
            401,
            r#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials.","request_id":"x"}"#,
            Kind::UpstreamAuth,
        ),
    ] {
        check(status, body, kind);
    }
}

#[test]
fn a_clients_fault_keeps_status_code_and_field() {
    let headers = HeaderMap::new();
    let body = br#"{"error":{"message":"bad","type":"invalid_request_error","param":"temperature","code":"out_of_range"}}"#;
    let error = read(&Refused { status: 422, headers: &headers, body, unix_seconds: 0 });
    assert_eq!(
        (error.http_status(), error.code(), error.param.as_deref()),
        (422, "out_of_range", Some("temperature"))
    );
    assert_eq!((error.origin, error.retry, error.upstream_status), (Origin::Client, Retry::Never, Some(422)));
}

#[test]
fn googles_wait_is_read_from_the_body() {
    let headers = HeaderMap::new();
    let body = br#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34.4s"}]}}"#;
    let error = read(&Refused { status: 429, headers: &headers, body, unix_seconds: 0 });
    assert_eq!((error.kind, error.retry_after()), (Kind::RateLimited, Some(Duration::from_secs_f64(34.4))));
}
