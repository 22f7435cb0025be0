//! What is done to a log while something happens to its disk, and what may be found of it then.

use std::collections::BTreeMap;

use super::*;
use crate::disk::FaultFs;

/// The states in which each run may be found.
pub(super) type Allowed = BTreeMap<WorkflowId, Vec<Option<WorkflowData>>>;

/// What is done, in this order.
pub(super) enum Step {
    Commit(Box<WorkflowData>, Box<Delta>),
    Save(Box<WorkflowData>),
    Delete(WorkflowId),
    /// A slice of what is done beside the commits.
    KeepUp,
}

impl Step {
    fn id(&self) -> Option<&WorkflowId> {
        match self {
            Self::KeepUp => None,
            Self::Commit(data, _) => Some(&data.id),
            Self::Save(data) => Some(&data.id),
            Self::Delete(id) => Some(id),
        }
    }

    fn after(&self) -> Option<&WorkflowData> {
        match self {
            Self::Commit(data, _) => Some(data),
            Self::Save(data) => Some(data),
            Self::Delete(_) | Self::KeepUp => None,
        }
    }

    fn is_lazy(&self) -> bool {
        matches!(self, Self::Commit(_, delta) if delta.ack == Ack::Lazy)
    }

    /// Whether all that was acknowledged before it is durable after it.
    fn is_durable(&self) -> bool {
        !self.is_lazy() && self.id().is_some()
    }

    pub(super) async fn run(&self, store: &FlatBuffersStore) -> Result<(), StoreError> {
        match self {
            Self::Commit(data, delta) => store.commit(data, delta).await,
            Self::Save(data) => store.save(data).await,
            Self::Delete(id) => store.delete(id).await,
            Self::KeepUp => {
                store.writer()?.keep_up(1);
                Ok(())
            }
        }
    }
}

/// Two runs that end, one that is deleted and made again, one that is saved; enough for several segments.
pub(super) fn workload() -> Vec<Step> {
    let commits =
        |id, run_no| walk(id, run_no).into_iter().map(|(data, delta)| Step::Commit(Box::new(data), Box::new(delta)));
    let mut all: Vec<Step> = commits("a", 1).collect();
    all.extend(commits("b", 2).take(3));
    all.push(Step::Delete(id("a")));
    all.extend(commits("a", 3).take(2));
    all.push(Step::Save(Box::new(walk("c", 4)[3].0.clone())));
    all.extend(commits("b", 2).skip(3));
    all.push(Step::Delete(id("c")));
    all
}

/// Runs that come and go, more than there is room for, beside one that stays and one that goes on; and a little of what
/// is done beside the commits after each step.
pub(super) fn churn() -> Vec<Step> {
    let commit = |(data, delta): (WorkflowData, Delta)| Step::Commit(Box::new(data), Box::new(delta));
    let (mut live, mut all) = (walk("live", 2).into_iter(), Vec::new());
    all.extend(walk("kept", 1).into_iter().map(commit));
    for n in 0..5 {
        all.extend(live.next().map(commit));
        let name = format!("gone-{}", n % 3);
        all.extend(walk(&name, n + 10).into_iter().map(commit));
        if n == 2 {
            all.push(Step::Save(Box::new(walk("saved", 4)[3].0.clone())));
        }
        all.push(Step::Delete(id(&name)));
    }
    all.push(Step::Save(Box::new(walk("saved", 4)[4].0.clone())));
    all.into_iter().flat_map(|step| [step, Step::KeepUp]).collect()
}

/// A run that is replaced again and again, each time with another plan, until nothing is of use in several segments; then
/// they are given back at once.
pub(super) fn replaced() -> Vec<Step> {
    let save = |n| Step::Save(Box::new(shaped("replaced", n).0));
    (0..6).map(save).chain([Step::KeepUp, save(6), Step::KeepUp, Step::KeepUp]).collect()
}

/// A run that has begun, of another shape of workflow for each number.
pub(super) fn shaped(id: &str, n: u64) -> (WorkflowData, Delta) {
    let mut graph = Graph::<u8>::new(format!("shape-{n}"));
    graph.step("a", &[], |_, _| Box::pin(async { Ok(0) }));
    let created = RunCreated::new(self::id(id), Arc::new(graph.plan()), Payload::new(Encoding::Raw, "x"));
    let delta = Delta::new(n + 1, 0, 1, vec![Event::RunCreated(Box::new(created))]);
    (WorkflowData::create(&delta).unwrap(), delta)
}

/// Runs the workload until something fails. Gives how many steps were acknowledged.
pub(super) async fn run(fs: &FaultFs, steps: &[Step]) -> usize {
    let Ok(store) = open_small(fs.clone()) else { return 0 };
    for (done, step) in steps.iter().enumerate() {
        if step.run(&store).await.is_err() {
            return done;
        }
    }
    steps.len()
}

/// The states in which each run may be found when so many steps were acknowledged and the next was under way: that of
/// its last durable step, or of any step after it.
pub(super) fn allowed(steps: &[Step], done: usize) -> Allowed {
    let mut allowed = Allowed::new();
    let tried = steps.len().min(done + 1);
    // A durable step takes with it all that was acknowledged before it.
    let durable = steps[..done].iter().rposition(Step::is_durable).map_or(0, |last| last + 1);
    for (place, step) in steps[..tried].iter().enumerate() {
        let Some(id) = step.id() else { continue };
        let states = allowed.entry(id.clone()).or_insert_with(|| vec![None]);
        if place < durable {
            states.clear();
        }
        states.push(step.after().cloned());
    }
    allowed
}
