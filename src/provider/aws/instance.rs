//! Keys of an EC2 instance's role: where its metadata service is.
//!
//! Only the second version of the service is asked, which wants a token first.
//!
//! Source: AWS SDKs and Tools Reference Guide, "IMDS credential provider";
//! Amazon EC2 User Guide, "Use the Instance Metadata Service", checked 2026-11-22.

/// The service's address; none where the environment switches it off. `variable`
/// reads one variable.
#[must_use]
pub fn instance_url(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let is = |name: &str, value: &str| variable(name).is_some_and(|text| text.eq_ignore_ascii_case(value));
    if is("AWS_EC2_METADATA_DISABLED", "true") {
        return None;
    }
    let named = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").filter(|url| !url.is_empty());
    Some(match named {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if is("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6") => "http://[fd00:ec2::254]".to_owned(),
        None => "http://169.254.169.254".to_owned(),
    })
}

/// The name of the instance's role in what the service lists: one segment of a path.
#[must_use]
pub fn role_name(listed: &[u8]) -> Option<&str> {
    let first = std::str::from_utf8(listed).ok()?.lines().next()?.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    (!first.is_empty() && first.bytes().all(plain)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_service_is() {
        for (variables, expected) in [
            (&[][..], Some("http://169.254.169.254")),
            (&[("AWS_EC2_METADATA_DISABLED", "True")], None),
            (&[("AWS_EC2_METADATA_DISABLED", "false")], Some("http://169.254.169.254")),
            (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")], Some("http://[fd00:ec2::254]")),
            (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9/")], Some("http://127.0.0.1:9")),
        ] {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(instance_url(variable).as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn names_of_roles() {
        for (listed, expected) in
            [("role-1\nother\n", Some("role-1")), ("", None), ("../x", None), ("a/b", None), ("a b", None)]
        {
            assert_eq!(role_name(listed.as_bytes()), expected);
        }
    }
}
