//! `proxy:`, of the gateway, a provider, a service.

use std::sync::Arc;

use super::Build;
use crate::config::file::{Part, Template};
use crate::provider::{Proxies, Proxy};
use crate::yaml::At;

impl Build<'_> {
    /// The proxies of one who says `own`; the gateway's where it says nothing.
    pub(super) fn proxies(&mut self, own: Option<&At<Template>>) -> Option<Arc<Proxies>> {
        let Some(own) = own else { return self.proxies.clone() };
        match word(&own.value) {
            Some("none") => None,
            Some("environment") => match Proxies::of_environment(|name| self.resolver.variable(name)) {
                Ok(Some(proxies)) => Some(Arc::new(proxies)),
                Ok(None) => {
                    let message = "the environment names no proxy: everything is reached directly";
                    let help = "export HTTPS_PROXY=http://proxy.example:3128, then start again";
                    self.findings.warn(own.place, "missing_env", message, help);
                    None
                }
                Err(message) => {
                    self.findings.error(own.place, "invalid_url", message, "correct the variable");
                    None
                }
            },
            _ => {
                let text = self.resolver.text(own, &mut self.findings)?;
                if self.resolver.pretends() {
                    return None;
                }
                match Proxy::read(&text) {
                    Ok(proxy) => {
                        if own.value.is_clear() && proxy.authorization().is_some() {
                            let message = "the proxy's password stands here in clear";
                            let help = "write `${env:NAME}` or `${file:PATH}` in its place";
                            self.findings.warn(own.place, "secret_in_clear", message, help);
                        }
                        Some(Arc::new(Proxies::all(proxy)))
                    }
                    Err((message, help)) => {
                        self.findings.error(own.place, "invalid_url", message, help);
                        None
                    }
                }
            }
        }
    }
}

/// What stands there, if it is one text without references.
fn word(template: &Template) -> Option<&str> {
    match template.0.as_slice() {
        [Part::Clear(text)] => Some(text.expose()),
        _ => None,
    }
}
