//! Runs one case: its hooks in order, as an exchange would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::expect;
use super::file::{Case, CaseFile};
use super::played::Played;
use super::script::{Script, response_of};
use super::stage;
use crate::model::tokens;
use crate::plan::Verdict;
use crate::policy::sentences::{Sentence, Sentences, joined};
use crate::policy::{Bound, Effects, Hook, Outcome, Policy, Scene, dispatch};
use crate::problem::Problem;

/// Lines that were reached, by file.
type Reached = BTreeMap<String, BTreeSet<usize>>;

/// Runs `case` and says what is not as expected, and which lines it reached.
pub(super) fn judge(
    policy: &Arc<Policy>,
    file: &CaseFile,
    case: &Case,
    path: &Path,
) -> (Vec<Problem>, Reached) {
    match play(policy, file, case) {
        Ok(played) => (expect::compare(case, &played, path), played.reached),
        Err(message) => {
            let message = format!("case `{}`: {message}", case.name.value);
            (vec![case.name.mark(Problem::error(path, "bad_case", message))], Reached::new())
        }
    }
}

/// Runs the hooks of `case`.
///
/// # Errors
/// What is wrong with the case itself, in words.
pub fn play(policy: &Arc<Policy>, file: &CaseFile, case: &Case) -> Result<Played, String> {
    let bound = bind(policy, file, case)?;
    let scene = stage::scene(file, case)?;
    let hooks: Vec<_> = stage::hooks(case).iter().copied().filter(|hook| policy.has(*hook)).collect();
    if hooks.is_empty() {
        return Err("the policy has none of the hooks that this case asks".to_owned());
    }
    // A vocabulary loads slower than a hook may run, and takes some 40 MiB: only where it is counted.
    if policy.counts_tokens() {
        tokens::warm(scene.catalog.models().iter().map(|candidate| &*candidate.model));
    }
    let script = Arc::new(Script::of(case, scene.now));
    let effects: Arc<dyn Effects> = Arc::clone(&script) as Arc<dyn Effects>;
    let trace = scene.trace.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let (mut scene, mut verdict, mut journal) = (Box::new(scene), Ok(Verdict::Continue), Vec::new());
    for hook in hooks {
        let outcome = match &case.text {
            Some(text) if hook == Hook::Text => runtime.block_on(read(&bound, text, scene, &effects)),
            _ => runtime.block_on(dispatch(&bound, hook, scene, &effects)),
        };
        (scene, verdict) = (outcome.scene, outcome.verdict);
        journal.extend(outcome.journal);
        if !matches!(verdict, Ok(Verdict::Continue)) {
            break;
        }
    }
    let (falls, reached) = trace.map(|trace| (trace.take(), trace.take_lines())).unwrap_or_default();
    Ok(Played { scene, verdict, falls, asked: script.asked(), journal, reached })
}

/// `on_text` on each sentence of `text`; what is left of it becomes the scene's
/// answer. The verdict is the last one that changed something.
async fn read(bound: &Arc<Bound>, text: &str, mut scene: Box<Scene>, effects: &Arc<dyn Effects>) -> Outcome {
    let (mut verdict, mut journal, mut said) = (Ok(Verdict::Continue), Vec::new(), String::new());
    let mut sentences = Sentences::default();
    sentences.push(text);
    while let Some(Sentence { before, text }) = sentences.complete().or_else(|| sentences.rest()) {
        if text.is_empty() {
            said.push_str(&before);
            continue;
        }
        scene.text = Some(Arc::from(text.as_str()));
        let outcome = dispatch(bound, Hook::Text, scene, effects).await;
        scene = outcome.scene;
        journal.extend(outcome.journal);
        match &outcome.verdict {
            Ok(Verdict::Replace(other)) => said.push_str(&joined(before, other)),
            Ok(Verdict::Stop(message)) => said.extend([before.as_str(), message]),
            Ok(_) => said.extend([before.as_str(), &text]),
            Err(_) => {}
        }
        let ends = matches!(outcome.verdict, Ok(Verdict::Stop(_)) | Err(_));
        if outcome.verdict != Ok(Verdict::Continue) {
            verdict = outcome.verdict;
        }
        if ends {
            break;
        }
    }
    scene.response = Some(Arc::new(response_of(&said.into())));
    Outcome { scene, verdict, journal }
}

fn bind(policy: &Arc<Policy>, file: &CaseFile, case: &Case) -> Result<Arc<Bound>, String> {
    let mut with = file.with.clone();
    with.extend(case.with.clone());
    policy.bind(&with).map_err(|problems| {
        let texts: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        texts.join("; ")
    })
}
