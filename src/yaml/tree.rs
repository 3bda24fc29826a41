//! A YAML document as a tree of values that know their places.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::scalar::resolve;
use super::{MAX_BYTES, syntax};
use crate::problem::{Place, Problem};

/// Most values in one document, aliases expanded: bounds what anchors can grow to.
const MAX_NODES: usize = 200_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// A document.
#[derive(Debug)]
pub struct Tree {
    /// Its only value.
    pub root: Node,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Unique within the tree.
    pub(super) id: usize,
    /// Where it stands; for a list or map, where that begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a value is, by the core schema of YAML 1.2.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, keys in the order of the file, each once.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The value of `key`, in a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The entries of a map; of anything else none.
    #[must_use]
    pub fn entries(&self) -> &[(Self, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// An empty map that stands nowhere.
    #[must_use]
    pub fn empty() -> Self {
        Self { id: 0, place: Place { line: 1, column: 1, length: 0 }, value: Value::Map(Vec::new()) }
    }

    /// The text of a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The number of values in it, itself included.
    fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::size).sum::<usize>(),
            Value::Map(entries) => entries.iter().map(|(key, value)| key.size() + value.size()).sum(),
            _ => 0,
        }
    }
}

impl Tree {
    /// Parses `text`. A syntax error ends the reading: what follows it cannot be
    /// trusted. Duplicate keys are all reported.
    #[must_use]
    pub fn parse(file: &Path, text: &str) -> (Option<Self>, Vec<Problem>) {
        if text.len() > MAX_BYTES {
            let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
            return (None, vec![Problem::error(file, "too_large", message)]);
        }
        let mut builder = Builder { file: file.to_owned(), ..Builder::default() };
        let root = builder.run(text);
        let Builder { mut problems, .. } = builder;
        match root {
            Ok(root) => (Some(Self { root }), problems),
            Err(problem) => {
                problems.push(*problem);
                (None, problems)
            }
        }
    }
}

/// A list or map under construction.
struct Open {
    node: Node,
    key: Option<Node>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    file: PathBuf,
    problems: Vec<Problem>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

type Step<T = ()> = Result<T, Box<Problem>>;

impl Builder {
    fn run(&mut self, text: &str) -> Step<Node> {
        let mut documents = 0;
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let at = error.marker();
                let place = Place { line: at.line(), column: at.col() + 1, length: 0 };
                let problem = *self.flaw(place, "syntax", error.kind().to_string());
                Box::new(match syntax::advice(error.kind()) {
                    Some(advice) => problem.help(advice),
                    None => problem,
                })
            })?;
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
                if documents > 1 {
                    return Err(self.flaw(place(&span), "documents", "a second document begins here".into()));
                }
            }
            self.event(event, &span)?;
        }
        let empty =
            Node { id: 0, place: Place { line: 1, column: 1, length: 0 }, value: Value::Map(Vec::new()) };
        Ok(self.root.take().filter(|root| !matches!(root.value, Value::Null)).unwrap_or(empty))
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Step {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = match tag.as_deref().map(|tag| (tag.core_suffix(), tag.original())) {
                    None if plain => resolve(text),
                    None | Some((Some("str"), _)) => Value::Text(text.into_owned()),
                    Some((Some(_), _)) => resolve(text),
                    Some((None, tag)) => return Err(self.tag_refused(span, &tag)),
                };
                let node = self.node(place(span), value)?;
                self.keep(anchor, &node);
                self.place_value(node)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(Value::List(Vec::new()), anchor, span),
            Event::MappingStart(_, anchor, _) => self.begin(Value::Map(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, span: &Span) -> Step {
        let at = Place { length: 1, ..place(span) };
        if self.open.len() >= MAX_DEPTH {
            return Err(self.flaw(at, "depth", format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let node = self.node(at, value)?;
        self.open.push(Open { node, key: None, anchor });
        Ok(())
    }

    fn end(&mut self) -> Step {
        let Some(mut done) = self.open.pop() else { return Ok(()) };
        if let Value::Map(entries) = &mut done.node.value {
            merge(entries);
        }
        self.keep(done.anchor, &done.node);
        self.place_value(done.node)
    }

    /// A copy of what the anchor names, at its own place, within the bound.
    fn alias(&mut self, anchor: usize, span: &Span) -> Step {
        let Some(mut node) = self.anchors.get(&anchor).cloned() else {
            return Err(self.flaw(place(span), "alias", "this alias stands inside what it names".into()));
        };
        if self.nodes + node.size() > MAX_NODES {
            return Err(self.too_many(place(span)));
        }
        self.renumber(&mut node);
        self.place_value(node)
    }

    fn renumber(&mut self, node: &mut Node) {
        self.nodes += 1;
        node.id = self.nodes;
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.renumber(item)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.renumber(key);
                    self.renumber(value);
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, place: Place, value: Value) -> Step<Node> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.too_many(place));
        }
        Ok(Node { id: self.nodes, place, value })
    }

    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    /// Puts a finished value where the innermost open list or map wants it.
    fn place_value(&mut self, node: Node) -> Step {
        let Some(Open { node: parent, key, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut parent.value, key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(_), None) => {
                let fine =
                    matches!(node.value, Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::Float(_));
                if !fine {
                    let message = "a key must be a text".to_owned();
                    return Err(self.flaw(node.place, "key_type", message));
                }
                *key = Some(as_text(node));
            }
            (Value::Map(entries), Some(name)) => {
                let first = entries.iter().find(|(other, _)| other.text() == name.text());
                let merges = name.text() == Some("<<");
                match first.map(|(other, _)| other.place.line) {
                    Some(line) if !merges => {
                        let message = format!("`{}` stands here twice", name.text().unwrap_or_default());
                        let help = format!("it stood first in line {line}; keep one of the two");
                        let problem = *self.flaw(name.place, "duplicate_key", message);
                        self.problems.push(problem.help(help));
                    }
                    _ => entries.push((name, node)),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn flaw(&self, at: Place, rule: &'static str, message: String) -> Box<Problem> {
        Box::new(Problem::error(&self.file, rule, message).at(at.line, at.column, at.length))
    }

    fn too_many(&self, at: Place) -> Box<Problem> {
        self.flaw(at, "too_large", format!("more than {MAX_NODES} values, aliases counted in full"))
    }

    fn tag_refused(&self, span: &Span, tag: &str) -> Box<Problem> {
        let problem = *self.flaw(place(span), "tag", format!("the tag `{tag}` has no meaning here"));
        Box::new(problem.help("leave the tag out"))
    }
}

/// Replaces `<<: {...}` by the entries that the map does not have itself.
fn merge(entries: &mut Vec<(Node, Node)>) {
    let (merges, mut own): (Vec<_>, Vec<_>) =
        std::mem::take(entries).into_iter().partition(|(key, _)| key.text() == Some("<<"));
    for (_, from) in merges {
        let maps = match from.value {
            Value::List(items) => items,
            _ => vec![from],
        };
        for (key, value) in maps.into_iter().flat_map(|map| match map.value {
            Value::Map(entries) => entries,
            _ => Vec::new(),
        }) {
            if !own.iter().any(|(other, _)| other.text() == key.text()) {
                own.push((key, value));
            }
        }
    }
    *entries = own;
}

/// Keys are texts: `1: one` and `true: yes` have the keys `1` and `true`.
fn as_text(node: Node) -> Node {
    let text = match node.value {
        Value::Text(text) => text,
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    };
    Node { value: Value::Text(text), ..node }
}

fn place(span: &Span) -> Place {
    let (from, to) = (&span.start, &span.end);
    let length = if from.line() == to.line() { to.col().saturating_sub(from.col()) } else { 0 };
    Place { line: from.line(), column: from.col() + 1, length }
}
