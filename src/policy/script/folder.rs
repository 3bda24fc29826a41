//! Reads the policies folder. Whatever leads outside of it is refused; nothing
//! else is ever opened, imports included.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::problem::Problem;

/// Deepest nesting of folders.
const DEPTH: usize = 8;
/// Largest file, bytes.
const LARGEST: u64 = 1 << 20;

/// Every `*.rhai` below `folder`: its path without the ending, and its text.
/// Hidden files and folders are left out.
pub(super) fn read(folder: &Path, problems: &mut Vec<Problem>) -> BTreeMap<Arc<str>, Arc<str>> {
    let mut sources = BTreeMap::new();
    if let Ok(root) = folder.canonicalize() {
        visit(&root, &root, DEPTH, &mut |path, name| match text(&root, path) {
            Ok(text) => {
                sources.insert(name.into(), text.into());
            }
            Err(what) => problems.push(Problem::error(format!("{name}.rhai"), "unreadable_policy", what)),
        });
    }
    sources
}

fn visit(root: &Path, folder: &Path, depth: usize, found: &mut impl FnMut(&Path, &str)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let inside = path.canonicalize().is_ok_and(|real| real.starts_with(root));
        if path.is_dir() {
            if depth > 0 && inside {
                visit(root, &path, depth - 1, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rhai") {
            let Ok(below) = path.strip_prefix(root) else { continue };
            let parts: Vec<_> =
                below.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
            found(&path, &parts.join("/"));
        }
    }
}

fn text(root: &Path, path: &Path) -> Result<String, String> {
    let real = path.canonicalize().map_err(|error| format!("cannot be read: {error}"))?;
    if !real.starts_with(root) {
        return Err("leads outside of the policies folder".to_owned());
    }
    let size = std::fs::metadata(&real).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LARGEST {
        return Err(format!("is larger than {LARGEST} bytes"));
    }
    std::fs::read_to_string(&real).map_err(|error| format!("cannot be read: {error}"))
}
