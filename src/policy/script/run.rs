//! One evaluation of a hook: who asks, what it sees, what it has used, what it
//! was told. Lives on the thread that runs the script.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, EvalContext, Scope};

use super::blame;
use super::host::HostCall;
use super::meter::Meter;
use super::policy::Bound;
use super::verdict;
use crate::clock::Now;
use crate::ir::Money;
use crate::plan::Verdict;
use crate::policy::{Effects, Fault, FaultKind, Hook, JournalEntry, Scene};

/// What came of one evaluation.
#[derive(Debug)]
pub struct Outcome {
    /// The scene, with the hook's edits and notes; without its edits when it failed.
    pub scene: Box<Scene>,
    /// What the hook returned, or how it failed.
    pub verdict: Result<Verdict, Fault>,
    /// Every effect, in order.
    pub journal: Vec<JournalEntry>,
}

/// One evaluation under way.
pub(super) struct Run {
    pub(super) bound: Arc<Bound>,
    pub(super) hook: Hook,
    pub(super) scene: RefCell<Box<Scene>>,
    pub(super) meter: Meter,
    pub(super) host: Box<dyn HostCall>,
    pub(super) outside: Option<Outside>,
    pub(super) journal: RefCell<Vec<JournalEntry>>,
    pub(super) effects_used: Cell<u32>,
    pub(super) spent: Cell<Money>,
    /// Whether the watch reads a value on its own account.
    pub(super) probing: Cell<bool>,
    last_words: RefCell<Option<String>>,
    rng: RefCell<Option<fastrand::Rng>>,
    missing: RefCell<Vec<String>>,
    before: Before,
}

/// The way to the outside of a script that may wait.
pub(super) struct Outside {
    /// Who performs effects.
    pub(super) effects: Arc<dyn Effects>,
    /// Where they run.
    pub(super) runtime: tokio::runtime::Handle,
}

/// What a hook may edit, as it was: a failed hook leaves no edit behind.
#[derive(Clone)]
struct Before {
    request: Option<Box<crate::dialect::LazyRequest>>,
    response: Option<Arc<crate::ir::Response>>,
}

/// What an evaluation is given.
pub(super) struct Given {
    pub(super) bound: Arc<Bound>,
    pub(super) hook: Hook,
    pub(super) scene: Box<Scene>,
    pub(super) outside: Option<Outside>,
}

impl Run {
    pub(super) fn new(given: Given, meter: Meter, host: Box<dyn HostCall>) -> Rc<Self> {
        let Given { bound, hook, scene, outside } = given;
        let before = Before {
            request: matches!(hook, Hook::Request).then(|| Box::new(scene.request.clone())),
            response: scene.response.clone(),
        };
        Rc::new(Self {
            bound,
            hook,
            scene: RefCell::new(scene),
            meter,
            host,
            outside,
            journal: RefCell::default(),
            effects_used: Cell::new(0),
            spent: Cell::new(Money::ZERO),
            probing: Cell::new(false),
            last_words: RefCell::new(None),
            rng: RefCell::new(None),
            missing: RefCell::default(),
            before,
        })
    }

    /// Calls the hook and reads its verdict. Everything that the script made is
    /// dropped here, on the script's own stack.
    pub(super) fn evaluate(&self) -> Result<Verdict, Fault> {
        self.meter.begin();
        let called = catch_unwind(AssertUnwindSafe(|| self.call()));
        let result = match called {
            Ok(Ok(value)) => match catch_unwind(AssertUnwindSafe(|| verdict::read(self.hook, value))) {
                Ok(read) => read.map_err(|message| blame::whole(self, FaultKind::BadVerdict, message)),
                Err(panic) => Err(self.panicked(panic.as_ref())),
            },
            Ok(Err(error)) => Err(blame::fault(self, &error)),
            Err(panic) => Err(self.panicked(panic.as_ref())),
        };
        // A breach may have been swallowed on its way up, in a comparison of a sort.
        match (self.meter.breach(), result) {
            (Some(why), Ok(_)) => Err(blame::whole(self, why, self.words(why))),
            (_, result) => result,
        }
    }

    /// Calls the hook's function with what earlier calls have looked up: the
    /// interpreter's own way to call one looks every operator up anew.
    fn call(&self) -> Result<Dynamic, Box<EvalAltResult>> {
        let policy = &self.bound.policy;
        let name = self.hook.function();
        let mut global = policy.engine.new_global_runtime_state();
        global.source = policy.ast.source().map(Into::into);
        global.lib.push(Arc::clone(policy.ast.shared_lib()));
        let mut caches = policy.lookups.take();
        let mut scope = Scope::new();
        let mut context = EvalContext::new(&policy.engine, &mut global, &mut caches, &mut scope, None);
        let called = context.call_fn_raw(name, false, false, &mut []);
        policy.lookups.put(caches);
        called.or_else(|error| match *error {
            EvalAltResult::Exit(value, _) => Ok(value),
            EvalAltResult::ErrorInFunctionCall(called, _, inner, _) if called == name => Err(inner),
            other => Err(other.into()),
        })
    }

    /// The outcome, at the end: by then nobody else holds the run.
    pub(super) fn ended(self: Rc<Self>, verdict: Result<Verdict, Fault>) -> Outcome {
        self.bound.policy.slow.note(self.hook, self.meter.ran());
        let (mut scene, journal, before) = match Rc::try_unwrap(self) {
            Ok(run) => (run.scene.into_inner(), run.journal.into_inner(), run.before),
            Err(run) => (run.scene.borrow().clone(), run.journal.take(), run.before.clone()),
        };
        if verdict.is_err() {
            if let Some(request) = before.request {
                scene.request = *request;
            }
            scene.response = before.response;
        }
        Outcome { scene, verdict, journal }
    }

    /// A fault without a place.
    pub(super) fn fault(&self, kind: FaultKind, message: String) -> Fault {
        fault(&self.bound, self.hook, kind, message)
    }

    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> Fault {
        let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        self.fault(FaultKind::Panic, format!("a function of the gateway panicked: {text}"))
    }

    /// Says why the script is about to end, where the kind of its breach does not.
    pub(super) fn last_words(&self, words: String) {
        if let Ok(mut last) = self.last_words.try_borrow_mut() {
            last.get_or_insert(words);
        }
    }

    /// The breach in words.
    pub(super) fn words(&self, why: FaultKind) -> String {
        let said = self.last_words.try_borrow().ok().and_then(|said| said.clone());
        said.unwrap_or_else(|| self.meter.words(why))
    }

    /// Remembers the name of something that is not there; the tag of its `()`.
    pub(super) fn missing(&self, name: String) -> i32 {
        let Ok(mut missing) = self.missing.try_borrow_mut() else { return 0 };
        if let Some(at) = missing.iter().position(|known| *known == name) {
            return i32::try_from(at + 1).unwrap_or(0);
        }
        if missing.len() >= 1000 {
            return 0;
        }
        missing.push(name);
        i32::try_from(missing.len()).unwrap_or(0)
    }

    /// The name behind the tag of a `()`.
    pub(super) fn missing_name(&self, tag: i32) -> Option<String> {
        let at = usize::try_from(tag).ok()?.checked_sub(1)?;
        self.missing.try_borrow().ok()?.get(at).cloned()
    }

    /// The next random number of this evaluation, from the exchange's seed.
    pub(super) fn draw(&self) -> f64 {
        let Ok(mut rng) = self.rng.try_borrow_mut() else { return 0.0 };
        let rng = rng.get_or_insert_with(|| {
            let seed = self.scene.try_borrow().map(|scene| scene.seed);
            fastrand::Rng::with_seed(seed.unwrap_or_default() ^ salt(&self.bound.policy.name, self.hook))
        });
        rng.f64()
    }

    /// The time: of the outside where there is one, else of the exchange's start.
    pub(super) fn clock(&self) -> Option<Now> {
        if let Some(outside) = &self.outside {
            return Some(outside.effects.clock().now());
        }
        self.scene.try_borrow().ok().map(|scene| scene.now)
    }
}

/// Makes two policies of one exchange draw different numbers.
fn salt(policy: &str, hook: Hook) -> u64 {
    let seed = 0xcbf2_9ce4_8422_2325_u64 ^ (hook as u64);
    policy.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A fault without a place.
pub(super) fn fault(bound: &Bound, hook: Hook, kind: FaultKind, message: String) -> Fault {
    Fault {
        kind,
        policy: bound.policy.name.to_string(),
        hook: hook.function(),
        message,
        line: None,
        column: None,
        source_line: None,
    }
}
