//! Credentials from every place, against services that count their callers.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::provider::kinds;

/// 2015-08-30T12:36:00Z.
const AT: u64 = 1_440_938_160;

fn keyring(variables: &[(&str, &str)]) -> Keyring {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Keyring::new(Box::new(move |name| variables.get(name).cloned()))
}

async fn authorization(keyring: &Keyring, url: &str, now: u64) -> Result<String> {
    let upstream = Upstream::new("test").unwrap();
    let mut request = Request::new(Outgoing::Whole(Bytes::new()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.parse().unwrap();
    keyring.sign_aws(&upstream, &mut request, &Bytes::from_static(b"{}"), now).await?;
    Ok(request.headers()[AUTHORIZATION].to_str().unwrap().to_owned())
}

/// Answers every connection with `status` and `body`; counts them.
async fn serve(status: u16, body: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut seen = vec![0; 8192];
            let _ = socket.read(&mut seen).await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, count)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn keys_of_the_environment_sign_for_the_region_of_the_host() {
    let keyring = keyring(&[
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "S"),
        ("AWS_REGION", "eu-west-1"),
    ]);
    for (url, region) in [
        ("https://bedrock-runtime.us-west-2.amazonaws.com/model/m/converse", "us-west-2"),
        ("http://127.0.0.1:9/model/m/converse", "eu-west-1"),
    ] {
        let value = authorization(&keyring, url, AT).await.unwrap();
        let expected = format!("AWS4-HMAC-SHA256 Credential=AKID/20150830/{region}/bedrock/aws4_request, ");
        assert!(value.starts_with(&expected), "{value}");
    }
}

#[tokio::test]
async fn keys_of_a_profile_and_none_at_all() {
    let keys = file("[team]\naws_access_key_id = FILE\naws_secret_access_key = S\n");
    let config = file("[profile team]\nregion = ap-south-1\n");
    let keyring_of_files = keyring(&[
        ("AWS_PROFILE", "team"),
        ("AWS_SHARED_CREDENTIALS_FILE", keys.path().to_str().unwrap()),
        ("AWS_CONFIG_FILE", config.path().to_str().unwrap()),
    ]);
    let value = authorization(&keyring_of_files, "http://127.0.0.1:9/", AT).await.unwrap();
    assert!(value.contains("Credential=FILE/20150830/ap-south-1/bedrock/"), "{value}");
    let none = authorization(&keyring(&[("HOME", "/nowhere")]), "http://127.0.0.1:9/", AT).await.unwrap_err();
    assert_eq!(none.kind, Kind::UpstreamAuth);
    assert!(none.message.contains("AWS_ACCESS_KEY_ID"), "{}", none.message);
}

#[tokio::test]
async fn a_role_is_taken_on_once_for_all_who_ask_and_again_before_it_ends() {
    let (url, count) = serve(
        200,
        "<A><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>S</SecretAccessKey>\
         <SessionToken>T</SessionToken><Expiration>2015-08-30T12:36:00Z</Expiration></Credentials></A>",
    )
    .await;
    let token = file("a.b.c\n");
    let keyring = keyring(&[
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().to_str().unwrap()),
        ("AWS_ENDPOINT_URL_STS", &url),
    ]);
    let host = "https://bedrock-runtime.us-west-2.amazonaws.com/";
    let asked =
        futures_util::future::join_all((0..8).map(|_| authorization(&keyring, host, AT - 1000))).await;
    assert!(asked.iter().all(|value| value.as_ref().unwrap().contains("Credential=ASIA/")));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    authorization(&keyring, host, AT - 301).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    authorization(&keyring, host, AT - 300).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_service_that_refuses_is_an_error_of_ours() {
    let (url, _) = serve(403, "no").await;
    let keyring = keyring(&[("HOME", "/nowhere"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
    let error = authorization(&keyring, "http://127.0.0.1:9/", AT).await.unwrap_err();
    assert_eq!((error.kind, error.origin), (Kind::UpstreamAuth, Origin::Gateway));
}

#[tokio::test]
async fn a_google_token_is_kept() {
    let (url, count) = serve(200, r#"{"access_token":"ya29.t","expires_in":3600}"#).await;
    let account = serde_json::json!({
        "client_email": "p@x", "token_uri": url,
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", crate::provider::google::TEST_KEY),
    });
    let provider = Provider {
        name: "v".into(),
        kind: kinds().first().unwrap(),
        base_url: String::new(),
        api_key: Some(Secret::new(account.to_string())),
        headers: Vec::new(),
        quirks: crate::dialect::Quirks::default(),
        dialect: crate::ir::Dialect::Gemini,
    };
    let (keyring, upstream) = (keyring(&[]), Upstream::new("test").unwrap());
    for (now, asked) in [(AT, 1), (AT + 3299, 1), (AT + 3300, 2)] {
        let value = keyring.google(&upstream, &provider, now).await.unwrap();
        assert_eq!((value.to_str().unwrap(), count.load(Ordering::SeqCst)), ("Bearer ya29.t", asked));
    }
}
