//! Files that a command writes where none are: all of them or none.

use std::io::{Error, Result, Write as _};
use std::path::{Path, PathBuf};

/// Writes `files`, names and texts, into `folder`; tells their paths.
///
/// # Errors
/// One of them is there already, or cannot be written.
pub(super) fn write<'a>(
    folder: &Path,
    files: impl Iterator<Item = (String, &'a str)>,
) -> Result<Vec<PathBuf>> {
    let files: Vec<(PathBuf, &str)> = files.map(|(name, text)| (folder.join(name), text)).collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        let text = format!("{} is there already: nothing was written", path.display());
        return Err(Error::other(text));
    }
    for (path, text) in &files {
        let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(named)?;
        }
        let opened = std::fs::File::create_new(path);
        opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(named)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}
