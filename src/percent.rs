//! Text as it stands in a path or a query of a URL. Knows nothing of what it means.

use std::fmt::Write as _;

/// Percent-encoded, all but what RFC 3986 calls unreserved: one segment of a
/// path, one value of a query or of a form.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() + 8), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(super::escaped("a-Z.9_~"), "a-Z.9_~");
        assert_eq!(super::escaped("v1:0/é+ &="), "v1%3A0%2F%C3%A9%2B%20%26%3D");
        assert_eq!(super::escaped("nova-lite-v1%3A0"), "nova-lite-v1%253A0");
    }
}
