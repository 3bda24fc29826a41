//! Amazon's keys.

use super::*;
use http::header::AUTHORIZATION;

const STS: &str = "<A><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>S</SecretAccessKey>\
    <SessionToken>T</SessionToken><Expiration>2015-08-30T12:36:00Z</Expiration></Credentials></A>";
const KEYS: &str =
    r#"{"AccessKeyId":"SERVED","SecretAccessKey":"S","Token":"T","Expiration":"2015-08-30T13:36:00Z"}"#;
const HERE: &str = "http://127.0.0.1:9/model/m/converse";

async fn authorization_of(keyring: &Keyring, account: &Account, url: &str, now: u64) -> Result<String> {
    let upstream = Upstream::new("test").unwrap();
    let provider = Provider { account: account.clone(), ..provider("bedrock", None) };
    let mut request = Request::new(Outgoing::Whole(Bytes::new()));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = url.parse().unwrap();
    keyring.sign_aws(&upstream, &provider, (&mut request, &Bytes::from_static(b"{}")), now).await?;
    Ok(request.headers()[AUTHORIZATION].to_str().unwrap().to_owned())
}

async fn authorization(keyring: &Keyring, url: &str, now: u64) -> Result<String> {
    authorization_of(keyring, &Account::default(), url, now).await
}

fn account(profile: Option<&str>, role_arn: Option<&str>) -> Account {
    Account { profile: profile.map(str::to_owned), role_arn: role_arn.map(str::to_owned) }
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
        (HERE, "eu-west-1"),
    ] {
        let value = authorization(&keyring, url, AT).await.unwrap();
        let expected = format!("AWS4-HMAC-SHA256 Credential=AKID/20150830/{region}/bedrock/aws4_request, ");
        assert!(value.starts_with(&expected), "{value}");
    }
}

#[tokio::test]
async fn keys_of_a_profile() {
    let keys = file("[team]\naws_access_key_id = FILE\naws_secret_access_key = S\n");
    let config = file("[profile team]\nregion = ap-south-1\n");
    let keyring = keyring(&[
        ("AWS_PROFILE", "team"),
        ("AWS_SHARED_CREDENTIALS_FILE", path(&keys)),
        ("AWS_CONFIG_FILE", path(&config)),
    ]);
    let value = authorization(&keyring, HERE, AT).await.unwrap();
    assert!(value.contains("Credential=FILE/20150830/ap-south-1/bedrock/"), "{value}");
}

#[tokio::test]
async fn without_any_the_error_says_where_it_was_looked() {
    let (nobody, slow) = (nobody().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let slow = format!("http://{}", slow.local_addr().unwrap());
    for (name, value, why) in [
        ("AWS_EC2_METADATA_DISABLED", "true", "says not to ask it"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", nobody.as_str(), "cannot reach 127.0.0.1"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", slow.as_str(), "no credentials within 1 s"),
    ] {
        let keyring = keyring(&[("HOME", "/nowhere"), (name, value)]);
        let error = authorization(&keyring, HERE, AT).await.unwrap_err();
        assert_eq!((error.kind, error.origin), (Kind::UpstreamAuth, Origin::Gateway));
        let message = error.message;
        let places = [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "profile `default`",
            "AWS_CONTAINER",
            "metadata",
            why,
        ];
        let found: Vec<usize> = places.iter().filter_map(|place| message.find(place)).collect();
        assert!(found.len() == places.len() && found.is_sorted(), "{message}");
    }
}

#[tokio::test]
async fn a_role_is_taken_on_once_for_all_who_ask_and_again_when_it_ends() {
    let sts = Service::saying(200, STS).await;
    let token = file("a.b.c\n");
    let keyring = keyring(&[
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token)),
        ("AWS_ENDPOINT_URL_STS", &sts.url),
        ("HOME", "/nowhere"),
    ]);
    let host = "https://bedrock-runtime.us-west-2.amazonaws.com/";
    let asked =
        futures_util::future::join_all((0..8).map(|_| authorization(&keyring, host, AT - 1000))).await;
    assert!(asked.iter().all(|value| value.as_ref().unwrap().contains("Credential=ASIA/")));
    assert_eq!(sts.count(), 1);
    assert!(sts.asked(0).ends_with("&WebIdentityToken=a.b.c"));
    authorization(&keyring, host, AT - 301).await.unwrap();
    assert_eq!(sts.count(), 1);
    authorization(&keyring, host, AT).await.unwrap();
    assert_eq!(sts.count(), 2);
}

#[tokio::test]
async fn profiles_lead_over_roles() {
    let sts = Service::start(|request| {
        let role = request.rsplit_once("RoleArn=").unwrap().1.split('&').next().unwrap();
        (200, STS.replace("ASIA", &format!("KEY-OF-{role}")))
    })
    .await;
    let config = file(
        "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = S\n\
         [profile one]\nrole_arn = R1\nsource_profile = base\nexternal_id = x1\n\
         [profile two]\nrole_arn = R2\nsource_profile = one\nregion = eu-west-3\n\
         [profile env]\nrole_arn = R3\ncredential_source = Environment\n\
         [profile a]\nrole_arn = Ra\nsource_profile = b\n[profile b]\nrole_arn = Rb\nsource_profile = a\n",
    );
    let keyring = keyring(&[
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "S"),
        ("AWS_CONFIG_FILE", path(&config)),
        ("AWS_ENDPOINT_URL_STS", &sts.url),
        ("HOME", "/nowhere"),
    ]);
    for (profile, role, expected, signed_by) in [
        (Some("two"), None, "KEY-OF-R2/20150830/eu-west-3/bedrock", &["BASE", "KEY-OF-R1"][..]),
        (Some("env"), None, "KEY-OF-R3/", &["ENV"]),
        (Some("base"), None, "BASE/", &[]),
        (Some("base"), Some("arn:aws:iam::2:role/x"), "KEY-OF-arn%3Aaws%3Aiam%3A%3A2%3Arole%2Fx/", &["BASE"]),
        (None, Some("arn:r"), "KEY-OF-arn%3Ar/", &["ENV"]),
        (None, None, "ENV/", &[]),
    ] {
        let before = sts.count();
        let value = authorization_of(&keyring, &account(profile, role), HERE, AT - 1000).await.unwrap();
        assert!(value.contains(&format!("Credential={expected}")), "{value}");
        assert_eq!(sts.count() - before, signed_by.len());
        for (index, key) in signed_by.iter().enumerate() {
            let asked = sts.asked(before + index);
            assert!(
                asked.contains(&format!("Credential={key}/20150830/")) && asked.contains("/sts/aws4_request"),
                "{asked}"
            );
            assert!(asked.contains("Action=AssumeRole&"), "{asked}");
        }
    }
    assert!(sts.asked(0).ends_with("&ExternalId=x1"));
    for (profile, why) in [("a", "circle: `a` → `b` → `a`"), ("none", "profile `none` is not in")] {
        let error = authorization_of(&keyring, &account(Some(profile), None), HERE, AT).await.unwrap_err();
        assert!(error.message.contains(why), "{}", error.message);
    }
}

#[tokio::test]
async fn a_role_that_is_refused_is_named() {
    let sts =
        Service::saying(403, "<E><Error><Code>AccessDenied</Code><Message>no</Message></Error></E>").await;
    let keyring = keyring(&[
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_ENDPOINT_URL_STS", &sts.url),
        ("HOME", "/nowhere"),
    ]);
    let error = authorization_of(&keyring, &account(None, Some("arn:r")), HERE, AT).await.unwrap_err();
    assert_eq!(
        error.message,
        "role arn:r: 127.0.0.1 refused to give out credentials (status 403, AccessDenied)"
    );
}

#[tokio::test]
async fn a_program_gives_keys() {
    let program = file(
        r#"{"Version":1,"AccessKeyId":"RUN","SecretAccessKey":"S","Expiration":"2015-08-30T13:36:00Z"}"#,
    );
    let config = file(&format!("[default]\ncredential_process = cat \"{}\"\n", path(&program)));
    let keyring = keyring(&[("AWS_CONFIG_FILE", path(&config)), ("HOME", "/nowhere")]);
    let value = authorization(&keyring, HERE, AT).await.unwrap();
    assert!(value.contains("Credential=RUN/"), "{value}");
}

#[tokio::test]
async fn who_signed_in_gets_keys_of_the_portal() {
    let portal = Service::saying(
        200,
        r#"{"roleCredentials":{"accessKeyId":"SSO","secretAccessKey":"S","sessionToken":"T","expiration":1440941760000}}"#,
    )
    .await;
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let config = "[default]\nsso_session = corp\nsso_account_id = 12\nsso_role_name = reader\n[sso-session corp]\nsso_region = eu-west-1\n";
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let keyring_here =
        || keyring(&[("HOME", home.path().to_str().unwrap()), ("AWS_ENDPOINT_URL_SSO", &portal.url)]);
    let missing = authorization(&keyring_here(), HERE, AT).await.unwrap_err().message;
    assert!(missing.contains("run `aws sso login --profile default`"), "{missing}");
    let token = cache.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json");
    std::fs::write(&token, r#"{"accessToken":"tok","expiresAt":"2015-08-30T12:37:00Z"}"#).unwrap();
    let value = authorization(&keyring_here(), HERE, AT).await.unwrap();
    assert!(value.contains("Credential=SSO/"), "{value}");
    let asked = portal.asked(0);
    assert!(asked.starts_with("GET /federation/credentials?account_id=12&role_name=reader "), "{asked}");
    assert!(asked.contains("x-amz-sso_bearer_token: tok"), "{asked}");
    let ended = authorization(&keyring_here(), HERE, AT + 60).await.unwrap_err().message;
    assert!(ended.contains("has ended") && !ended.contains("tok:"), "{ended}");
}

#[tokio::test]
async fn containers_and_pods_ask_with_their_token() {
    let service = Service::saying(200, KEYS).await;
    let token = file("first\n");
    let keyring = keyring(&[
        ("HOME", "/nowhere"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/v1/credentials", service.url)),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path(&token)),
    ]);
    for (index, (now, said)) in [(AT, "first"), (AT + 3600, "second")].into_iter().enumerate() {
        std::fs::write(token.path(), format!("{said}\n")).unwrap();
        let value = authorization(&keyring, HERE, now).await.unwrap();
        assert!(value.contains("Credential=SERVED/"), "{value}");
        let asked = service.asked(index);
        assert!(
            asked.starts_with("GET /v1/credentials ")
                && asked.contains(&format!("authorization: {said}\r\n")),
            "{asked}"
        );
    }
    let refusing = Service::saying(403, "no").await;
    let keyring =
        super::keyring(&[("HOME", "/nowhere"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &refusing.url)]);
    let error = authorization(&keyring, HERE, AT).await.unwrap_err();
    assert_eq!((error.kind, error.origin), (Kind::UpstreamAuth, Origin::Gateway));
}

#[tokio::test]
async fn an_instance_is_asked_with_a_token_first() {
    let service = Service::start(|request| {
        let has_token = request.contains("x-aws-ec2-metadata-token: TOKEN\r\n");
        let body = match request.split(' ').collect::<Vec<_>>().as_slice() {
            ["PUT", "/latest/api/token", ..] if request.contains("token-ttl-seconds: 21600") => "TOKEN",
            ["GET", "/latest/meta-data/iam/security-credentials/", ..] if has_token => "role-1",
            ["GET", "/latest/meta-data/iam/security-credentials/role-1", ..] if has_token => KEYS,
            _ => return (401, String::new()),
        };
        (200, body.to_owned())
    })
    .await;
    let keyring = keyring(&[("HOME", "/nowhere"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &service.url)]);
    let value = authorization(&keyring, HERE, AT).await.unwrap();
    assert!(value.contains("Credential=SERVED/"), "{value}");
    assert_eq!(service.count(), 3);
}
