//! Entra ID's tokens.

use super::*;

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"eyJ.t"}"#;

async fn authorization(variables: &[(&str, &str)], url: &str) -> Result<String> {
    let (keyring, upstream) = (keyring(variables), Upstream::new("test").unwrap());
    let mut request = Request::new(Outgoing::Whole(Bytes::new()));
    *request.uri_mut() = url.parse().unwrap();
    let headers = keyring.azure(&upstream, &provider("azure", None), &request, AT).await?;
    assert!(headers.len() == 1 && headers[0].0 == "authorization" && headers[0].1.is_sensitive());
    Ok(headers[0].1.to_str().unwrap().to_owned())
}

const HERE: &str = "https://x.openai.azure.com/openai/v1/chat/completions";

#[tokio::test]
async fn an_application_asks_with_its_secret_or_a_workload_token() {
    let service = Service::saying(200, TOKEN).await;
    let token = file("jwt\n");
    let client =
        [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_AUTHORITY_HOST", service.url.as_str())];
    let secret = ("AZURE_CLIENT_SECRET", "s");
    let workload = ("AZURE_FEDERATED_TOKEN_FILE", path(&token));
    for (index, (given, url, scope, proof)) in [
        (secret, HERE, "cognitiveservices.azure.com", "&client_secret=s"),
        (secret, "https://x.openai.azure.us/v1", "cognitiveservices.azure.us", "&client_secret=s"),
        (workload, HERE, "cognitiveservices.azure.com", "&client_assertion=jwt"),
    ]
    .into_iter()
    .enumerate()
    {
        let value = authorization(&[&client[..], &[given]].concat(), url).await.unwrap();
        assert_eq!(value, "Bearer eyJ.t");
        let asked = service.asked(index);
        assert!(asked.starts_with("POST /t/oauth2/v2.0/token "), "{asked}");
        assert!(
            asked.contains(&format!("scope=https%3A%2F%2F{scope}%2F.default")) && asked.ends_with(proof),
            "{asked}"
        );
    }
    let missing = ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token");
    let error = authorization(&[&client[..], &[missing]].concat(), HERE).await.unwrap_err().message;
    assert_eq!(error, "AZURE_FEDERATED_TOKEN_FILE: there is no file /nowhere/token");
}

#[tokio::test]
async fn what_entra_id_refuses_is_told_by_its_code() {
    let body =
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}"#;
    let service = Service::saying(401, body).await;
    let variables = [
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", "hush"),
        ("AZURE_AUTHORITY_HOST", service.url.as_str()),
    ];
    let error = authorization(&variables, HERE).await.unwrap_err();
    assert_eq!((error.kind, error.origin), (Kind::UpstreamAuth, Origin::Gateway));
    assert_eq!(error.message, "127.0.0.1 refused to give out credentials (status 401, AADSTS7000215)");
}

#[tokio::test]
async fn managed_identities_of_apps_and_machines() {
    let answer = r#"{"access_token":"m","expires_on":"1440941760"}"#;
    let service = Service::saying(200, answer).await;
    let endpoint = format!("{}/msi/token", service.url);
    let app = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", "proof")];
    assert_eq!(authorization(&app, HERE).await.unwrap(), "Bearer m");
    let machine = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.url.as_str()), ("AZURE_CLIENT_ID", "c")];
    assert_eq!(authorization(&machine, HERE).await.unwrap(), "Bearer m");
    let (app, machine) = (service.asked(0), service.asked(1));
    assert!(
        app.starts_with(
            "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fcognitiveservices.azure.com "
        ),
        "{app}"
    );
    assert!(app.contains("x-identity-header: proof\r\n") && !app.contains("metadata: true"), "{app}");
    assert!(machine.starts_with("GET /metadata/identity/oauth2/token?api-version=2018-02-01&"), "{machine}");
    assert!(machine.contains("&client_id=c ") && machine.contains("metadata: true\r\n"), "{machine}");
}

#[tokio::test]
async fn without_any_the_error_says_where_it_was_looked() {
    let nobody = nobody().await;
    let error = authorization(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &nobody)], HERE).await.unwrap_err();
    assert_eq!((error.kind, error.origin), (Kind::UpstreamAuth, Origin::Gateway));
    let places =
        ["AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "cannot reach 127.0.0.1"];
    let found: Vec<usize> = places.iter().filter_map(|place| error.message.find(place)).collect();
    assert!(found.len() == places.len() && found.is_sorted(), "{}", error.message);
}
