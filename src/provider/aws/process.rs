//! Keys from a program that a profile names: how its command line is split, and
//! what it prints.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Process credential provider", checked 2026-11-22.

use serde::Deserialize;

use super::credentials::unix_seconds;
use super::{Credentials, refused};
use crate::error::Result;

/// A program and what it is called with. No shell is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program: a path, or a name that is looked for in `PATH`.
    pub path: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// What it prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

impl Program {
    /// Reads the value of `credential_process`: words between white space, in double
    /// quotation marks where they hold some. Variables and `~` stand for themselves.
    ///
    /// # Errors
    /// `UpstreamAuth` for an empty command, or a quotation that does not end.
    pub fn read(command: &str) -> Result<Self> {
        let mut words: Vec<String> = Vec::new();
        let (mut word, mut quoted) = (None::<String>, false);
        let mut signs = command.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                '\\' if quoted && matches!(signs.peek(), Some('"' | '\\')) => {
                    word.get_or_insert_default().extend(signs.next());
                }
                space if space.is_whitespace() && !quoted => words.extend(word.take()),
                other => word.get_or_insert_default().push(other),
            }
        }
        words.extend(word);
        let mut words = words.into_iter();
        let path = words.next().filter(|path| !path.is_empty() && !quoted);
        let path = path.ok_or_else(|| {
            refused("`credential_process` names no program, or a quotation in it does not end")
        })?;
        Ok(Self { path, arguments: words.collect() })
    }

    /// The keys in what the program printed.
    ///
    /// # Errors
    /// `UpstreamAuth` when it is not the JSON that is asked for. Quotes nothing of it.
    pub fn keys(&self, printed: &[u8]) -> Result<Credentials> {
        let wrong = |why: &str| refused(format!("`credential_process`: {} {why}", self.path));
        let printed: Printed = serde_json::from_slice(printed).map_err(|_| {
            wrong("did not print a JSON object with Version, AccessKeyId and SecretAccessKey")
        })?;
        if printed.version != 1 {
            return Err(wrong("printed a Version other than 1"));
        }
        let expires = match &printed.expiration {
            Some(text) => {
                Some(unix_seconds(text).ok_or_else(|| wrong("printed an Expiration that is no time"))?)
            }
            None => None,
        };
        let keys = Credentials::of(
            &printed.access_key_id,
            &printed.secret_access_key,
            printed.session_token.as_deref(),
        );
        Ok(Credentials { expires, ..keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_without_a_shell() {
        for (command, expected) in [
            ("/bin/keys", Some(vec!["/bin/keys"])),
            ("  keys --user  helen ", Some(vec!["keys", "--user", "helen"])),
            (r#""/opt/my keys" --team "a b" """#, Some(vec!["/opt/my keys", "--team", "a b", ""])),
            (r#""C:\Keys\k.exe" "say \"hi\"""#, Some(vec![r"C:\Keys\k.exe", r#"say "hi""#])),
            ("keys $HOME ~ ; rm *", Some(vec!["keys", "$HOME", "~", ";", "rm", "*"])),
            (r#"keys "open"#, None),
            ("  ", None),
            (r#""" x"#, None),
        ] {
            let read =
                Program::read(command).ok().map(|program| [vec![program.path], program.arguments].concat());
            assert_eq!(
                read,
                expected.map(|words| words.into_iter().map(str::to_owned).collect()),
                "{command}"
            );
        }
    }

    #[test]
    fn what_a_program_prints() {
        let program = Program::read("keys").unwrap();
        let keys = program.keys(
            br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2015-08-30T12:36:00Z"}"#,
        );
        let keys = keys.unwrap();
        assert_eq!((keys.access_key_id.as_str(), keys.expires), ("A", Some(1_440_938_160)));
        let lasting = program.keys(br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"}"#).unwrap();
        assert_eq!((lasting.expires, lasting.session_token.is_none()), (None, true));
        for (printed, why) in [
            (r#"{"Version":2,"AccessKeyId":"A","SecretAccessKey":"hush"}"#, "Version other than 1"),
            (r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"hush","Expiration":"soon"}"#, "no time"),
            ("hush", "did not print"),
            ("", "did not print"),
        ] {
            let message = program.keys(printed.as_bytes()).unwrap_err().message;
            assert!(message.contains(why) && !message.contains("hush"), "{message}");
        }
    }
}
