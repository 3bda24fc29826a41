//! Imports between files: `import "folder/file" as name;`, by paths from the
//! policies folder, found in the text and resolved once, when a set is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::compile::Sources;
use crate::problem::{Problem, did_you_mean};

/// An import in a text.
struct Import {
    file: String,
    alias: String,
    line: usize,
    column: usize,
}

/// The files and aliases that `source` imports.
pub(super) fn aliases(source: &str) -> Vec<(String, String)> {
    find(source).into_iter().map(|import| (import.file, import.alias)).collect()
}

/// Imports stand on lines of their own, at the top level.
fn find(source: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for (at, text) in source.lines().enumerate() {
        let Some(rest) = text.trim_start().strip_prefix("import ") else { continue };
        let mut parts = rest.trim_start().splitn(3, ['"', '`']);
        let (Some(""), Some(file), Some(after)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let alias = after.trim().trim_end_matches(';').trim().strip_prefix("as ").unwrap_or_default().trim();
        let column = text.find("import").map_or(1, |byte| byte + 1);
        found.push(Import { file: file.to_owned(), alias: alias.to_owned(), line: at + 1, column });
    }
    found
}

/// Every file, those that are imported before those that import them. Files
/// with imports that fail or cycle are reported and left out.
pub(super) fn order(sources: &Sources, problems: &mut Vec<Problem>) -> Vec<Arc<str>> {
    let mut graph: BTreeMap<&str, Vec<Import>> = BTreeMap::new();
    for (name, source) in sources {
        let imports = find(source);
        for import in &imports {
            if let Some(problem) = refuse(name, import, sources) {
                problems.push(problem);
            }
        }
        graph.insert(name, imports);
    }
    let mut walk = Walk { graph: &graph, done: BTreeSet::new(), path: Vec::new(), order: Vec::new() };
    for name in graph.keys() {
        walk.visit(name, problems);
    }
    walk.order
        .into_iter()
        .filter_map(|name| sources.get_key_value(name).map(|(name, _)| Arc::clone(name)))
        .collect()
}

fn refuse(name: &str, import: &Import, sources: &Sources) -> Option<Problem> {
    let at = |problem: Problem| problem.at(import.line, import.column, 0);
    let path = format!("{name}.rhai");
    let file = &import.file;
    let outside = file.starts_with('/')
        || file.contains('\\')
        || file.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains(':'));
    if outside {
        let what = format!("`{file}` is no path inside the policies folder");
        return Some(at(Problem::error(path, "import_outside", what).help(
            "write the path from the policies folder, without the ending: `import \"lib/money\" as money;`",
        )));
    }
    if !sources.contains_key(file.as_str()) {
        let what = format!("there is no file `{file}.rhai` to import");
        let problem = at(Problem::error(path, "unknown_import", what));
        return Some(match did_you_mean(file, sources.keys().map(|name| &**name)) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem,
        });
    }
    if import.alias.is_empty() {
        let what = format!("the import of `{file}` needs a name");
        return Some(at(
            Problem::error(path, "import_without_name", what).help(format!("`import \"{file}\" as name;`"))
        ));
    }
    None
}

/// A depth-first walk over the imports.
struct Walk<'a> {
    graph: &'a BTreeMap<&'a str, Vec<Import>>,
    done: BTreeSet<&'a str>,
    path: Vec<&'a str>,
    order: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &'a str, problems: &mut Vec<Problem>) {
        if self.done.contains(name) {
            return;
        }
        self.path.push(name);
        for import in self.graph.get(name).into_iter().flatten() {
            let Some((file, _)) = self.graph.get_key_value(import.file.as_str()) else { continue };
            if let Some(from) = self.path.iter().position(|on| on == file) {
                let round = self
                    .path
                    .iter()
                    .skip(from)
                    .chain([file])
                    .copied()
                    .collect::<Vec<_>>()
                    .join("` imports `");
                let what = format!("these imports go round in a circle: `{round}`");
                problems.push(Problem::error(format!("{name}.rhai"), "import_cycle", what).at(
                    import.line,
                    import.column,
                    0,
                ));
                continue;
            }
            self.visit(file, problems);
        }
        self.path.pop();
        self.done.insert(name);
        self.order.push(name);
    }
}
