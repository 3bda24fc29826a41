//! What people write who come from other languages, and what it is in Rhai.
//! Knows words alone; where they stand is the parser's to say.

/// Words, and what to write instead.
const HABITS: [(&[&str], &str); 9] = [
    (&["def", "func", "function"], "a hook is written `fn route() { ... }`"),
    (&["None", "nil", "null", "undefined"], "what is absent is `()`"),
    (&["and"], "write `&&`"),
    (&["or"], "write `||`"),
    (&["not"], "write `!`"),
    (&["elif", "elseif", "elsif"], "write `else if`"),
    (&["True", "False"], "write `true` or `false`"),
    (&["request"], "the request is `req`"),
    (&["context"], "everything but the request is `ctx`"),
];

/// What to write instead of that which stands in `source` at this line and
/// column, both from 1.
pub(super) fn advice(source: &str, line: usize, column: usize) -> Option<String> {
    let line = source.lines().nth(line.checked_sub(1)?)?;
    let rest: Vec<char> = line.chars().skip(column.checked_sub(1)?).collect();
    let instead = match rest.first()? {
        '\'' => "texts stand in double quotes",
        '?' => "write `if condition { this } else { that }`",
        _ => {
            let word: String = rest.into_iter().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            HABITS.iter().find(|(words, _)| words.contains(&word.as_str()))?.1
        }
    };
    Some(instead.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_of_other_languages_are_known() {
        for (source, column, instead) in [
            ("def route():", 1, Some("a hook is written `fn route() { ... }`")),
            ("if a and b {", 6, Some("write `&&`")),
            ("'spark'", 1, Some("texts stand in double quotes")),
            ("android", 1, None),
            ("", 1, None),
            ("plan", 9, None),
        ] {
            assert_eq!(advice(source, 1, column).as_deref(), instead, "{source}");
        }
        assert_eq!(advice("null", 2, 1), None);
    }
}
