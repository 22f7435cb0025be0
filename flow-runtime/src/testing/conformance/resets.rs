//! That a reset takes back what it must, and no more: properties over the ends of random walks.
//!
//! In: records of runs that ended in any way. Out: the same after a reset, step by step compared by their paths.

use std::collections::BTreeMap;

use super::plans::{self, Item};
use super::records;
use super::walk::Walk;
use crate::plan::StepKind;
use crate::state::{
    CompletedBy, Encoding, Event, Payload, Phase, RegionKind, ResetMode, RunCreated, RunOutcome, RunOutput, StepRef,
    StepState, StepStatus, WorkflowData, WorkflowStatus,
};

/// A run that has ended, and what a reset makes of it.
struct Case {
    seed: u64,
    before: WorkflowData,
    reset: Event,
    after: WorkflowData,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for seed in 0..600 {
        let (mut walk, _) = Walk::new(&records::id("walk"), seed);
        let mut left = 80;
        while left > 0 && !(walk.data.status.is_terminal() && left % 3 == 0) && walk.next().is_some() {
            left -= 1;
        }
        if !walk.data.status.is_terminal() {
            continue;
        }
        for _ in 0..4 {
            let (before, reset) = (walk.data.clone(), walk.reset());
            let mut after = before.clone();
            records::apply(&mut after, &reset, before.updated_at);
            cases.push(Case { seed, before, reset, after });
        }
    }
    assert!(cases.len() > 1_000, "{} cases", cases.len());
    cases
}

fn steps(data: &WorkflowData) -> Vec<StepRef> {
    let of = |instance: u32| {
        let region = data.instances[instance as usize].region;
        data.plan.region(region).locals().map(move |local| StepRef::new(instance, local))
    };
    (0..data.instances.len() as u32).flat_map(of).collect()
}

/// The steps by their paths, each with the arm it stands in: what is opened again may be another.
fn by_path(data: &WorkflowData) -> BTreeMap<(String, u32), StepRef> {
    steps(data).into_iter().map(|step| ((data.path(step), step.local), step)).collect()
}

fn is_call(data: &WorkflowData, step: StepRef) -> bool {
    matches!(data.plan.step(step.local).kind, StepKind::Call { .. })
}

/// The steps whose values this one uses, or after which it comes.
fn dependencies(data: &WorkflowData, step: StepRef) -> Vec<StepRef> {
    let plan = data.plan.step(step.local);
    let used = plan.inputs.iter().chain(plan.after.iter());
    let at = |&local: &u32| Some(StepRef::new(data.enclosing(step.instance, data.plan.step(local).region)?, local));
    used.filter_map(at).collect()
}

/// The steps that the value of a branch or a fan-out is made of.
fn values(data: &WorkflowData, head: StepRef) -> Vec<StepRef> {
    let opened = data.opened_by(head).filter(|&instance| !data.instances[instance as usize].failed);
    let tail = |instance: u32| {
        let region = data.plan.region(data.instances[instance as usize].region);
        let at = move |&local: &u32| Some(StepRef::new(data.enclosing(instance, data.plan.step(local).region)?, local));
        region.tail.iter().filter_map(at)
    };
    opened.flat_map(tail).collect()
}

/// Whether a failure of a region around this step was caught.
fn is_caught(data: &WorkflowData, step: StepRef) -> bool {
    let mut instance = &data.instances[step.instance as usize];
    while let Some(opener) = instance.opened_by {
        if instance.failed && data.plan.step(opener.local).catch {
            return true;
        }
        instance = &data.instances[opener.instance as usize];
    }
    false
}

#[test]
fn b18_after_a_reset_nothing_is_left_that_would_keep_the_run_from_its_end() {
    for Case { seed, after, reset, .. } in cases() {
        assert!(matches!(after.status, WorkflowStatus::Running | WorkflowStatus::Suspended), "seed {seed}");
        assert_eq!((after.outcome, &after.output, after.asked), (None, &None, None));
        assert!(!after.instances[0].failed, "seed {seed}: {reset:?}");
        for step in steps(&after).into_iter().filter(|&step| !is_caught(&after, step)) {
            let (state, plan) = (after.step(step), after.plan.step(step.local));
            let rests = match state.status {
                StepStatus::Pending | StepStatus::Completed => true,
                StepStatus::Running => !is_call(&after, step) && state.opened_len > 0,
                StepStatus::Failed => plan.catches_own_failure(),
                _ => false,
            };
            assert!(rests, "seed {seed}: `{}` is {:?} after {reset:?}", after.path(step), state.status);
        }
    }
}

#[test]
fn b18_what_ends_before_a_reset_and_follows_from_nothing_that_runs_again_stays_as_it_was() {
    let (mut kept, mut again) = (0, 0);
    for Case { seed, before, reset, after } in cases() {
        let (were, are) = (by_path(&before), by_path(&after));
        let Event::StepsReset { roots, .. } = &reset else { panic!("{reset:?}") };
        let root = roots.first().map(|root| (before.path(*root), root.local));
        if let Some(root) = root.as_ref().and_then(|root| are.get(root)) {
            assert_eq!(after.step(*root).status, StepStatus::Pending, "seed {seed}: {reset:?}");
        }
        for (path, &step) in &are {
            let was = before.step(were[path]);
            let is = after.step(step);
            let ends_well = is.status == StepStatus::Completed && is_call(&after, step);
            if ends_well {
                kept += 1;
                let (status, error) = (is.status, is.error.clone());
                let is_undo_over = was.status == StepStatus::CompensationFailed;
                assert!(is_undo_over || was.status == StepStatus::Completed, "seed {seed}: {path:?} {:?}", was.status);
                assert_eq!(*is, StepState { status, error, undo: None, ..was.clone() }, "seed {seed}: {path:?}");
                let unmet = dependencies(&after, step).into_iter().find(|&used| !after.satisfies(used));
                assert_eq!(unmet, None, "seed {seed}: {path:?} is kept, and what it used runs again: {reset:?}");
            }
            let ran_well = was.status == StepStatus::Completed && is_call(&after, step);
            if ran_well && !ends_well && !is_caught(&before, were[path]) {
                again += 1;
                let reason = dependencies(&after, step).into_iter().any(|used| !after.satisfies(used));
                assert!(reason || Some(path) == root.as_ref(), "seed {seed}: {path:?} need not run again: {reset:?}");
            }
        }
        for head in steps(&after).into_iter().filter(|&step| !is_call(&after, step)) {
            let is_kept = after.step(head).status == StepStatus::Completed;
            let unmet = values(&after, head).into_iter().find(|&used| is_kept && !after.satisfies(used));
            assert_eq!(unmet, None, "seed {seed}: {} is kept, and its value runs again", after.path(head));
        }
        // What was opened is there, or its head is evaluated again.
        for path in were.keys().filter(|path| !are.contains_key(*path)) {
            let gone = were[path].instance;
            let openers = std::iter::successors(before.instances[gone as usize].opened_by, |opener| {
                before.instances[opener.instance as usize].opened_by
            });
            let head = openers.last().map(|head| (before.path(head), head.local)).unwrap();
            assert_ne!(after.step(are[&head]).status, StepStatus::Completed, "seed {seed}: {path:?} is gone");
        }
    }
    assert!(kept > 1_000 && again > 300, "{kept} were kept, {again} run again");
}

#[test]
fn b70_a_step_whose_effect_is_to_happen_once_more_has_another_key() {
    let mut raised = 0;
    for Case { seed, before, after, reset } in cases() {
        let were = by_path(&before);
        for (path, step) in by_path(&after) {
            let (was, is) = (before.step(were[&path]), after.step(step));
            if is == was || is.status == StepStatus::Completed || !is_call(&after, step) {
                continue;
            }
            let has_happened =
                matches!(was.status, StepStatus::Completed | StepStatus::Compensated | StepStatus::CompensationFailed);
            assert_eq!(is.resets, was.resets + u32::from(has_happened), "seed {seed}: {path:?} after {reset:?}");
            let expected = StepState {
                attempts: was.attempts,
                resets: is.resets,
                signal: was.signal.clone(),
                ..StepState::PENDING
            };
            assert_eq!(*is, expected, "it begins anew, and goes on counting attempts");
            raised += is.resets;
        }
    }
    assert!(raised > 300, "{raised}");
}

/// A branch, or what stands in an item, that completed, was reset, and fails then has had its effect once.
#[test]
fn b70_a_head_whose_steps_have_run_before_gives_them_other_keys() {
    let mut data = new_run(vec![Item::each("ys", vec![Item::call("print")])]);
    let (head, inner) = (StepRef::new(0, 0), StepRef::new(1, 1));
    let open = Event::RegionOpened { step: head, first_instance: 1, kind: RegionKind::Items(1) };
    let from = |step| Event::StepsReset { roots: vec![step], mode: ResetMode::From };
    apply_all(&mut data, vec![open, started(inner, 1), completed(inner, 1), end(RunOutcome::Completed)]);
    apply_all(&mut data, vec![from(inner), started(inner, 2), failed(inner, 2), end(RunOutcome::Failed), from(head)]);
    assert_eq!((data.step(head).status, data.step(head).resets), (StepStatus::Pending, 1));
    // Without an effect before, the key stays as it was.
    let open = Event::RegionOpened { step: head, first_instance: 1, kind: RegionKind::Items(1) };
    apply_all(&mut data, vec![open, started(inner, 1), failed(inner, 1), end(RunOutcome::Failed), from(head)]);
    assert_eq!(data.step(head).resets, 1);
}

/// The run was cut off in the middle of an item whose failure was caught already: there is nothing to wait for.
#[test]
fn b15_b18_a_fan_out_of_which_nothing_runs_again_has_its_value() {
    let item = vec![Item::call("one"), Item::call("two")];
    let mut data = new_run(vec![Item::each("ys", item).caught(), Item::call("other")]);
    let (head, other, one, two) = (StepRef::new(0, 0), StepRef::new(0, 1), StepRef::new(1, 2), StepRef::new(1, 3));
    let open = Event::RegionOpened { step: head, first_instance: 1, kind: RegionKind::Items(1) };
    let starts = [one, two, other].map(|step| started(step, 1));
    let failures = [one, other].map(|step| failed(step, 1));
    apply_all(&mut data, [vec![open], starts.to_vec(), failures.to_vec(), vec![end(RunOutcome::Failed)]].concat());
    assert_eq!((data.step(head).status, data.step(two).status), (StepStatus::Cancelled, StepStatus::Cancelled));
    apply_all(&mut data, vec![Event::StepsReset { roots: Vec::new(), mode: ResetMode::Failed }]);
    assert_eq!((data.step(head).status, data.step(other).status), (StepStatus::Completed, StepStatus::Pending));
    assert_eq!((data.step(one).status, data.step(two).status), (StepStatus::Failed, StepStatus::Cancelled));
}

/// A run of these items of which nothing but its creation has happened.
fn new_run(items: Vec<Item>) -> WorkflowData {
    let created = RunCreated::new(records::id("run"), plans::plan("run", &items), payload());
    WorkflowData::new(7, &created, 1)
}

fn apply_all(data: &mut WorkflowData, events: Vec<Event>) {
    events.iter().for_each(|event| records::apply(data, event, 1));
}

fn payload() -> Payload {
    Payload::new(Encoding::Raw, b"output".to_vec())
}

fn started(step: StepRef, attempt: u32) -> Event {
    Event::StepStarted { step, attempt, phase: Phase::Do }
}

fn completed(step: StepRef, attempt: u32) -> Event {
    Event::StepCompleted { step, attempt, payload: payload(), data: Vec::new(), by: CompletedBy::Body }
}

fn failed(step: StepRef, attempt: u32) -> Event {
    let error = records::random_failure(&mut fastrand::Rng::with_seed(1), String::new(), attempt);
    Event::StepFailed { step, attempt, error }
}

fn end(outcome: RunOutcome) -> Event {
    Event::RunEnded { outcome, output: RunOutput::Errors(Vec::new()) }
}

#[test]
fn b70_a_run_that_follows_another_plan_knows_how_often_its_steps_were_reset() {
    let mut moved = 0;
    for Case { seed, after, .. } in cases() {
        let mut adopting = after.clone();
        let mut plan = (*after.plan).clone();
        plan.fingerprint = crate::plan::Fingerprint(1);
        let adopted = Event::PlanAdopted { plan: std::sync::Arc::new(plan) };
        records::apply(&mut adopting, &adopted, after.updated_at);
        for (before, after) in after.steps.iter().zip(&adopting.steps) {
            assert_eq!((before.resets, &before.signal), (after.resets, &after.signal), "seed {seed}");
            moved += before.resets;
        }
    }
    assert!(moved > 300, "{moved}");
}

#[test]
fn b69_what_steps_wrote_that_run_again_is_gone() {
    let mut gone = 0;
    for Case { seed, before, after, .. } in cases() {
        let count = |data: &WorkflowData| data.data.values().map(Vec::len).sum::<usize>();
        for entry in after.data.values().flatten() {
            assert_eq!(after.step(entry.step).status, StepStatus::Completed, "seed {seed}");
        }
        assert!(after.data.values().all(|entries| !entries.is_empty()));
        gone += count(&before) - count(&after);
        let completed = |data: &WorkflowData| {
            let writers = data.data.values().flatten().map(|entry| data.path(entry.step));
            writers.collect::<std::collections::BTreeSet<_>>()
        };
        assert!(completed(&after).is_subset(&completed(&before)));
    }
    assert!(gone > 300, "{gone}");
}

#[test]
fn b18_a_reset_of_a_run_that_has_not_ended_or_of_nothing_is_refused() {
    let (walk, _) = Walk::new(&records::id("walk"), 3);
    let refused = |data: &WorkflowData, roots: Vec<StepRef>, mode| {
        let reset = Event::StepsReset { roots, mode };
        data.clone().apply_event(&reset, data.updated_at, &mut Vec::new()).unwrap_err().reason
    };
    let first = StepRef::new(0, 0);
    assert_eq!(refused(&walk.data, Vec::new(), ResetMode::Failed), "the run is Running and has not ended");
    let ended = |status: WorkflowStatus| {
        let ends = cases().into_iter().map(|case| case.before).find(|data| data.status == status);
        ends.unwrap_or_else(|| panic!("no walk ends as {status:?}"))
    };
    let (completed, failed) = (ended(WorkflowStatus::Completed), ended(WorkflowStatus::Failed));
    assert_eq!(refused(&completed, Vec::new(), ResetMode::Failed), "nothing has failed");
    assert_eq!(refused(&failed, vec![first], ResetMode::Failed), "steps are named beside those that failed");
    assert_eq!(refused(&failed, Vec::new(), ResetMode::From), "no step is named");
    let absent = StepRef::new(u32::MAX, 0);
    assert_eq!(refused(&failed, vec![first, absent], ResetMode::From), format!("there is no step {}/0", u32::MAX));
}
