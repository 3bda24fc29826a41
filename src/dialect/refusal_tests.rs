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

/// Sources: the vendors' pages on errors (Amazon Bedrock API reference, OpenAI API
/// reference "Responses" error codes, OpenRouter, Google, Z.ai, DashScope, Fireworks,
/// watsonx, ElevenLabs, GitHub Models, Groq, vLLM, Hugging Face), checked 2026-11-21.
const VENDORS: &[(u16, &str, Kind)] = &[
    (429, r#"{"message":"Too many tokens, please wait before trying again."}"#, Kind::RateLimited),
    (429, r#"{"message":"Too many tokens per day, please wait before trying again."}"#, Kind::RateLimited),
    (400, r#"{"message":"too many tokens: total number of tokens exceeds 4081"}"#, Kind::ContextTooLong),
    (400, r#"{"__type":"ServiceQuotaExceededException","message":"quota"}"#, Kind::QuotaExceeded),
    (429, r#"{"__type":"ModelNotReadyException","message":"not ready"}"#, Kind::Overloaded),
    (400, r#"{"message":"This model doesn't support tool use in streaming mode."}"#, Kind::Unsupported),
    (200, r#"{"error":{"code":"bio_policy","message":"Refused."}}"#, Kind::ContentRefused),
    (200, r#"{"error":{"code":"image_parse_error","message":"Bad."}}"#, Kind::InvalidRequest),
    (200, r#"{"error":{"code":"failed_to_download_image","message":"No."}}"#, Kind::InvalidRequest),
    (200, r#"{"error":{"code":"vector_store_timeout","message":"Slow."}}"#, Kind::TimedOut),
    (
        429,
        r#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached"}}"#,
        Kind::QuotaExceeded,
    ),
    (
        429,
        r#"{"error":{"type":"usage_limit_reached","message":"x","resets_in_seconds":60}}"#,
        Kind::RateLimited,
    ),
    (
        400,
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 tokens > 8 maximum\"}}","provider_name":"Anthropic"}}}"#,
        Kind::ContextTooLong,
    ),
    (
        429,
        r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"x is temporarily rate-limited upstream.","provider_name":"Chutes"}}}"#,
        Kind::RateLimited,
    ),
    (
        200,
        r#"{"error":{"message":"Provider returned error","code":502,"metadata":{"raw":{"error":{"message":"The engine is currently overloaded"}}}}}"#,
        Kind::Overloaded,
    ),
    (
        429,
        r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}"#,
        Kind::RateLimited,
    ),
    (
        429,
        r#"{"error":{"code":429,"message":"Your prepayment credits are depleted.","status":"RESOURCE_EXHAUSTED"}}"#,
        Kind::QuotaExceeded,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"API key expired. Please renew the API key.","status":"INVALID_ARGUMENT"}}"#,
        Kind::UpstreamAuth,
    ),
    (
        499,
        r#"{"error":{"code":499,"message":"The operation was cancelled.","status":"CANCELLED"}}"#,
        Kind::UpstreamFailed,
    ),
    (
        400,
        r#"{"error":{"code":"1211","message":"Unknown Model, please check the model code."}}"#,
        Kind::NotFound,
    ),
    (400, r#"{"error":{"code":"1261","message":"Prompt exceeds max length"}}"#, Kind::ContextTooLong),
    (429, r#"{"error":{"code":"1308","message":"Usage limit reached for 5 hour."}}"#, Kind::QuotaExceeded),
    (
        400,
        r#"{"error":{"code":"invalid_parameter_error","message":"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"}}"#,
        Kind::ContextTooLong,
    ),
    (400, r#"{"code":"DataInspectionFailed","message":"Output data."}"#, Kind::ContentRefused),
    (
        403,
        r#"{"code":"The caller does not have permission","error":"Your newly created team doesn't have any credits yet."}"#,
        Kind::QuotaExceeded,
    ),
    (
        412,
        r#"{"error":"Account x is suspended, possibly due to reaching the monthly spending limit"}"#,
        Kind::QuotaExceeded,
    ),
    (
        404,
        r#"{"errors":[{"code":"model_not_supported","message":"Model 'x' is not supported for this environment."}],"status_code":404}"#,
        Kind::NotFound,
    ),
    (
        400,
        r#"{"errors":[{"code":"invalid_input_argument","message":"the number of input tokens 9 cannot exceed the total tokens limit 8 for this model"}]}"#,
        Kind::ContextTooLong,
    ),
    (
        401,
        r#"{"detail":{"status":"quota_exceeded","message":"This request exceeds your quota."}}"#,
        Kind::QuotaExceeded,
    ),
    (
        429,
        r#"{"message":"Tokens per day limit exceeded - too many tokens processed.","type":"too_many_tokens_error","param":"quota","code":"token_quota_exceeded"}"#,
        Kind::RateLimited,
    ),
    (
        413,
        r#"{"error":{"code":"tokens_limit_reached","message":"Request body too large for gpt-4o model. Max size: 8000 tokens."}}"#,
        Kind::ContextTooLong,
    ),
    (400, r#"{"error":{"code":"unavailable_model","message":"Unavailable model: x"}}"#, Kind::NotFound),
    (
        400,
        r#"{"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not work with the specified model"}}"#,
        Kind::Unsupported,
    ),
    (
        400,
        r#"{"error":{"code":"model_decommissioned","message":"The model `x` has been decommissioned and is no longer supported."}}"#,
        Kind::NotFound,
    ),
    (
        400,
        r#"{"error":{"message":"You passed 9 input tokens and requested 9 output tokens. However, the model's context length is only 16 tokens."}}"#,
        Kind::ContextTooLong,
    ),
    (200, r#"{"error":{"message":"Rate limit","http_status_code":429}}"#, Kind::RateLimited),
    (200, r#"{"error":"Model is overloaded","error_type":"overloaded"}"#, Kind::Overloaded),
    (200, r#"{"status":503,"title":"Service Unavailable","detail":"busy"}"#, Kind::Overloaded),
    (
        400,
        r#"{"errors":[{"description":"Invalid value","extras":{},"key":"fail.validation"}],"tpe":"validation"}"#,
        Kind::InvalidRequest,
    ),
];

#[test]
fn words_of_vendors_errors() {
    VENDORS.iter().for_each(|(status, body, kind)| check(*status, body, *kind));
}
