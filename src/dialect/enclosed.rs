//! Where a conversation names files that the provider keeps, by their ids.
//!
//! Sources: OpenAI API reference "Create chat completion" (`file`), "Create a
//! model response" (`input_file`, `input_image`, `computer_call_output`,
//! `code_interpreter`, `image_generation`, `prompt`), "Create image edit", Anthropic API reference
//! "Messages" (`source` of type `file`, `container_upload`), all checked 2026-11-21.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// The places in a body, as [`super::Splicer`] knows them. What a model's own
/// tool made and a history repeats stands elsewhere.
pub const PLACES: &[&str] = &[
    "messages[].content[].file.file_id",
    "messages[].content[].file_id",
    "messages[].content[].source.file_id",
    "messages[].content[].content[].source.file_id",
    "input[].content[].file_id",
    "input[].output[].file_id",
    "input[].output.file_id",
    "tools[].container.file_ids[]",
    "tools[].input_image_mask.file_id",
    "prompt.variables.*.file_id",
    "images[].file_id",
    "mask.file_id",
];

/// Whether `body` may name files: a cheap look that no spelling of the key escapes.
#[must_use]
pub fn may_name_files(body: &[u8]) -> bool {
    static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("file_id"));
    static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\\u00"));
    // The key's letters are U+0064 to U+006C, and U+005F.
    let letter = |at: usize| match body.get(at + 4..at + 6) {
        Some([b'6', _]) => true,
        Some([b'5', last]) => last.eq_ignore_ascii_case(&b'f'),
        _ => false,
    };
    KEY.find(body).is_some() || ESCAPE.find_iter(body).any(letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Splicer;

    #[test]
    fn ids_are_found_in_every_dialect_however_the_key_is_written() {
        for (body, expected) in [
            (r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"x"}}]}]}"#, &["x"][..]),
            (r#"{"messages":[{"content":[{"type":"file","file":{"\u0066ile\u005Fid":"x"}}]}]}"#, &["x"]),
            (r#"{"messages":[{"content":[{"type":"file","file":{"file_i\u0064":"x"}}]}]}"#, &["x"]),
            (
                r#"{"input":[{"content":[{"type":"input_file","file_id":"x"},{"type":"input_image","file_id":"y"}]}]}"#,
                &["x", "y"],
            ),
            (
                r#"{"input":[{"type":"function_call_output","output":[{"type":"input_file","file_id":"x"}]}]}"#,
                &["x"],
            ),
            (
                r#"{"tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["x","y"]}}]}"#,
                &["x", "y"],
            ),
            (
                r#"{"messages":[{"content":[{"type":"document","source":{"type":"file","file_id":"x"}}]}]}"#,
                &["x"],
            ),
            (r#"{"messages":[{"content":[{"type":"container_upload","file_id":"x"}]}]}"#, &["x"]),
            (
                r#"{"messages":[{"content":[{"type":"tool_result","content":[{"source":{"file_id":"x"}}]}]}]}"#,
                &["x"],
            ),
            // What a tool has made, in a history.
            (
                r#"{"messages":[{"content":[{"content":{"content":[{"type":"code_execution_output","file_id":"x"}]}}]}]}"#,
                &[],
            ),
            (r#"{"messages":[{"content":"what is a file_id?"}]}"#, &[]),
        ] {
            let mut found = Vec::new();
            let read = Splicer::new(PLACES).push(body.as_bytes(), &mut Vec::new(), |_, id| {
                found.push(id.to_owned());
                Ok(None)
            });
            read.unwrap();
            assert_eq!(found, expected, "{body}");
            assert!(may_name_files(body.as_bytes()), "{body}");
        }
        for body in
            [r#"{"messages":[{"content":"caf\u00e9 \u003c \u0026 \u4e2d"}]}"#, "{}", "\\u00", "\\u005"]
        {
            assert!(!may_name_files(body.as_bytes()), "{body}");
        }
    }
}
