//! Keys of a container's role on ECS, Fargate and EKS: where the service that
//! gives them out is, and where it may be.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Container credential provider", checked 2026-11-22.

use url::{Host, Url};

use super::refused;
use crate::error::Result;

/// Where ECS gives keys out.
const ECS: &str = "http://169.254.170.2";
/// Hosts that may give keys out unencrypted, besides loopback: of ECS and of EKS Pod Identity.
const HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// The address that the environment names; none where it names none. `variable`
/// reads one variable.
///
/// # Errors
/// `UpstreamAuth` for an unencrypted address that is neither loopback nor Amazon's:
/// the token that goes there would be seen on the way.
pub fn container_url(variable: impl Fn(&str) -> Option<String>) -> Result<Option<String>> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(path) = set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return Ok(Some(format!("{ECS}{path}")));
    }
    let Some(address) = set("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return Ok(None) };
    let url = Url::parse(&address).ok();
    let may = url.as_ref().is_some_and(|url| match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Ipv4(ip))) if ip.is_loopback() => true,
        ("http", Some(Host::Ipv6(ip))) if ip.is_loopback() => true,
        ("http", _) => url.host_str().is_some_and(|host| host == "localhost" || HOSTS.contains(&host)),
        _ => false,
    });
    if may {
        return Ok(Some(address));
    }
    Err(refused(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to loopback, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_keys_may_come_from() {
        for (name, value, expected) in [
            ("RELATIVE", "/v2/keys", Some(Some("http://169.254.170.2/v2/keys"))),
            (
                "FULL",
                "http://169.254.170.23/v1/credentials",
                Some(Some("http://169.254.170.23/v1/credentials")),
            ),
            ("FULL", "http://[fd00:ec2::23]/v1", Some(Some("http://[fd00:ec2::23]/v1"))),
            ("FULL", "http://127.0.0.1:9/k", Some(Some("http://127.0.0.1:9/k"))),
            ("FULL", "http://localhost/k", Some(Some("http://localhost/k"))),
            ("FULL", "https://keys.example/k", Some(Some("https://keys.example/k"))),
            ("FULL", "http://keys.example/k", None),
            ("FULL", "http://169.254.169.254/k", None),
            ("FULL", "file:///etc/passwd", None),
            ("OTHER", "x", Some(None)),
        ] {
            let known = format!("AWS_CONTAINER_CREDENTIALS_{name}_URI");
            let url = container_url(|asked| (asked == known).then(|| value.to_owned()));
            assert_eq!(url.ok(), expected.map(|url| url.map(str::to_owned)), "{value}");
        }
    }
}
