//! Killing a workflow at each of its commits, and taking it up again.
//!
//! In: a workflow with its input, and what the world around it is like. Out: that it comes to the same end wherever its
//! process dies, or where it does not and what is different.

mod failure;
mod fate;
mod outcome;
mod story;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use failure::CrashFailure;
pub use fate::CrashPoint;
pub use story::Parked;

use self::fate::{Mortal, Process, Target};
use self::story::Story;
use crate::engine::tree::Workflow;
use crate::engine::{Engine, EngineBuilder, Invocation};
use crate::plan::Requires;
use crate::store::{InMemoryStore, WorkflowStore};

/// Runs a workflow to its end, then again and again, each time in a process that is killed at another of its commits:
/// right before the commit is durable, and right after, before anyone learns that it is. Another process goes on from
/// what is durable. Everything must end as it did without a crash, and no committed step may run again.
///
/// This is for workflows that take no application state and whose waits are over when time passes; for others see
/// [`CrashTest`]. What "as it did" means is said there, too.
///
/// ```
/// use flow_runtime::prelude::*;
/// use flow_runtime::testing::crash_everywhere;
///
/// #[node]
/// async fn fetch(url: &str) -> String { format!("<{url}>") }
/// #[node]
/// async fn count(pages: &[String]) -> usize { pages.len() }
///
/// workflow! {
///     fn crawl(urls: Vec<String>) -> usize {
///         let later = sleep("1h");
///         let pages = for url in urls { fetch(url) };
///         #[after(later)]
///         count(pages)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // In a `#[tokio::test]`:
/// let killed = crash_everywhere(|| crawl(vec!["a".to_owned(), "b".to_owned()])).await.unwrap();
/// assert!(killed.len() > 6);
/// # }
/// ```
///
/// # Errors
/// If the run ends otherwise after one of the crashes, or not at all.
pub async fn crash_everywhere<W>(invoke: impl Fn() -> Invocation<W>) -> Result<Vec<CrashPoint>, CrashFailure>
where
    W: Workflow + Requires<()>,
{
    CrashTest::new(invoke).everywhere().await
}

/// As [`crash_everywhere`], but the process is killed only where this step has run: before that is durable, so that the
/// step has to run again under the same key, and after. Steps are named by their paths: `charge`, `parcel.ship`,
/// `ys[17].print`. If the step takes several attempts, the process is killed at the end of each.
///
/// # Errors
/// If the run ends otherwise after one of the crashes, or not at all; if no such step runs.
pub async fn crash_at<W>(invoke: impl Fn() -> Invocation<W>, step: &str) -> Result<Vec<CrashPoint>, CrashFailure>
where
    W: Workflow + Requires<()>,
{
    CrashTest::new(invoke).at(step).await
}

/// Opens the store of a story for one more process.
type Open<'t> = Box<dyn Fn(Arc<Process>) -> EngineBuilder + 't>;
/// Sets what an engine is told.
type Set<'t, S> = Box<dyn Fn(EngineBuilder<S>) -> EngineBuilder<S> + 't>;
/// Shows what was done in the world.
type Look<'t, S> = Box<dyn Fn(&S) -> String + 't>;

/// What is done while a run waits, without the type of the closure.
trait Steer<S> {
    fn steer<'a>(&'a self, parked: &'a Parked<'a, S>) -> Pin<Box<dyn Future<Output = ()> + 'a>>;
}

impl<S, F: AsyncFn(&Parked<'_, S>)> Steer<S> for F {
    fn steer<'a>(&'a self, parked: &'a Parked<'a, S>) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(self(parked))
    }
}

/// A workflow that is to survive crashes, with the world around it.
///
/// Each crash is a story of its own: it begins with an empty store and a fresh [`state`](Self::state), of which all
/// processes of the story have the same. A process is an engine, with a [`VirtualClock`](super::VirtualClock) that outlives
/// it, and with [`strict_roundtrip`](EngineBuilder::strict_roundtrip). When it is killed its bodies are dropped where they
/// stand, but for blocking ones, which nothing can stop: the next process begins when they have ended.
///
/// A story must end as the run without a crash did: the same result, the same statuses, outputs and failures of all
/// steps, the same key-value data, and the same [`effects`](Self::effects). Attempts and times may differ. So the nodes
/// must give the same output whenever they run, or the test says that [they may not](Self::outputs_may_differ).
///
/// ```
/// use std::sync::Mutex;
/// use flow_runtime::prelude::*;
/// use flow_runtime::testing::CrashTest;
///
/// /// Stands for a bank, which pays once for each key.
/// #[derive(Default)]
/// struct Bank(Mutex<std::collections::BTreeMap<String, u32>>);
///
/// #[node]
/// async fn pay(#[state] bank: &Bank, cents: u32, cx: &NodeContext) -> String {
///     bank.0.lock().unwrap().insert(cx.idempotency_key(), cents);
///     format!("{cents} cents are paid")
/// }
///
/// workflow! {
///     fn expense(cents: u32) -> String {
///         let word = approval("manager");
///         #[id = "settle"]
///         if word.is_approved() { pay(cents) } else { "nothing is paid".to_owned() }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// CrashTest::new(|| expense(4200))
///     .state(Bank::default)
///     .when_parked(async |run| {
///         let word = Approval::approved("Ada");
///         expense::signals().manager.send(run.engine(), run.id(), &word).await.unwrap();
///     })
///     .effects(|bank| bank.0.lock().unwrap().clone())
///     .everywhere()
///     .await
///     .unwrap();
/// # }
/// ```
#[must_use = "nothing is run until `everywhere` or `at` is called"]
pub struct CrashTest<'t, W: Workflow, S = ()> {
    invoke: Box<dyn Fn() -> Invocation<W> + 't>,
    store: Box<dyn Fn() -> Open<'t> + 't>,
    state: Box<dyn Fn() -> S + 't>,
    engine: Option<Set<'t, S>>,
    parked: Option<Box<dyn Steer<S> + 't>>,
    effects: Option<Look<'t, S>>,
    has_same_outputs: bool,
}

impl<'t, W: Workflow> CrashTest<'t, W> {
    /// This workflow, run in memory and without application state, if nothing else is said.
    pub fn new(invoke: impl Fn() -> Invocation<W> + 't) -> Self {
        let in_memory = || {
            let store = InMemoryStore::default();
            move || store.clone()
        };
        Self {
            invoke: Box::new(invoke),
            store: opens(in_memory),
            state: Box::new(|| ()),
            engine: None,
            parked: None,
            effects: None,
            has_same_outputs: true,
        }
    }

    /// What makes the application state of each story. It stands for all that outlives a process.
    ///
    /// # Panics
    /// If [`when_parked`](Self::when_parked), [`effects`](Self::effects) or [`engine`](Self::engine) was called before,
    /// which see this state.
    pub fn state<S: Send + Sync + 'static>(self, state: impl Fn() -> S + 't) -> CrashTest<'t, W, S> {
        let is_first = self.engine.is_none() && self.parked.is_none() && self.effects.is_none();
        assert!(is_first, "call `state` before what sees the state");
        let Self { invoke, store, has_same_outputs, .. } = self;
        let state = Box::new(state);
        CrashTest { invoke, store, state, engine: None, parked: None, effects: None, has_same_outputs }
    }
}

impl<'t, W: Workflow, S: Send + Sync + 'static> CrashTest<'t, W, S> {
    /// Where runs are kept. The outer closure makes an empty place for a story, the inner one opens it for each of its
    /// processes, when the store that it gave before was dropped.
    ///
    /// ```
    /// # use flow_runtime::prelude::*;
    /// # use flow_runtime::testing::CrashTest;
    /// # #[node]
    /// # async fn greet(name: &str) -> String { format!("Hello, {name}") }
    /// # workflow! { fn greets(name: String) -> String { greet(name) } }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// CrashTest::new(|| greets("Ada".to_owned()))
    ///     .store(|| {
    ///         let folder = tempfile::tempdir().unwrap();
    ///         move || FlatBuffersStore::open(folder.path()).unwrap()
    ///     })
    ///     .everywhere()
    ///     .await
    ///     .unwrap();
    /// # }
    /// ```
    pub fn store<P, D>(mut self, place: impl Fn() -> P + 't) -> Self
    where
        P: Fn() -> D + 't,
        D: WorkflowStore,
    {
        self.store = opens(place);
        self
    }

    /// What else each engine is told: its concurrency, its durability, its transforms. Steps that end at the same moment
    /// are committed together; with a concurrency of 1 each is alone.
    pub fn engine(mut self, set: impl Fn(EngineBuilder<S>) -> EngineBuilder<S> + 't) -> Self {
        self.engine = Some(Box::new(set));
        self
    }

    /// What happens whenever nothing is left but to wait. If this is not said, time passes until the first wait is over
    /// by itself, its timer's or its timeout's, as with [`Parked::let_time_pass`].
    ///
    /// It may be called again for a wait for which it was called before, in a process that died. When the process dies
    /// while this runs, it goes no further.
    pub fn when_parked(mut self, steer: impl AsyncFn(&Parked<'_, S>) + 't) -> Self {
        self.parked = Some(Box::new(steer));
        self
    }

    /// What the nodes have done in the world, which must be the same in the end. It is compared, and told in the error,
    /// as its `Debug` text.
    pub fn effects<T: fmt::Debug>(mut self, effects: impl Fn(&S) -> T + 't) -> Self {
        self.effects = Some(Box::new(move |state| format!("{:#?}", effects(state))));
        self
    }

    /// Compares no values: for nodes that draw or look up something, and give another output when they run again. What
    /// was committed stays as it was all the same, which [`effects`](Self::effects) can look at.
    pub fn outputs_may_differ(mut self) -> Self {
        self.has_same_outputs = false;
        self
    }

    /// Kills the process at each commit in turn. Gives where it was killed.
    ///
    /// # Errors
    /// If the run ends otherwise after one of the crashes, or not at all.
    ///
    /// # Panics
    /// If one of the closures does.
    pub async fn everywhere(&self) -> Result<Vec<CrashPoint>, CrashFailure>
    where
        W: Requires<S>,
    {
        self.killed_at(Target::Commit).await
    }

    /// Kills the process where this step has run, at the end of each of its attempts in turn. Gives where it was killed.
    ///
    /// # Errors
    /// If the run ends otherwise after one of the crashes, or not at all; if no such step runs.
    ///
    /// # Panics
    /// If one of the closures does.
    pub async fn at(&self, step: &str) -> Result<Vec<CrashPoint>, CrashFailure>
    where
        W: Requires<S>,
    {
        let points = self.killed_at(|number| Target::EndOf(step.to_owned(), number)).await?;
        if points.is_empty() {
            let steps = Story::begin(self).undisturbed().await?.steps();
            return Err(CrashFailure::NoSuchStep { step: step.to_owned(), steps });
        }
        Ok(points)
    }

    /// Kills the process at each of these places, until there are no more of them.
    async fn killed_at(&self, target: impl Fn(u64) -> Target) -> Result<Vec<CrashPoint>, CrashFailure>
    where
        W: Requires<S>,
    {
        let expected = Story::begin(self).undisturbed().await?;
        let mut points = Vec::new();
        for is_durable in [false, true] {
            for number in 0.. {
                let point = Story::begin(self).with_crash(target(number), is_durable, &expected).await?;
                let Some(point) = point else { break };
                points.push(point);
            }
        }
        Ok(points)
    }
}

fn opens<'t, P, D>(place: impl Fn() -> P + 't) -> Box<dyn Fn() -> Open<'t> + 't>
where
    P: Fn() -> D + 't,
    D: WorkflowStore,
{
    Box::new(move || {
        let open = place();
        Box::new(move |process| Engine::builder(Mortal::new(open(), process)))
    })
}

impl<W: Workflow, S> fmt::Debug for CrashTest<'_, W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashTest").field("workflow", &W::plan().workflow).finish_non_exhaustive()
    }
}
