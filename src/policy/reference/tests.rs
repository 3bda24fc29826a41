//! What `reference` promises, as tests. Whether the checker knows the same
//! words is a test beside the words.

use super::{definitions, page};
use crate::policy::{Hook, vocabulary};

#[test]
fn the_page_names_every_hook_and_word() {
    let vocabulary = vocabulary();
    let page = page(&vocabulary);
    for hook in Hook::ALL {
        assert!(page.contains(&format!("| `{}()` |", hook.function())), "{}", hook.function());
    }
    for word in &vocabulary.words {
        assert!(page.contains(word.meaning.split('|').next().unwrap()), "{word:#?}");
    }
}

#[test]
fn words_have_names_for_all_their_arguments() {
    let bare: Vec<_> = vocabulary()
        .words
        .into_iter()
        .filter(|word| matches!(word.form, super::Form::Function | super::Form::Method))
        .filter(|word| word.arguments.iter().any(|(name, _)| name.starts_with("arg")))
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn definitions_know_types_by_the_names_of_scripts() {
    for (name, text) in definitions(&vocabulary()) {
        for foreign in ["::", "alloc", "Dynamic", "Result<"] {
            let line = text.lines().find(|line| line.contains(foreign) && !line.starts_with("///"));
            assert!(line.is_none(), "{name}: {}", line.unwrap_or_default());
        }
    }
}
