//! From an id to a driver: create the run, take it up where it stands, or give what it ended with.
//!
//! In: a workflow with its input and an id. Out: the run's result. A record that does not fit is refused here, before
//! anything runs and without being changed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::adopt::Adopting;
use super::attempt::catch;
use super::drive::{Driver, Drove, Finished, OUTPUT, ReadFrom, Setup};
use super::error::{Failures, PlanChanges, RunError, StepFailure};
use super::journal::Journal;
use super::live::Live;
use super::parts;
use super::reset::{self, Again};
use super::runner::Runner;
use super::tree::Tree;
use super::values::unpacked;
use super::workflows::Registered;
use crate::plan::{Plan, StepKind};
use crate::state::{
    DecodeError, EncodeError, Encoding, NodeFailure, Packing, Payload, RegionKind, RunCreated, RunOutcome, RunOutput,
    StepRef, WorkflowData, WorkflowId, WorkflowStatus,
};
use crate::store::{AnyStore, StoreError};

/// What stands for the path of a step where the workflow's input is meant.
const INPUT: &str = "input";

/// Whether a run may be created, or must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    MayCreate,
    Exists,
}

/// A workflow that is run, among those that the engine knows.
struct Workflow<'a> {
    registered: &'a Registered,
    /// The older versions whose runs it takes over.
    takes_over: Vec<u32>,
}

/// Runs a workflow under an id, from wherever its record stands.
///
/// Who is told of the end may open the store again, so the hold on it ends with this.
pub(crate) async fn run(
    runner: Arc<Runner>,
    live: &Live,
    mut setup: Setup,
    created: RunCreated,
    beginning: Beginning,
) -> Result<Drove, RunError> {
    let hold = runner.hold.clone();
    let takes_over = runner.workflows.taken_over_by(&live.workflow);
    drop(runner);
    let id = created.id.clone();
    let fence = hold.claim(&id).await.map_err(|error| refused(&created, error))?;
    setup.journal = Some(Journal::new(hold.store.clone(), live.durability, fence));
    let workflow = Workflow { registered: &live.workflow, takes_over };
    let end = run_held(hold.store.clone(), setup, created, beginning, &workflow).await;
    hold.release(&id).await;
    end
}

/// Runs a workflow that this engine holds.
async fn run_held(
    store: Arc<dyn AnyStore>,
    setup: Setup,
    created: RunCreated,
    beginning: Beginning,
    workflow: &Workflow<'_>,
) -> Result<Drove, RunError> {
    match store.load(&created.id).await {
        Err(StoreError::NotFound { .. }) if beginning == Beginning::MayCreate => {
            let created = packed(setup.engine.packing.as_ref(), created)?;
            Driver::create(setup, created).drive().await
        }
        Err(error) => Err(refused(&created, error)),
        Ok(mut data) => {
            check_input(&data, &created, &workflow.takes_over, &setup.engine.packing, &*setup.tree)?;
            let mut again = None;
            if data.status.is_terminal() {
                again = goes_on(&*store, &mut data, &setup).await.map_err(|error| store_error(&data, error))?;
                if again.is_none() {
                    check_version(&data, &created)?;
                    return at_hand(&*store, &data, ended(&data)?).await.map(Drove::Finished);
                }
            }
            // All events of a delta happen at one time, which for a reset was the record's last.
            let now = if again.is_some() { data.updated_at } else { setup.engine.clock.now().max(data.updated_at) };
            let engine = setup.engine.clone();
            let mut adopted = Adopting::of(workflow.registered, &engine, &*store).adopt(data, now).await?;
            adopted.put_beside(&*store).await?;
            Driver::resume(setup, adopted, again).drive().await
        }
    }
}

/// Sets back a run that has ended, if that was asked of it. What else was asked of it will never be taken.
async fn goes_on(store: &dyn AnyStore, data: &mut WorkflowData, setup: &Setup) -> Result<Option<Again>, StoreError> {
    let requests = store.requests(&data.id).await?;
    let now = setup.engine.clock.now().max(data.updated_at);
    let again = reset::go_on(data, &requests, now);
    if again.is_none() && !requests.is_empty() {
        let late: Vec<String> = requests.into_iter().map(|request| request.id).collect();
        store.take_requests(&data.id, &late).await?;
    }
    Ok(again)
}

/// What a run has ended with, fetched if it is kept beside the record.
async fn at_hand(store: &dyn AnyStore, data: &WorkflowData, ended: Finished) -> Result<Finished, RunError> {
    let Finished { value, payload: Some(payload), read_from } = ended else { return Ok(ended) };
    let step = read_from.as_ref().map_or(OUTPUT, |from| &from.step);
    let fetched = parts::fetch(store, data, &payload, &format!("the output of step `{step}`")).await;
    let payload = Some(fetched.map_err(|error| store_error(data, error))?);
    Ok(Finished { value, payload, read_from })
}

pub(crate) fn refused(created: &RunCreated, error: StoreError) -> RunError {
    let workflow = created.plan.workflow.to_string();
    RunError::Store { workflow, id: created.id.clone(), source: Arc::new(error) }
}

/// That the record is of the workflow that is asked for, or of a version whose runs that takes over, with the input that
/// is given.
pub(crate) fn check_input(
    data: &WorkflowData,
    asked: &RunCreated,
    takes_over: &[u32],
    packing: &Packing,
    tree: &dyn Tree,
) -> Result<(), RunError> {
    let Plan { workflow, version, .. } = &*data.plan;
    let version = if takes_over.contains(version) { asked.plan.version } else { *version };
    let unreadable = |source| unreadable_input(&data.id, &data.plan, &asked.plan, source);
    let stored = unpacked(packing, &data.input).map_err(unreadable)?;
    let asked = &in_encoding_of(&stored, asked, tree)?;
    check_asked(&data.id, (workflow, version, &stored), asked)
}

/// That the record is of the version that is asked for: what a run has ended with is not taken over by another.
pub(crate) fn check_version(data: &WorkflowData, asked: &RunCreated) -> Result<(), RunError> {
    let Plan { workflow, version, .. } = &*data.plan;
    check_asked(&data.id, (workflow, *version, &asked.input), asked)
}

/// The input of a run cannot be read, as one of the workflow that is asked for.
pub(crate) fn unreadable_input(id: &WorkflowId, stored: &Plan, asked: &Plan, source: DecodeError) -> RunError {
    RunError::Undecodable {
        workflow: stored.workflow.to_string(),
        id: id.clone(),
        step: INPUT.to_owned(),
        stored: stored.input.to_string(),
        expected: asked.input.to_string(),
        source,
    }
}

/// What is asked for with its input encoded as that of the run was, which may have been stored by another kind of store.
fn in_encoding_of<'a>(
    stored: &Payload,
    asked: &'a RunCreated,
    tree: &dyn Tree,
) -> Result<Cow<'a, RunCreated>, RunError> {
    if stored.encoding == asked.input.encoding {
        return Ok(Cow::Borrowed(asked));
    }
    let input = tree.encode_input(stored.encoding);
    let input = input.map_err(|source| RunError::Input { workflow: asked.plan.workflow.to_string(), source })?;
    Ok(Cow::Owned(RunCreated { input, ..asked.clone() }))
}

/// A new run with its input as it is stored.
fn packed(packing: &Packing, created: RunCreated) -> Result<RunCreated, RunError> {
    let refused = |reason| {
        let source = EncodeError { type_name: "workflow input", reason };
        RunError::Input { workflow: created.plan.workflow.to_string(), source }
    };
    let input = catch(|| packing.pack(created.input.clone())).flatten().map_err(refused)?;
    Ok(RunCreated { input, ..created })
}

/// That a run of this workflow, version and input is the one that is asked for.
pub(crate) fn check_asked(
    id: &WorkflowId,
    (workflow, version, input): (&str, u32, &Payload),
    asked: &RunCreated,
) -> Result<(), RunError> {
    if (workflow, version) != (&*asked.plan.workflow, asked.plan.version) {
        return Err(RunError::OtherWorkflow {
            id: id.clone(),
            stored: format!("`{workflow}` version {version}"),
            asked: format!("`{}` version {}", asked.plan.workflow, asked.plan.version),
        });
    }
    if !input.is_same_value(&asked.input) {
        return Err(RunError::OtherInput { workflow: workflow.to_owned(), id: id.clone() });
    }
    Ok(())
}

/// How one shape of a workflow differs from another.
pub(crate) fn changes(stored: &Plan, now: &Plan) -> PlanChanges {
    let (stored, now) = (described(stored), described(now));
    let is_in = |all: &[(String, String)], path: &str| all.iter().any(|(other, _)| other == path);
    let added = now.iter().filter(|(path, _)| !is_in(&stored, path));
    let removed = stored.iter().filter(|(path, _)| !is_in(&now, path));
    let rewired = now.iter().filter(|step| is_in(&stored, &step.0) && !stored.contains(step));
    let paths = |steps: &mut dyn Iterator<Item = &(String, String)>| steps.map(|(path, _)| path.clone()).collect();
    PlanChanges { added: paths(&mut { added }), removed: paths(&mut { removed }), rewired: paths(&mut { rewired }) }
}

/// The path of each step of a plan with what its shape is made of.
fn described(plan: &Plan) -> Vec<(String, String)> {
    let path = |local| path_in_plan(plan, local);
    let paths = |steps: &[u32]| steps.iter().map(|&step| path(step)).collect::<BTreeSet<String>>();
    let value = |region: u32| paths(&plan.region(region).tail);
    let steps = (0..plan.steps.len() as u32).map(|local| {
        let step = plan.step(local);
        let kind = match &step.kind {
            StepKind::Call { node, awaits: None, .. } => format!("call {node}"),
            StepKind::Call { node, awaits: Some(_), .. } => format!("wait {node}"),
            StepKind::Branch { arms } => {
                let arms: Vec<_> = arms.iter().map(|&arm| (&plan.region(arm).label, value(arm))).collect();
                format!("branch {arms:?}")
            }
            StepKind::Each { body } => format!("each {:?}", value(*body)),
            StepKind::Sub { workflow, body, .. } => format!("workflow {workflow} {:?}", value(*body)),
        };
        let (inputs, after) = (paths(&step.inputs), paths(&step.after));
        let arm = &plan.region(step.region).label;
        (path(local), format!("{kind} of {inputs:?} after {after:?} in {arm} catch {}", step.catch))
    });
    steps.chain([("output".to_owned(), format!("{:?}", value(0)))]).collect()
}

/// The paths of all steps, in the order of the plan.
pub(crate) fn paths(plan: &Plan) -> impl Iterator<Item = String> {
    (0..plan.steps.len() as u32).map(|local| path_in_plan(plan, local))
}

/// The path of a step as it is in every run: with `ys` for each `ys[17]`.
pub(crate) fn path_in_plan(plan: &Plan, local: u32) -> String {
    let step = plan.step(local);
    match plan.region(step.region).parent {
        Some(parent) => format!("{}.{}", path_in_plan(plan, parent), step.id),
        None => step.id.to_string(),
    }
}

/// What a run that has ended gives, from its record: never success for one that failed.
fn ended(data: &WorkflowData) -> Result<Finished, RunError> {
    let workflow = data.plan.workflow.to_string();
    let id = data.id.clone();
    match (&data.output, data.status) {
        (Some(RunOutput::Step(step)), WorkflowStatus::Completed) => {
            let read_from = ReadFrom { step: data.path(*step), type_name: output_type(&data.plan, step.local) };
            Ok(Finished { value: None, payload: data.step(*step).output.clone(), read_from: Some(read_from) })
        }
        (Some(RunOutput::Payload(payload)), WorkflowStatus::Completed) => {
            let read_from = ReadFrom { step: OUTPUT.to_owned(), type_name: data.plan.output.to_string() };
            Ok(Finished { value: None, payload: Some(payload.clone()), read_from: Some(read_from) })
        }
        (Some(RunOutput::Errors(errors)), _) => {
            let stored = |failure: &NodeFailure| StepFailure { failure: failure.clone(), error: None };
            let failures = Failures::new(errors.iter().map(stored).collect());
            let outcome = data.outcome.unwrap_or(RunOutcome::Failed);
            Err(RunError::ended(data, Some(id), outcome, failures))
        }
        _ => {
            let reason = "the record says that it has ended, but not with what".to_owned();
            Err(RunError::Stuck { workflow, id: Some(id), reason })
        }
    }
}

pub(crate) fn store_error(data: &WorkflowData, error: StoreError) -> RunError {
    let workflow = data.plan.workflow.to_string();
    RunError::Store { workflow, id: data.id.clone(), source: Arc::new(error) }
}

pub(crate) fn undecodable(data: &WorkflowData, stored: &Plan, step: StepRef, source: DecodeError) -> RunError {
    RunError::Undecodable {
        workflow: data.plan.workflow.to_string(),
        id: data.id.clone(),
        step: data.path(step),
        stored: stored_type(data, stored, step),
        expected: output_type(&data.plan, step.local),
        source,
    }
}

/// The type of a step's output as it was written in the plan that was stored, which may have the step at another place.
pub(crate) fn stored_type(data: &WorkflowData, stored: &Plan, step: StepRef) -> String {
    let path = path_in_plan(&data.plan, step.local);
    let local = (0..stored.steps.len() as u32).find(|&local| path_in_plan(stored, local) == path);
    local.map(|local| output_type(stored, local)).unwrap_or_default()
}

/// The type of a call's output as it is written.
pub(crate) fn output_type(plan: &Plan, local: u32) -> String {
    match &plan.step(local).kind {
        StepKind::Call { output, .. } | StepKind::Sub { output, .. } => output.to_string(),
        StepKind::Branch { .. } | StepKind::Each { .. } => String::new(),
    }
}

pub(crate) fn head_changed(data: &WorkflowData, step: StepRef, recorded: &RegionKind, now: &str) -> RunError {
    RunError::HeadChanged {
        workflow: data.plan.workflow.to_string(),
        id: data.id.clone(),
        step: data.path(step),
        recorded: describe(recorded),
        now: now.to_owned(),
    }
}

/// What a head said, in words.
pub(crate) fn describe(kind: &RegionKind) -> String {
    match kind {
        RegionKind::Arm { label, .. } => format!("`{label}`"),
        RegionKind::Items(len) => format!("{len} items"),
        RegionKind::Sub => "a sub-workflow".to_owned(),
    }
}

/// The encoding of a run without a record, whose key-value data still needs one.
pub(crate) const EPHEMERAL_ENCODING: Encoding = Encoding::MessagePack;
