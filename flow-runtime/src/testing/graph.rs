//! Workflows that are put together at run time, through the same seam that `workflow!` targets.
//!
//! In: steps with closures for bodies. Out: a plan and a tree of slots that the engine runs like any other. It is
//! for random graphs and very long chains in tests; applications are better served by `workflow!`, which the
//! compiler checks.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use crate::engine::body::{Body, put, run_fallible};
use crate::engine::place::Place;
use crate::engine::tree::{At, BodyError, Called, Choice, Slot, Tree};
use crate::engine::{Asked, Engine, Ephemeral, NodeContext, Registered, RunError, result_of, run_tree, start_tree};
use crate::plan::{Fingerprint, Plan, Policy, Providers, Region, Source, Step, StepKind, Undo};
use crate::state::{BoxError, EncodeError, Encoding, NodeFailure, Output, Payload, WorkflowId, encode};

/// The future of a step's body.
pub type GraphBody<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

type Action<T> = Arc<dyn for<'a> Fn(&'a NodeContext, Vec<&'a T>) -> GraphBody<'a, T> + Send + Sync>;

type OnFailure<T> = fn(&NodeFailure) -> T;

type UndoAction<T> = Arc<dyn for<'a> Fn(&'a NodeContext, &'a T) -> GraphBody<'a, ()> + Send + Sync>;

/// A workflow that is put together at run time. All its steps have outputs of one type.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), flow_runtime::RunError> {
/// use flow_runtime::testing::Graph;
/// let mut graph = Graph::<u64>::new("sum");
/// let one = graph.step("one", &[], |_, _| Box::pin(async { Ok(1) }));
/// let two = graph.step("two", &[], |_, _| Box::pin(async { Ok(2) }));
/// graph.step("sum", &[one, two], |_, inputs| Box::pin(async move { Ok(inputs.into_iter().sum()) }));
/// let engine = flow_runtime::Engine::ephemeral().build();
/// assert_eq!(graph.run_ephemeral(&engine).await?, 3);
/// # Ok(())
/// # }
/// ```
pub struct Graph<T> {
    name: String,
    steps: Vec<Step>,
    bodies: Vec<StepBody<T>>,
}

struct StepBody<T> {
    /// The steps whose outputs it gets, in the order it gets them; one may be there several times.
    arguments: Arc<[u32]>,
    does: Does<T>,
    undo: Option<UndoAction<T>>,
}

enum Does<T> {
    Acts(Action<T>),
    /// Runs another graph, whose failure becomes a value if there is a function that makes one.
    Calls(Box<Graph<T>>, Option<OnFailure<T>>),
}

impl<T: Output + Clone> Graph<T> {
    /// A graph without steps.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), steps: Vec::new(), bodies: Vec::new() }
    }

    /// Adds a step that uses the outputs of these steps, and gives its index. The step added last is the output.
    ///
    /// # Panics
    /// If an input is not the index of a step added before.
    pub fn step<F>(&mut self, id: impl Into<String>, inputs: &[u32], action: F) -> u32
    where
        F: for<'a> Fn(&'a NodeContext, Vec<&'a T>) -> GraphBody<'a, T> + Send + Sync + 'static,
    {
        self.step_with(id, inputs, Policy::DEFAULT, action)
    }

    /// Adds a step with a policy.
    ///
    /// # Panics
    /// If an input is not the index of a step added before.
    pub fn step_with<F>(&mut self, id: impl Into<String>, inputs: &[u32], policy: Policy, action: F) -> u32
    where
        F: for<'a> Fn(&'a NodeContext, Vec<&'a T>) -> GraphBody<'a, T> + Send + Sync + 'static,
    {
        let id: String = id.into();
        let output = Cow::Borrowed(std::any::type_name::<T>());
        let kind = StepKind::Call { node: Cow::Owned(id.clone()), output, awaits: None };
        self.add(id, inputs, kind, Does::Acts(Arc::new(action)), policy)
    }

    /// Adds a step that runs another graph as a part of this one, after these steps. Its output is that of the graph;
    /// with a function for failures, a failure of the graph is a value.
    ///
    /// # Panics
    /// If an input is not the index of a step added before, or the graph has no steps.
    pub fn call(
        &mut self,
        id: impl Into<String>,
        inputs: &[u32],
        graph: Self,
        on_failure: Option<fn(&NodeFailure) -> T>,
    ) -> u32 {
        assert!(!graph.steps.is_empty(), "a graph without steps has no output");
        let output = Cow::Borrowed(std::any::type_name::<T>());
        let kind = StepKind::Sub { workflow: Cow::Owned(graph.name.clone()), output, body: 0 };
        let step = self.add(id.into(), inputs, kind, Does::Calls(Box::new(graph), on_failure), Policy::DEFAULT);
        self.steps[step as usize].catch = on_failure.is_some();
        step
    }

    fn add(&mut self, id: String, inputs: &[u32], kind: StepKind, does: Does<T>, policy: Policy) -> u32 {
        let local = self.steps.len() as u32;
        for &input in inputs {
            assert!(input < local, "step `{id}` uses step {input}, which was not added before it");
            let next = self.steps[input as usize].next.to_mut();
            if next.last() != Some(&local) {
                next.push(local);
            }
        }
        self.steps.push(Step {
            kind,
            id: Cow::Owned(id),
            region: 0,
            inputs: Cow::Owned(inputs.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()),
            after: Cow::Borrowed(&[]),
            next: Cow::Borrowed(&[]),
            policy,
            catch: false,
            undo: None,
            source: Source::default(),
        });
        self.bodies.push(StepBody { arguments: inputs.into(), does, undo: None });
        local
    }

    /// Says what undoes a step that was added before: it is given the step's output.
    ///
    /// # Panics
    /// If there is no such step.
    pub fn undo<F>(&mut self, step: u32, policy: Policy, undo: F)
    where
        F: for<'a> Fn(&'a NodeContext, &'a T) -> GraphBody<'a, ()> + Send + Sync + 'static,
    {
        let plan = &mut self.steps[step as usize];
        plan.undo = Some(Undo { node: Cow::Owned(format!("undo {}", plan.id)), policy });
        self.bodies[step as usize].undo = Some(Arc::new(undo));
    }

    /// The plan of the graph as it is now.
    pub fn plan(&self) -> Plan {
        let len = self.steps.len() as u32;
        let last = len.checked_sub(1);
        let region = Region {
            parent: None,
            label: Cow::Borrowed(""),
            first: 0,
            len,
            tail: Cow::Owned(last.into_iter().collect()),
            value: last,
        };
        let (mut steps, mut regions) = (self.steps.clone(), vec![region]);
        for (local, body) in (0..).zip(&self.bodies) {
            if let Does::Calls(graph, _) = &body.does {
                append(&mut steps, &mut regions, local, graph.plan());
            }
        }
        Plan {
            fingerprint: Fingerprint::of(&self.name, 1, &steps, &regions),
            workflow: Cow::Owned(self.name.clone()),
            version: 1,
            doc: Cow::Borrowed(""),
            input: Cow::Borrowed(""),
            output: Cow::Borrowed(std::any::type_name::<T>()),
            steps: Cow::Owned(steps),
            regions: Cow::Owned(regions),
            source: Source::default(),
        }
    }

    /// Runs the graph under this id, as [`Invocation::run`](crate::Invocation::run) does.
    ///
    /// # Errors
    /// As those of `Invocation::run`.
    ///
    /// # Panics
    /// If the graph has no steps.
    pub async fn run<S>(&self, engine: &Engine<S>, id: impl AsRef<str>) -> Result<T, RunError> {
        let id = WorkflowId::new(id)?;
        let live = start_tree(engine, &id, self.registered(), self.tree(), Asked::default())?;
        result_of(&live, id).await
    }

    /// Runs the graph without a record.
    ///
    /// # Errors
    /// If a step failed.
    ///
    /// # Panics
    /// If the graph has no steps.
    pub async fn run_ephemeral<S>(&self, engine: &Ephemeral<S>) -> Result<T, RunError> {
        run_tree(engine, self.tree(), self.registered()).await
    }

    fn registered(&self) -> Arc<Registered> {
        let graph = self.clone();
        let revive = Box::new(move |_: &Payload| Ok(graph.tree()));
        Arc::new(Registered::new(self.plan(), Providers::default(), revive))
    }

    fn tree(&self) -> Arc<dyn Tree> {
        assert!(!self.steps.is_empty(), "a graph without steps has no output");
        Arc::new(GraphTree {
            plan: self.plan(),
            bodies: self.bodies.clone(),
            slots: self.steps.iter().map(|_| Slot::default()).collect(),
        })
    }
}

/// Adds the parts of a plan behind those of the one that calls it in this step.
fn append(steps: &mut Vec<Step>, regions: &mut Vec<Region>, caller: u32, inner: Plan) {
    let (first_step, first_region) = (steps.len() as u32, regions.len() as u32);
    if let StepKind::Sub { body, .. } = &mut steps[caller as usize].kind {
        *body = first_region;
    }
    let moved = |list: &mut Cow<'static, [u32]>| list.to_mut().iter_mut().for_each(|local| *local += first_step);
    for mut step in inner.steps.into_owned() {
        step.region += first_region;
        if let StepKind::Sub { body, .. } = &mut step.kind {
            *body += first_region;
        }
        [&mut step.inputs, &mut step.after, &mut step.next].into_iter().for_each(moved);
        steps.push(step);
    }
    for mut region in inner.regions.into_owned() {
        region.parent = Some(region.parent.map_or(caller, |parent| parent + first_step));
        region.first += first_step;
        region.value = region.value.map(|value| value + first_step);
        moved(&mut region.tail);
        regions.push(region);
    }
}

struct GraphTree<T> {
    plan: Plan,
    bodies: Vec<StepBody<T>>,
    slots: Vec<Slot<T>>,
}

impl<T: Output + Clone> GraphTree<T> {
    fn value(&self, step: u32) -> &T {
        self.slots[step as usize].get()
    }
}

impl<T: Output + Clone> Tree for GraphTree<T> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn encode_input(&self, encoding: Encoding) -> Result<Payload, EncodeError> {
        encode(&(), encoding)
    }

    fn start<'a>(&'a self, at: At<'a>, cx: &'a NodeContext) -> Body<'a> {
        let StepBody { arguments, does, undo } = &self.bodies[at.step as usize];
        if let (Some(undo), Some(output)) = (undo, cx.undone::<T>()) {
            return run_fallible(undo(cx, output), |_| true);
        }
        match does {
            Does::Acts(action) => {
                let inputs = arguments.iter().map(|&input| self.value(input)).collect();
                run_fallible(action(cx, inputs), |_| true)
            }
            Does::Calls(graph, _) => Body::new(std::future::ready(Err(BodyError::Calls(Called(graph.tree()))))),
        }
    }

    fn place(&self, at: At<'_>) -> &dyn Place {
        &self.slots[at.step as usize]
    }

    fn asks(&self, _step: u32) -> bool {
        true
    }

    fn end(&self, into: &dyn Place) {
        put(self.value(self.slots.len() as u32 - 1).clone(), into);
    }

    fn choose(&self, _at: At<'_>) -> Choice {
        Choice::Items(0)
    }

    fn open(&self, _at: At<'_>, _choice: Choice) {}

    fn join(&self, _at: At<'_>) {}

    fn caught(&self, at: At<'_>, _item: Option<u32>, failure: NodeFailure) {
        if let Does::Calls(_, Some(value_of)) = &self.bodies[at.step as usize].does {
            self.slots[at.step as usize].set(value_of(&failure));
        }
    }
}

impl<T> Clone for StepBody<T> {
    fn clone(&self) -> Self {
        Self { arguments: self.arguments.clone(), does: self.does.clone(), undo: self.undo.clone() }
    }
}

impl<T> Clone for Does<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Acts(action) => Self::Acts(action.clone()),
            Self::Calls(graph, on_failure) => Self::Calls(graph.clone(), *on_failure),
        }
    }
}

impl<T> Clone for Graph<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), steps: self.steps.clone(), bodies: self.bodies.clone() }
    }
}

impl<T> std::fmt::Debug for Graph<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("name", &self.name).field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}
