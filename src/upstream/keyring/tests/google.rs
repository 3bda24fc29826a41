//! Google's tokens.

use serde_json::json;

use super::*;

const TOKEN: &str = r#"{"access_token":"ya29.t","expires_in":3600}"#;

/// `authorization`, and `x-goog-user-project` where there is one.
async fn headers(variables: &[(&str, &str)], key: Option<&str>) -> Result<Vec<String>> {
    let (keyring, upstream) = (keyring(variables), Upstream::new("test").unwrap());
    let headers = keyring.google(&upstream, &provider("vertex", key), AT).await?;
    Ok(headers.iter().map(|(_, value)| value.to_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn a_token_is_kept() {
    let service = Service::saying(200, TOKEN).await;
    let account = json!({
        "type": "service_account", "client_email": "p@x", "token_uri": service.url,
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", crate::provider::google::TEST_KEY),
    });
    let provider = provider("vertex", Some(&account.to_string()));
    let (keyring, upstream) = (keyring(&[]), Upstream::new("test").unwrap());
    for (now, asked) in [(AT, 1), (AT + 3299, 1), (AT + 3600, 2)] {
        let headers = keyring.google(&upstream, &provider, now).await.unwrap();
        let (name, value) = &headers[0];
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer ya29.t"));
        assert!(value.is_sensitive() && headers.len() == 1);
        assert_eq!(service.count(), asked);
    }
}

#[tokio::test]
async fn who_signed_in_with_gcloud() {
    let service = Service::saying(200, TOKEN).await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/gcloud");
    std::fs::create_dir_all(&folder).unwrap();
    let user = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
        "token_uri": service.url, "quota_project_id": "payer",
    });
    std::fs::write(folder.join("application_default_credentials.json"), user.to_string()).unwrap();
    let home = home.path().to_str().unwrap();
    assert_eq!(headers(&[("HOME", home)], None).await.unwrap(), ["Bearer ya29.t", "payer"]);
    assert!(
        service.asked(0).ends_with("grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r")
    );
    let variables = [("CLOUDSDK_CONFIG", folder.to_str().unwrap()), ("GOOGLE_CLOUD_QUOTA_PROJECT", "other")];
    assert_eq!(headers(&variables, None).await.unwrap(), ["Bearer ya29.t", "other"]);
    let refusing = Service::saying(400, r#"{"error":"invalid_grant"}"#).await;
    let user = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "hush", "refresh_token": "hush", "token_uri": refusing.url,
    });
    let named = file(&user.to_string());
    let error = headers(&[("HOME", home), (NAMED, path(&named))], None).await.unwrap_err().message;
    assert!(
        error.contains("status 400, invalid_grant): run `gcloud auth application-default login`"),
        "{error}"
    );
    assert!(!error.contains("hush"));
}

const NAMED: &str = "GOOGLE_APPLICATION_CREDENTIALS";

#[tokio::test]
async fn the_metadata_server_comes_last() {
    let server = Service::saying(200, TOKEN).await;
    let host = server.url.trim_start_matches("http://");
    let found = headers(&[("HOME", "/nowhere"), ("GCE_METADATA_HOST", host)], None).await.unwrap();
    assert_eq!(found, ["Bearer ya29.t"]);
    let asked = server.asked(0);
    assert!(
        asked.starts_with("GET /computeMetadata/v1/instance/service-accounts/default/token?scopes="),
        "{asked}"
    );
    assert!(asked.contains("metadata-flavor: Google\r\n"), "{asked}");
    let nobody = nobody().await;
    for (name, value, why) in [
        ("GCE_METADATA_HOST", nobody.trim_start_matches("http://"), "cannot reach 127.0.0.1"),
        ("NO_GCE_CHECK", "true", "says not to ask it"),
    ] {
        let message = headers(&[("HOME", "/nowhere"), (name, value)], None).await.unwrap_err().message;
        let places =
            [NAMED, "/nowhere/.config/gcloud/application_default_credentials.json", "metadata server", why];
        let found: Vec<usize> = places.iter().filter_map(|place| message.find(place)).collect();
        assert!(found.len() == places.len() && found.is_sorted(), "{message}");
    }
    let missing = headers(&[(NAMED, "/nowhere/key.json")], None).await.unwrap_err().message;
    assert_eq!(missing, "GOOGLE_APPLICATION_CREDENTIALS: there is no file /nowhere/key.json");
}

#[tokio::test]
async fn an_account_elsewhere_stands_for_a_service_account() {
    let service = Service::start(|request| {
        let body = match request.split(' ').nth(1).unwrap() {
            "/subject" if request.contains("x-own: 1\r\n") => r#"{"value":"jwt"}"#,
            "/sts" if request.contains("&subject_token=jwt&") => {
                r#"{"access_token":"federated","expires_in":3600}"#
            }
            "/impersonate" if request.contains("authorization: Bearer federated\r\n") => {
                r#"{"accessToken":"ya29.sa","expireTime":"2015-08-30T13:36:00Z"}"#
            }
            _ => return (403, r#"{"error":{"status":"PERMISSION_DENIED"}}"#.to_owned()),
        };
        (200, body.to_owned())
    })
    .await;
    let token = file("jwt\n");
    let of = |source: serde_json::Value, impersonated: bool| {
        let mut file = json!({
            "type": "external_account", "audience": "a", "subject_token_type": "urn:jwt",
            "token_url": format!("{}/sts", service.url), "credential_source": source,
        });
        if impersonated {
            file["service_account_impersonation_url"] = json!(format!("{}/impersonate", service.url));
        }
        file.to_string()
    };
    let url = json!({
        "url": format!("{}/subject", service.url), "headers": { "x-own": "1" },
        "format": { "type": "json", "subject_token_field_name": "value" },
    });
    for (key, expected) in [
        (of(json!({ "file": path(&token) }), false), Some("Bearer federated")),
        (of(json!({ "file": path(&token) }), true), Some("Bearer ya29.sa")),
        (of(url, true), Some("Bearer ya29.sa")),
        (of(json!({ "url": format!("{}/other", service.url) }), true), None),
    ] {
        let found = headers(&[], Some(&key)).await;
        assert_eq!(found.ok().map(|headers| headers[0].clone()).as_deref(), expected, "{key}");
    }
}
