//! Definition files (`*.d.rhai`), from which editors complete.

use std::fmt::Write as _;

use super::{Form, Type, Vocabulary, Word};

/// The definition files by name: our words and variables, and the language's.
#[must_use]
pub fn definitions(vocabulary: &Vocabulary) -> Vec<(&'static str, String)> {
    let mut ours = "module static;\n".to_owned();
    for (name, of, meaning) in &vocabulary.ambient {
        let _ = write!(ours, "\n/// {meaning}\nlet {name}: {};\n", of.name());
    }
    vocabulary.words.iter().for_each(|word| ours.push_str(&defined(word)));
    let mut natives = "module static;\n".to_owned();
    vocabulary.natives.iter().for_each(|word| natives.push_str(&defined(word)));
    vec![("pointsman.d.rhai", ours), ("rhai.d.rhai", natives)]
}

fn defined(word: &Word) -> String {
    let mut text = "\n".to_owned();
    if !word.meaning.is_empty() {
        let _ = write!(text, "/// {}\n///\n/// ```rhai\n/// {}\n/// ```\n", word.meaning, word.example);
    }
    let receiver = word.receiver.iter().map(|of| ("this", of));
    let arguments = receiver.chain(word.arguments.iter().map(|(name, of)| (name.as_str(), of)));
    let typed = |(name, of): (&str, &Type)| match word.form {
        Form::Operator => of.name().to_owned(),
        _ => format!("{name}: {}", of.name()),
    };
    let arguments: Vec<String> = arguments.map(typed).collect();
    let head = match word.form {
        Form::Property => "fn get ",
        Form::Setter => "fn set ",
        Form::Operator => "op ",
        _ => "fn ",
    };
    let _ = writeln!(text, "{head}{}({}) -> {};", word.name, arguments.join(", "), word.returns.name());
    text
}
