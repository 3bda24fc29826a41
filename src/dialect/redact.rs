//! Cutting what a provider's words must not carry to a client: keys and length.

/// Most bytes of a provider's message that go to a client.
const LONGEST: usize = 2048;

/// Beginnings of keys that providers echo in their messages.
const KEYS: [&str; 14] = [
    "sk-", "sk_", "pk-", "rk-", "gsk_", "xai-", "AIza", "ya29.", "hf_", "r8_", "AKIA", "ASIA", "pplx-",
    "Bearer ",
];

/// Fewest characters behind a beginning that make a key.
const SHORTEST: usize = 6;

/// `text` without anything that looks like a key, at most 2 KiB long.
pub(super) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LONGEST));
    let mut rest = text;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        if let Some(after) = skip_key(rest, before) {
            out.push_str("***");
            before = '*';
            rest = after;
        } else {
            out.push(next);
            before = next;
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
        if out.len() >= LONGEST {
            out.truncate(out.floor_char_boundary(LONGEST - 3));
            out.push('…');
            break;
        }
    }
    out
}

/// What follows the key at the head of `rest`, if there is one.
fn skip_key(rest: &str, before: char) -> Option<&str> {
    if before.is_alphanumeric() {
        return None;
    }
    let start = KEYS.iter().find(|start| rest.starts_with(*start))?;
    let body = rest.get(start.len()..)?;
    let length =
        body.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.*".contains(c))).unwrap_or(body.len());
    if length < SHORTEST { None } else { body.get(length..) }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn keys_are_cut_and_words_stay() {
        for (text, expected) in [
            (
                "Incorrect API key provided: sk-inval**************-key. You",
                "Incorrect API key provided: *** You",
            ),
            ("key=AIzaSyA1234567890abcdef!", "key=***!"),
            ("Authorization: Bearer abc.def-123456 refused", "Authorization: *** refused"),
            ("a task-oriented risk-free ask_me", "a task-oriented risk-free ask_me"),
            ("sk- is how keys begin", "sk- is how keys begin"),
            ("grüße 🚂", "grüße 🚂"),
        ] {
            assert_eq!(redact(text), expected);
        }
        let long = redact(&"ä".repeat(5000));
        assert!(long.len() <= 2048 && long.ends_with('…'));
    }
}
