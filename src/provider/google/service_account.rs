//! A service account's key, and the signed assertion that is exchanged for a token.
//!
//! Source: Google, "Using OAuth 2.0 for server to server applications", checked 2026-11-21.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;

use super::{SCOPE, refused};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How an assertion is offered.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Seconds for which an assertion holds; the most that Google takes.
const LIFE: u64 = 3600;

/// A service account's key, as the JSON file that Google hands out has it.
pub struct ServiceAccount {
    email: String,
    key_id: String,
    token_uri: String,
    key: RsaKeyPair,
}

impl std::fmt::Debug for ServiceAccount {
    /// The account's name; not its key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).finish_non_exhaustive()
    }
}

/// The file.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    private_key: String,
    #[serde(default = "super::token_uri")]
    token_uri: String,
}

impl ServiceAccount {
    /// Reads a key file.
    ///
    /// # Errors
    /// `UpstreamAuth` when it is none, or its key is not an RSA key in PKCS #8.
    pub fn read(file: &Secret) -> Result<Self> {
        let file: KeyFile = serde_json::from_str(file.expose()).map_err(|_| {
            refused("the Google service account's key file is not the JSON that Google hands out")
        })?;
        let der = der(Secret::new(file.private_key).expose())
            .ok_or_else(|| refused("the key in the Google service account's key file is not PEM"))?;
        let key = RsaKeyPair::from_pkcs8(&der)
            .map_err(|_| refused("the key in the Google service account's key file is not an RSA key"))?;
        Ok(Self { email: file.client_email, key_id: file.private_key_id, token_uri: file.token_uri, key })
    }

    /// The address to post [`Self::form`] to.
    #[must_use]
    pub fn token_uri(&self) -> &str {
        &self.token_uri
    }

    /// The body, of type `application/x-www-form-urlencoded`, that asks for a
    /// token at `now` (seconds since the Unix epoch).
    ///
    /// # Errors
    /// `Internal` when the key does not sign.
    pub fn form(&self, now: u64) -> Result<String> {
        let grant = GRANT.replace(':', "%3A");
        Ok(format!("grant_type={grant}&assertion={}", self.assertion(now)?))
    }

    /// A JSON Web Token, signed with RS256.
    fn assertion(&self, now: u64) -> Result<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": now,
            "exp": now.saturating_add(LIFE),
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let mut assertion = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), assertion.as_bytes(), &mut signature)
            .map_err(|_| Error::internal("the Google service account's key does not sign"))?;
        assertion.push('.');
        assertion.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(assertion)
    }
}

/// The bytes between the lines of a PEM text.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
pub(crate) use tests::KEY as TEST_KEY;

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    /// A key that was made for this test and opens nothing.
    pub(crate) const KEY: &str = "\
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC/RuY7dkgRvUp/xkoBbYQ1/aWphPyPm2+e0meobXl2JPbT \
        wwdHdH9nvHFMvX1AM/61KF6lZ7CY/xQv9RqPTeG49F8YHDWQYtXF3GlDC4MbUmoQCRwpdm0pd6oiUR6ne3yXSfX3/brsEdL3 \
        Pf8QMI6tlmGUf3AZUDhr9ehWz8IpFgJZpAv90fxJWSH0jwo3cxpiSa87QOZNV3GgOEm9NhRU+PzlT/zwZrfMm7HCjZUeZVKe \
        jdPdzzJdk6fYH9TPb3EXimnbqo/l7zoKMl7I1lgCbH69/r8cRQdULUtjZgnBTSmria01BCwPydJ2rIZ/O4T6YMX6VEj+hcDT \
        /KThfIujAgMBAAECggEAD7I/vm1saJhB/s5E0G0uRkf0Sj7xgs9cj4nwm6+wIfPSlXoRpNl4gwjBu2xpVNVvd2pCqgwiP8ve \
        2jig31WiykyzaQUXmCukI0J9GNVfAuT2cy5sMzLWrmp1ea9ydof5p2iYWKtnpWupBkT+I1P4wWHvzAHRLyKYHrPlRwpxgnF5 \
        Skn1BM/SlDQYLUvjjwIU0hyw9ix3ZO0dMNz4Dt1sor8bqt7LX1otvViTLvEyomNULcwrexGAs0WnPQ3O3S/rYr3y9bduuYEn \
        qWLe3SS/jr8SUxurTRw4RjLSqJlByeg3aA18DfmynVsc6qB3EUirlIFBj+dea1c+SJ1TVYu0YQKBgQD8UgO/zCiA9/SJWFWK \
        yMr/PcT3ClZeqd+jIoA6dGpGhGgX0RcL++lDCg8yXsJE64CvjanVvbQZpHvWZSHToMxtRlqq2DWJKS/B3YfOa1lYvSyjfbGQ \
        FdnTFiSR/weXFk55Wt7Ibb0XpqZG3C3uuDwaJ1/K/9YVpiv0X9vsSHeW+QKBgQDCEP3qMZ86lDF0RZZHmcz1JceAK7UL52sj \
        mnZr1ErsXdvlFHxtqd9eH9UcsAiMe1gXQTypJUuQ1Ph44IVKoZq0e1hpcTUHdE3urRHAcR5VEnn5a//0cDY0mmx0ruqpvCGQ \
        yktOGSnrbGOCMNlV6LZCsB6uMJ51eint+MOFJZWSewKBgDL5frhozmX/se9tYRrApgIawIgIFprZRsz2U2F701ybs0vcegN5 \
        yQ46IgfTDPxPd5f/zqfXw2LK0BnoJIVUnvgUloydUXN8VqGb16vkFBDRZwtAgXbSc0cp2gmEtEvZvdDWgtuLEACPMlhucvkf \
        T0UZX0jrlpyZDZg5JXz+xupBAoGBAK105I771VdVd7J2NDFBPdlr8BoWdtbx/GgxOmF8uY71AYOKwQB/0h9eEmx2xt1RrdXz \
        QFXq+NS2FnRsMZcYRJ/Gk6qDPiOwh6uqU3CPas4dGpqeNoNz/G8eC4xrf2FAvzucJJzkjvxWv8ZxBQDtZGLM6k9FM4zLKUkD \
        jTan9j2bAoGAfIo6tNQge2Y2ieNmL+WTBciwnvopzMyZaA8jqIR1kVrNPQ/xNFtrP03R42kUKctXhsAK/zvRKE1ultC4eZad \
        aLYFJeahn2zgYJ9yfXUO+8aKCIhHKGCKNwUCXs6k1S71xBzcrIqQH/vHDCEchy3HBvI2vHU7n0SB/WFwPNZodZU=";

    fn file(key: &str) -> Secret {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        let file = json!({
            "type": "service_account", "client_email": "p@x.iam.gserviceaccount.com",
            "private_key_id": "k1", "private_key": pem,
        });
        Secret::new(file.to_string())
    }

    #[test]
    fn an_assertion_is_signed() {
        let account = ServiceAccount::read(&file(KEY)).unwrap();
        assert_eq!(account.token_uri(), "https://oauth2.googleapis.com/token");
        let form = account.form(1_700_000_000).unwrap();
        let assertion = form
            .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
            .unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, account.key.public().as_ref());
        public.verify(signed.as_bytes(), &signature).unwrap();
        assert!(public.verify(b"other", &signature).is_err());
        let part =
            |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
        let (header, claims) = signed.split_once('.').unwrap();
        assert_eq!(part(header), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        assert_eq!(
            part(claims),
            json!({
                "iss": "p@x.iam.gserviceaccount.com", "scope": SCOPE, "aud": "https://oauth2.googleapis.com/token",
                "iat": 1_700_000_000, "exp": 1_700_003_600
            })
        );
        let shown = format!("{account:?}");
        assert_eq!(shown, "ServiceAccount { email: \"p@x.iam.gserviceaccount.com\", .. }");
    }

    #[test]
    fn bad_files() {
        for bad in [Secret::new("{}"), Secret::new("x"), file("AAAA"), file("!")] {
            assert_eq!(ServiceAccount::read(&bad).unwrap_err().kind, crate::error::Kind::UpstreamAuth);
        }
    }
}
