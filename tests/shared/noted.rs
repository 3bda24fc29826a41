//! Recorded exchanges by provider and endpoint, with what their recorders noted.

use std::path::PathBuf;

use serde_json::Value;

/// One recorded exchange.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) meta: Value,
}

impl Case {
    pub(crate) fn status(&self) -> u16 {
        u16::try_from(self.meta["status"].as_u64().unwrap_or(200)).unwrap()
    }

    pub(crate) fn read(&self, file: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.join(file)).ok()
    }
}

/// The cases of these providers (none: of all) at these endpoints, by name; says so when there are no recordings.
pub(crate) fn cases(providers: &[&str], endpoints: &[&str]) -> Vec<Case> {
    let root = std::env::var_os("POINTSMAN_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let mut found = Vec::new();
    let Ok(folders) = std::fs::read_dir(root.join("traffic")) else {
        println!("skipped: no recordings at {}", root.display());
        return found;
    };
    let wanted = folders.flatten().filter(|folder| {
        providers.is_empty() || providers.iter().any(|provider| folder.file_name() == **provider)
    });
    for case in wanted.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().flatten() {
        let Ok(meta) = std::fs::read(case.path().join("meta.json")) else { continue };
        let meta: Value = serde_json::from_slice(&meta).unwrap();
        if endpoints.iter().any(|endpoint| meta["endpoint"] == *endpoint) {
            let name = case.file_name().to_string_lossy().into_owned();
            found.push(Case { name, folder: case.path(), meta });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
