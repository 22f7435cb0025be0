//! What a called workflow is given and gives, where its steps stand, and that it runs once across crashes.

use flow_runtime::WorkflowStore;
use flow_runtime::plan::{Fingerprint, Format, Plan, StepKind};
use flow_runtime::prelude::*;
use flow_runtime::state::{RunOutput, StepStatus};
use flow_runtime::testing::CrashTest;
use serde::{Deserialize, Serialize};

use super::super::undo::{Log, World};
use super::super::waits::{on_every_store, soon};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    item: String,
    count: u64,
}

fn line(item: &str, count: u64) -> Line {
    Line { item: item.to_owned(), count }
}

#[node]
async fn price(#[state] log: &Log, item: &str, cx: &NodeContext) -> u64 {
    log.note(cx.step());
    item.len() as u64
}

#[node]
async fn times(#[state] log: &Log, price: u64, count: u64, cx: &NodeContext) -> u64 {
    log.note(cx.step());
    price * count
}

#[node]
async fn sum(#[state] log: &Log, parts: &[u64], cx: &NodeContext) -> u64 {
    log.note(cx.step());
    parts.iter().sum()
}

#[node]
async fn print(#[state] log: &Log, total: u64, of: &str, cx: &NodeContext) -> String {
    log.note(cx.step());
    format!("{of}: {total}")
}

#[node]
async fn beside(first: &str, second: &str) -> String {
    format!("{first}, {second}")
}

workflow! {
    /// Prices one line.
    fn priced(line: Line) -> u64 {
        let each = price(line.item);
        times(each, line.count)
    }
}

workflow! {
    /// Prices all lines, and adds what is for free.
    fn invoiced(lines: Vec<Line>, free: u64) -> u64 {
        let all = for line in lines { priced(line) };
        let total = sum(all);
        total + free
    }
}

workflow! {
    /// Two workflows deep, in an arm, in a fan-out, and side by side.
    fn ordered(orders: Vec<Vec<Line>>, extra: Option<Line>) -> String {
        let totals = for lines in orders { invoiced(lines, 1) };
        let more = match extra {
            Some(line) => {
                let alone = priced(line);
                alone + 100
            }
            None => 0,
        };
        let total = sum(totals);
        let first = print(total, "orders");
        let second = print(more, "extra");
        beside(first, second)
    }
}

mod elsewhere {
    pub(super) use super::priced as worth;
}
use elsewhere::worth;

workflow! {
    /// A called workflow is the output as it is; its name is another here.
    fn only(line: Line) -> u64 { worth(line) }
}

fn orders() -> Vec<Vec<Line>> {
    vec![vec![line("pen", 2), line("ink", 3)], vec![], vec![line("paper", 1)]]
}

/// pen 3 * 2 + ink 3 * 3 + 1, 1, paper 5 + 1.
const ORDERED: &str = "orders: 23, extra: 112";

/// A constant, as every plan.
const PLAN: &Plan = ordered::plan();

#[test]
fn b60_the_plan_of_a_called_workflow_is_part_of_the_callers() {
    let plan = only::plan();
    assert_eq!((plan.steps.len(), plan.regions.len()), (3, 2));
    assert!(
        matches!(&plan.step(0).kind, StepKind::Sub { workflow, output, body: 1 } if workflow == "priced" && output == "u64")
    );
    assert_eq!(plan.step(0).id, "worth");
    assert_eq!(plan.region(1).parent, Some(0));
    assert_eq!((&*plan.region(1).tail, plan.region(1).value), (&[2][..], Some(2)));
    assert_eq!((&*plan.step(2).inputs, &*plan.step(1).next), (&[1][..], &[2][..]));

    assert_ne!(PLAN.fingerprint, Fingerprint::of("ordered", 1, &PLAN.steps[..8], &PLAN.regions[..4]));
    assert_eq!(PLAN.fingerprint, Fingerprint::of("ordered", 1, &PLAN.steps, &PLAN.regions));
    let drawn = PLAN.render(Format::Text);
    let expected = "\
ordered v1 (orders: Vec<Vec<Line>>, extra: Option<Line>) -> String
  for each totals
    workflow invoiced
      for each all
        workflow priced
          each (price)
          times <- each
      total (sum) <- all
  match more
    Some(line) =>
      workflow alone (priced)
        each (price)
        times <- each
    None =>
  total (sum) <- totals
  first (print) <- total
  second (print) <- more
  beside <- first, second
";
    assert_eq!(drawn, expected);
}

async fn b60_a_called_workflow_is_a_region_of_its_callers_record<D: WorkflowStore + Clone>(store: D) {
    let world = World::new(store);
    let invoke = || ordered(orders(), Some(line("lamp", 3)));
    assert_eq!(soon(invoke().run(&world.engine(), "o")).await.unwrap(), ORDERED);
    let data = world.stored("o").await;
    assert_eq!(world.store.list_workflows().await.unwrap().workflows.len(), 1, "there is one run");
    for step in ["totals[0].invoiced.all[1].priced.times", "more.alone.each", "totals[1].invoiced.total", "first"] {
        assert_eq!(data.status_of(step), Some(StepStatus::Completed), "{step}");
        assert!(world.log.all().contains(&step.to_owned()), "{step}");
    }
    // Once more, it is what it was.
    let before = world.log.all();
    assert_eq!(invoke().run(&world.engine(), "o").await.unwrap(), ORDERED);
    assert_eq!(world.log.all(), before);
}

async fn b60_the_output_of_a_called_workflow_is_the_output_as_it_is<D: WorkflowStore + Clone>(store: D) {
    let world = World::new(store);
    assert_eq!(only(line("pen", 4)).run(&world.engine(), "o").await.unwrap(), 12);
    assert_eq!(only(line("pen", 4)).run(&world.engine(), "o").await.unwrap(), 12);
    let data = world.stored("o").await;
    let output = data.output.unwrap();
    assert!(matches!(&output, RunOutput::Step(step) if data.plan.step(step.local).id == "times"), "{output:?}");
    let ephemeral = Engine::ephemeral().state(world.log.clone()).build();
    assert_eq!(only(line("pen", 4)).run_ephemeral(&ephemeral).await.unwrap(), 12);
}

/// The steps that ran, each once for each time that its commit was lost.
fn ran(log: &Log) -> std::collections::BTreeSet<String> {
    log.all().into_iter().collect()
}

async fn b60_it_runs_once_wherever_its_process_is_killed<D, P>(place: impl Fn() -> P)
where
    D: WorkflowStore,
    P: Fn() -> D,
{
    let invoke = || ordered(orders(), Some(line("lamp", 3)));
    let killed = CrashTest::new(invoke).state(Log::default).store(&place).effects(ran).everywhere().await.unwrap();
    assert!(
        killed
            .iter()
            .any(|at| at.events.contains(&"StepCompleted of `totals[0].invoiced.all[1].priced.times`".to_owned()))
    );
}

on_every_store! {
    b60_a_called_workflow_is_a_region_of_its_callers_record
    b60_the_output_of_a_called_workflow_is_the_output_as_it_is
}

mod killed {
    use super::super::super::kit::on_every_durable_store;
    use super::b60_it_runs_once_wherever_its_process_is_killed;
    on_every_durable_store! { b60_it_runs_once_wherever_its_process_is_killed }
}
