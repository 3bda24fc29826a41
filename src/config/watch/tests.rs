//! What `watch` promises, as tests.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::*;
use crate::clock::Clock;
use crate::config::tests::folder;

fn yaml(model: &str) -> String {
    format!("providers: {{ demo: {{ kind: simulated }} }}\nmodels: {{ {model}: {{ provider: demo }} }}\n")
}

/// A watched folder and the models of the bundles that it handed over.
struct Rig {
    accepted: Arc<Mutex<Vec<String>>>,
    status: Arc<arc_swap::ArcSwap<ReloadStatus>>,
    _watch: Watch,
}

impl Rig {
    fn over(dir: &Path, pace: Pace) -> Self {
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&accepted);
        let accept: Accept = Box::new(move |loaded| {
            let model = loaded.bundle.models.keys().next().unwrap().to_string();
            into.lock().push(model);
        });
        let (_, reloader) = Reloader::open(dir, Clock::System, accept).unwrap();
        let status = reloader.status();
        Self { accepted, status, _watch: Watch::start(reloader, pace).unwrap() }
    }

    /// Waits until `model` is live, at most as long as is promised.
    #[track_caller]
    fn becomes(&self, model: &str) -> Duration {
        eventually(&format!("{model} live"), || self.accepted.lock().last().is_some_and(|last| last == model))
    }

    #[track_caller]
    fn tells(&self, rule: &str) {
        eventually(rule, || self.status.load().problems.iter().any(|problem| problem.rule == rule));
    }
}

#[track_caller]
fn eventually(what: &str, condition: impl Fn() -> bool) -> Duration {
    let begin = Clock::System.now();
    while !condition() {
        assert!(Clock::System.now().since(&begin) < Duration::from_secs(20), "not within 20 s: {what}");
        std::thread::yield_now();
        std::thread::sleep(Duration::from_millis(2));
    }
    Clock::System.now().since(&begin)
}

#[test]
fn what_only_a_start_takes_up_is_told() {
    let dir = folder(&[("gateway.yaml", &yaml("m0"))]);
    let rig = Rig::over(dir.path(), Pace::default());
    let changed = format!("listen: 127.0.0.1:9999\nrecords: {{ folder: ./kept }}\n{}", yaml("m1"));
    fs::write(dir.path().join("gateway.yaml"), changed).unwrap();
    rig.becomes("m1");
    let told: Vec<(String, Option<usize>)> = rig
        .status
        .load()
        .problems
        .iter()
        .filter(|problem| problem.rule == "needs_restart")
        .map(|problem| (problem.in_a_line(), problem.at.map(|at| at.line)))
        .collect();
    let [(listen, Some(1)), (folder, Some(2))] = told.as_slice() else { panic!("{told:?}") };
    assert!(
        listen.contains("`listen` is 127.0.0.1:9999") && listen.contains("stays 127.0.0.1:8080"),
        "{listen}"
    );
    assert!(folder.contains("`records.folder` is ./kept") && folder.contains("stays unset"), "{folder}");

    fs::write(dir.path().join("gateway.yaml"), yaml("m2")).unwrap();
    rig.becomes("m2");
    eventually("nothing to tell", || rig.status.load().problems.is_empty());
}

/// Every way in which editors and machines replace a file.
#[test]
fn every_way_to_save_a_file_is_seen() {
    let dir = folder(&[("gateway.yaml", &yaml("m0"))]);
    let file = dir.path().join("gateway.yaml");
    let rig = Rig::over(dir.path(), Pace::default());
    eventually("the watch", || rig.status.load().watching);

    fs::write(&file, yaml("in_place")).unwrap();
    rig.becomes("in_place");

    let beside = dir.path().join(".gateway.yaml.tmp");
    fs::write(&beside, yaml("renamed")).unwrap();
    fs::rename(&beside, &file).unwrap();
    rig.becomes("renamed");

    let backup = dir.path().join("gateway.yaml~");
    fs::rename(&file, &backup).unwrap();
    fs::write(&file, yaml("backed_up")).unwrap();
    fs::remove_file(&backup).unwrap();
    rig.becomes("backed_up");

    fs::remove_file(&file).unwrap();
    rig.tells("unreadable_file");
    fs::write(&file, yaml("created")).unwrap();
    rig.becomes("created");
    assert_eq!(rig.status.load().refused, 1);
    assert_eq!(rig.accepted.lock().as_slice(), ["in_place", "renamed", "backed_up", "created"]);
}

/// Kubernetes swaps the link `..data`, through which all files are reached.
#[test]
fn a_swap_of_links_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let put = |version: &str, model: &str| {
        let data = dir.path().join(version);
        fs::create_dir_all(data.join("policies")).unwrap();
        fs::write(data.join("gateway.yaml"), yaml(model)).unwrap();
        fs::write(data.join("policies/p.rhai"), format!("// {model}\nfn on_request() {{}}")).unwrap();
    };
    put("..v1", "m1");
    symlink("..v1", dir.path().join("..data")).unwrap();
    symlink("..data/gateway.yaml", dir.path().join("gateway.yaml")).unwrap();
    symlink("..data/policies", dir.path().join("policies")).unwrap();
    let rig = Rig::over(dir.path(), Pace::default());
    for (version, model) in [("..v2", "m2"), ("..v3", "m3")] {
        put(version, model);
        symlink(version, dir.path().join("..data_tmp")).unwrap();
        fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
        rig.becomes(model);
    }
}

/// A policy, a new folder of policies and a secret's file change the bundle too.
#[test]
fn policies_and_secrets_are_watched() {
    let secret = tempfile::tempdir().unwrap();
    let key = secret.path().join("key");
    fs::write(&key, "first-secret-of-all\n").unwrap();
    let text = |model: &str| {
        let provider = format!("{{ kind: openai, api_key: \"${{file:{}}}\" }}", key.display());
        format!("providers: {{ o: {provider} }}\nmodels: {{ {model}: {{ provider: o }} }}\n")
    };
    let dir = folder(&[("gateway.yaml", &text("m")), ("policies/a.rhai", "fn on_request() {}")]);
    let rig = Rig::over(dir.path(), Pace::default());
    let count = |wanted: usize| eventually("another bundle", || rig.accepted.lock().len() == wanted);
    fs::write(dir.path().join("policies/a.rhai"), "fn on_request() { }").unwrap();
    count(1);
    fs::create_dir(dir.path().join("policies/deep")).unwrap();
    fs::write(dir.path().join("policies/deep/b.rhai"), "fn on_request() {}").unwrap();
    count(2);
    fs::write(&key, "second-secret-of-all\n").unwrap();
    count(3);
    fs::remove_file(&key).unwrap();
    rig.tells("unreadable_file");
    fs::write(&key, "third-secret-of-all\n").unwrap();
    count(4);
}

/// A bad file is told with its place and never becomes live; a good one ends that.
#[test]
fn a_bad_file_never_becomes_live() {
    let dir = folder(&[("gateway.yaml", &yaml("m0"))]);
    let file = dir.path().join("gateway.yaml");
    let rig = Rig::over(dir.path(), Pace::default());
    for (bad, rule) in [
        ("listen: [", "syntax"),
        ("lisen: 1\n", "unknown_key"),
        ("models: { a: { provider: none } }\n", "unknown_name"),
        ("providers: { o: { kind: openai, api_key: \"${env:POINTSMAN_NO_SUCH}\" } }\n", "missing_env"),
    ] {
        fs::write(&file, bad).unwrap();
        rig.tells(rule);
        assert!(rig.accepted.lock().is_empty());
        assert!(rig.status.load().refused_ms.is_some());
    }
    fs::write(&file, yaml("good")).unwrap();
    rig.becomes("good");
    eventually("no problem", || {
        rig.status.load().refused_ms.is_none() && rig.status.load().problems.is_empty()
    });
}

/// Saves come faster than they can be looked at: the last state wins, and no
/// half of a file is ever taken for the whole.
#[test]
fn a_storm_of_saves_ends_with_the_last() {
    let dir = folder(&[("gateway.yaml", &yaml("m0"))]);
    let file = dir.path().join("gateway.yaml");
    let rig = Rig::over(dir.path(), Pace::default());
    let half = yaml("half").replace("models", "# models");
    for round in 0..500 {
        fs::write(&file, &half).unwrap();
        fs::write(&file, "").unwrap();
        fs::write(&file, yaml(&format!("m{round}"))).unwrap();
    }
    rig.becomes("m499");
    assert!(rig.accepted.lock().iter().all(|model| model.starts_with('m')));
}

/// Without events (network file systems) the poll finds it.
#[test]
fn polling_alone_finds_changes() {
    let dir = folder(&[("gateway.yaml", &yaml("m0"))]);
    let pace = Pace { events: false, poll: Duration::from_millis(50), ..Pace::default() };
    let rig = Rig::over(dir.path(), pace);
    fs::write(dir.path().join("gateway.yaml"), yaml("polled")).unwrap();
    rig.becomes("polled");
    assert!(!rig.status.load().watching);
}
