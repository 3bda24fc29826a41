//! Google's tokens.

use super::*;

#[tokio::test]
async fn a_token_is_kept() {
    let service = Service::saying(200, r#"{"access_token":"ya29.t","expires_in":3600}"#).await;
    let account = serde_json::json!({
        "type": "service_account", "client_email": "p@x", "token_uri": service.url,
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", crate::provider::google::TEST_KEY),
    });
    let provider = provider("vertex", Some(&account.to_string()));
    let (keyring, upstream) = (keyring(&[]), Upstream::new("test").unwrap());
    for (now, asked) in [(AT, 1), (AT + 3299, 1), (AT + 3600, 2)] {
        let value = keyring.google(&upstream, &provider, now).await.unwrap();
        assert_eq!((value.to_str().unwrap(), service.count()), ("Bearer ya29.t", asked));
        assert!(value.is_sensitive());
    }
}
