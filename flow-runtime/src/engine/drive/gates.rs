//! Permits: how many attempts may run at once, in the engine and of one node.
//!
//! In: steps that could start. Out: steps that hold their permits, the node's first, then the engine's. Who waits
//! for a permit waits in order of arrival, with the other runs of the engine.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Message;
use crate::engine::shared::EngineShared;
use crate::engine::tasks;
use crate::plan::{Plan, StepKind};
use crate::state::{Phase, StepRef};

/// The right to run one attempt, given back when it is dropped.
pub(crate) type Permit = OwnedSemaphorePermit;

/// A step with all its permits.
pub(super) struct Admitted {
    pub(super) step: StepRef,
    /// Held until the attempt has ended.
    pub(super) permits: (Option<Permit>, Permit),
}

/// The gates a run's steps pass through. The first is the engine's, the others are those of nodes with a limit.
pub(super) struct Gates {
    all: Vec<Gate>,
    by_node: HashMap<(String, u32), usize>,
    engine: Arc<EngineShared>,
    outbox: mpsc::UnboundedSender<Message>,
}

struct Gate {
    semaphore: Arc<Semaphore>,
    queue: VecDeque<(StepRef, Option<Permit>)>,
    /// A permit that was waited for.
    held: Option<Permit>,
    /// Whether someone waits for a permit.
    asked: bool,
}

impl Gates {
    pub(super) fn new(engine: Arc<EngineShared>, outbox: mpsc::UnboundedSender<Message>) -> Self {
        let all = vec![Gate::new(engine.permits.clone())];
        Self { all, by_node: HashMap::new(), engine, outbox }
    }

    pub(super) fn push(&mut self, plan: &Plan, step: StepRef, phase: Phase) {
        let gate = self.gate_of(plan, step, phase);
        self.all[gate].queue.push_back((step, None));
    }

    /// The next step that has all its permits. `wanted` says of a step whether it may still start.
    pub(super) fn pop(&mut self, wanted: impl Fn(StepRef) -> bool) -> Option<Admitted> {
        for node in 1..self.all.len() {
            while let Some((step, _, permit)) = self.pass(node, &wanted) {
                self.all[0].queue.push_back((step, Some(permit)));
            }
        }
        let (step, node, permit) = self.pass(0, &wanted)?;
        Some(Admitted { step, permits: (node, permit) })
    }

    /// Takes in that a permit has come that was asked for; `None` if nobody wants it any more.
    pub(super) fn put_back(&mut self, gate: usize, permit: Option<Permit>) {
        self.all[gate].asked = false;
        self.all[gate].held = permit;
    }

    /// How many steps wait at a gate.
    pub(super) fn waiting(&self) -> usize {
        self.all.iter().map(|gate| gate.queue.len()).sum()
    }

    /// Whether steps wait at a gate.
    pub(super) fn has_waiting(&self) -> bool {
        self.all.iter().any(|gate| !gate.queue.is_empty())
    }

    /// Whether steps wait at a gate, or a permit is on its way that was asked for: it may be wanted by nobody any more,
    /// and must go back when it comes.
    pub(super) fn is_busy(&self) -> bool {
        self.has_waiting() || self.all.iter().any(|gate| gate.asked)
    }

    pub(super) fn clear(&mut self) {
        for gate in &mut self.all {
            gate.queue.clear();
            gate.held = None;
        }
    }

    fn gate_of(&mut self, plan: &Plan, step: StepRef, phase: Phase) -> usize {
        let step = plan.step(step.local);
        let (node, policy) = match (&step.kind, &step.undo, phase) {
            (_, Some(undo), Phase::Undo) => (&undo.node, &undo.policy),
            (StepKind::Call { node, .. }, _, _) => (node, &step.policy),
            _ => return 0,
        };
        let Some(limit) = policy.concurrency else { return 0 };
        let gates = &mut self.all;
        *self.by_node.entry((node.to_string(), limit.get())).or_insert_with(|| {
            gates.push(Gate::new(self.engine.node_permits(node, limit)));
            gates.len() - 1
        })
    }

    fn pass(&mut self, index: usize, wanted: &impl Fn(StepRef) -> bool) -> Option<(StepRef, Option<Permit>, Permit)> {
        let gate = &mut self.all[index];
        while gate.queue.front().is_some_and(|&(step, _)| !wanted(step)) {
            gate.queue.pop_front();
        }
        if gate.queue.is_empty() {
            gate.held = None;
            return None;
        }
        let permit = gate.held.take().or_else(|| gate.semaphore.clone().try_acquire_owned().ok());
        let Some(permit) = permit else {
            self.ask(index);
            return None;
        };
        let (step, earlier) = self.all[index].queue.pop_front()?;
        Some((step, earlier, permit))
    }

    fn ask(&mut self, index: usize) {
        let gate = &mut self.all[index];
        if !std::mem::replace(&mut gate.asked, true) {
            tasks::wait_for_permit(gate.semaphore.clone(), index, self.outbox.clone());
        }
    }
}

impl Gate {
    fn new(semaphore: Arc<Semaphore>) -> Self {
        Self { semaphore, queue: VecDeque::new(), held: None, asked: false }
    }
}
