//! The reference of the vocabulary and the definitions for editors, from what
//! is registered. Values and text; the interpreter is not known here.

mod definitions;
mod page;
mod policies;

pub use definitions::definitions;
pub use page::page;
pub use policies::policies;

/// Every word that policies may use.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Ours, sorted.
    pub words: Vec<Word>,
    /// Those of the language.
    pub natives: Vec<Word>,
    /// The ambient variables: name, type, meaning.
    pub ambient: Vec<(&'static str, Type, &'static str)>,
}

/// A function, method, property or operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Its name.
    pub name: String,
    /// What it is.
    pub form: Form,
    /// On what it works, unless it is a function or an operator.
    pub receiver: Option<Type>,
    /// Names and types, without the receiver.
    pub arguments: Vec<(String, Type)>,
    /// What it gives.
    pub returns: Type,
    /// What it means; empty for words of the language.
    pub meaning: String,
    /// Its use.
    pub example: String,
    /// Whether it waits for the outside.
    pub waits: bool,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `name(..)`.
    Function,
    /// `x.name(..)`.
    Method,
    /// `x.name`, to read.
    Property,
    /// `x.name = ..`.
    Setter,
    /// `x[..]`, to read.
    Index,
    /// `x[..] = ..`.
    SetIndex,
    /// `a + b`.
    Operator,
}

/// A type as scripts know it: `int`, `String`, `?` for anything, `Models`, ...
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Type(String);

impl Type {
    /// The type of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Its name in prose.
    fn in_words(&self) -> &str {
        match self.name() {
            "String" => "text",
            "Array" => "array",
            "Map" => "map",
            "FnPtr" => "closure",
            "?" => "any",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
