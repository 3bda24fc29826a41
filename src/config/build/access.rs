//! `keys:`

use std::collections::HashMap;
use std::sync::Arc;

use globset::Glob;

use super::Build;
use super::models::tags;
use crate::config::file;
use crate::gateway::KeyEntry;
use crate::principal::Principal;

/// Shortest secret that is not told to be guessable, characters.
const SHORT: usize = 16;

impl Build<'_> {
    pub(super) fn keys(&mut self) -> Vec<KeyEntry> {
        let declared = std::mem::take(&mut self.file.keys);
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut built: Vec<KeyEntry> = Vec::new();
        for written in &declared {
            if let Some(line) = names.insert(&written.name, written.name.place.line) {
                let message = format!("a second key `{}`", written.name.value);
                let help = format!("the first stands in line {line}; names are unique");
                self.findings.error(written.name.place, "duplicate_name", message, &help);
            }
            let Some(key) = self.key(written) else { continue };
            let same = built.iter().find(|other| other.secret.matches(key.secret.expose()));
            if let Some(other) = same.filter(|_| !self.resolver.pretends()) {
                let message =
                    format!("`{}` has the same secret as `{}`", written.name.value, other.principal.key);
                self.findings.error(
                    written.secret.place,
                    "duplicate_secret",
                    message,
                    "give each key its own secret",
                );
            }
            built.push(key);
        }
        self.file.keys = declared;
        built
    }

    fn key(&mut self, written: &file::Key) -> Option<KeyEntry> {
        for glob in &written.models {
            if let Err(error) = Glob::new(glob) {
                let message = format!("`{}` is no pattern: {}", glob.value, error.kind());
                self.findings.error(glob.place, "invalid_glob", message, "`*` stands for any text");
            }
        }
        let secret = self.resolver.secret(&written.secret, &mut self.findings)?;
        if secret.expose().chars().count() < SHORT {
            let message =
                format!("the secret of `{}` is shorter than {SHORT} characters", written.name.value);
            self.findings.warn(
                written.secret.place,
                "short_secret",
                message,
                "make one with `openssl rand -hex 24`",
            );
        }
        let shared = |text: &Option<String>| text.as_deref().map(Arc::<str>::from);
        let principal = Principal {
            key: written.name.value.as_str().into(),
            user: shared(&written.user),
            team: shared(&written.team),
            department: shared(&written.department),
            tags: tags(&written.tags),
            models: written.models.iter().map(|glob| glob.value.clone()).collect(),
            budget_left: None,
            files: written.files.sight(),
        };
        let expires_ms = written.expires.as_ref().map(|day| day.0);
        Some(KeyEntry { secret, principal: Arc::new(principal), expires_ms })
    }
}
