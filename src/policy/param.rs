//! Parameters: what a policy's head declares and a route passes, seen by the
//! script as `ctx.with`.

use serde_json::Value;

/// One `//! with NAME: TYPE = DEFAULT   meaning` line of a policy's head.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Its name below `ctx.with`.
    pub name: String,
    /// What it may be.
    pub kind: ParamKind,
    /// Its value where a route passes none; absent: the route must.
    pub default: Option<Value>,
    /// What it means, for the docs.
    pub meaning: String,
    /// Line in the policy's file, from 1.
    pub line: usize,
}

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamKind {
    /// `float`, `float 0..1`: a number, both ends allowed.
    Float(Option<(f64, f64)>),
    /// `int`, `int 1..100`: a whole number, both ends allowed.
    Int(Option<(i64, i64)>),
    /// `bool`.
    Bool,
    /// `string`.
    Text,
    /// `one of a|b|c`.
    OneOf(Vec<String>),
    /// `list`: strings.
    List,
    /// `model`: the name of a model.
    Model,
    /// `models`: names of models.
    Models,
    /// `service`: the name of a service.
    Service,
}

/// How parameters are declared, by example, for the reference.
pub const DECLARATIONS: [(&str, &str); 10] = [
    ("float", "a number"),
    ("float 0..1", "a number, both ends allowed"),
    ("int", "a whole number"),
    ("int 1..9", "a whole number, both ends allowed"),
    ("bool", "true or false"),
    ("string", "a text"),
    ("one of soft|hard", "one of these texts"),
    ("list", "a list of texts"),
    ("model", "the name of a model; `models`: a list of them. `check` looks them up"),
    ("service", "the name of a declared service; `check` looks it up"),
];
