//! The addresses at which clouds tell a machine what it may know of itself, its
//! credentials among it. Nothing but a fetch of credentials goes there: no
//! provider, no service, no feed, whatever a name resolves to.
//!
//! Sources: Amazon EC2 User Guide, "Instance metadata"; Amazon ECS Developer Guide,
//! "Task IAM role"; Amazon EKS User Guide, "Pod Identity"; Google, "About VM metadata";
//! Azure, "What is IP address 168.63.129.16"; Alibaba Cloud, "Instance metadata";
//! Oracle, "Instance metadata", checked 2026-11-22.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Amazon EC2, Google, Azure, OpenStack and others; Amazon ECS; Amazon EKS; Azure's
/// own channel; Alibaba; Oracle.
const V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// Amazon EC2, Amazon EKS, Google, OpenStack.
const V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// Why nobody goes there.
pub(super) const FORBIDDEN: &str =
    "this is the address of a cloud's metadata service, which the gateway asks for credentials alone";

/// Whether a metadata service is at this address.
pub(super) fn is_metadata(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => V4.contains(&ip),
        IpAddr::V6(ip) => V6.contains(&ip),
    }
}

/// Whether the host of an address, as it stands in a URL, is a metadata service's.
#[must_use]
pub fn is_metadata_host(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse().ok();
    ip.is_some_and(is_metadata) || host.trim_end_matches('.').eq_ignore_ascii_case("metadata.google.internal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_metadata_services() {
        for (host, expected) in [
            ("169.254.169.254", true),
            ("[fd00:ec2::254]", true),
            ("[::ffff:169.254.169.254]", true),
            ("[::ffff:a9fe:aa02]", true),
            ("168.63.129.16", true),
            ("Metadata.google.internal.", true),
            ("169.254.1.2", false),
            ("127.0.0.1", false),
            ("api.openai.com", false),
        ] {
            assert_eq!(is_metadata_host(host), expected, "{host}");
        }
    }

    #[tokio::test]
    async fn nobody_goes_there() {
        let upstream = crate::upstream::Upstream::new("test").unwrap();
        for url in ["http://169.254.169.254/latest", "http://0xA9FEA9FE/", "http://[::ffff:169.254.170.2]/"] {
            let error = upstream.fetch(url, 1000, None).await.unwrap_err();
            assert!(error.message.contains(FORBIDDEN), "{}", error.message);
        }
    }
}
