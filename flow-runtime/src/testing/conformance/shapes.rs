//! Behaviour 29, plans: the shape that a run follows comes back with it, and the regions that it has opened.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::place::Place;
use super::plans::{self, Item};
use super::records::{self, Run, text};
use super::states::come_back;
use crate::plan::{Backoff, Fingerprint, Plan, Policy, Retry, Source};
use crate::state::{Event, RegionKind, RunCreated, WorkflowData};

fn record(id: &str, items: &[Item]) -> WorkflowData {
    Run::new(id, items).data
}

/// A record of a plan with other texts.
fn with_plan(id: &str, change: impl FnOnce(&mut Plan)) -> WorkflowData {
    let mut plan = (*plans::plan("orders", &plans::every_construct())).clone();
    change(&mut plan);
    plan.fingerprint = Fingerprint::of(&plan.workflow, plan.version, &plan.steps, &plan.regions);
    Run::of(RunCreated::new(records::id(id), Arc::new(plan), text("an order")), 13).data
}

/// A workflow that does nothing.
pub(super) async fn b29_a_plan_without_steps_comes_back(place: &dyn Place) {
    come_back(place, "a plan without steps", &[record("nothing", &[])]).await;
}

/// A branch of which one arm was taken, one without steps, and one not yet decided.
pub(super) async fn b29_branches_and_the_arms_they_took_come_back(place: &dyn Place) {
    let arms = || vec![("Some(x) if x > 3", plans::calls(2)), ("_", Vec::new())];
    let items = [Item::branch("taken", arms()), Item::branch("empty", arms()), Item::branch("undecided", arms())];
    let mut run = Run::new("branches", &items);
    let opened = |local: u32, first_instance, index: u32, label: &str| Event::RegionOpened {
        step: records::step(local),
        first_instance,
        kind: RegionKind::Arm { index, label: label.to_owned() },
    };
    run.next(vec![opened(0, 1, 0, "Some(x) if x > 3"), opened(1, 2, 1, "_")]);
    come_back(place, "branches", &[run.data]).await;
}

/// Fan-outs of no item, of one and of many, and one whose items are not known yet.
pub(super) async fn b29_fan_outs_and_their_items_come_back(place: &dyn Place) {
    let items: Vec<Item> = (0..4).map(|n| Item::each(format!("each {n}"), plans::calls(2))).collect();
    let mut run = Run::new("fan-outs", &items);
    for (local, len) in [0, 1, 300].into_iter().enumerate() {
        let first_instance = run.data.instances.len() as u32;
        let step = records::step(local as u32);
        run.next(vec![Event::RegionOpened { step, first_instance, kind: RegionKind::Items(len) }]);
    }
    come_back(place, "fan-outs", &[run.data]).await;
}

/// Regions within regions within regions.
pub(super) async fn b29_nested_regions_come_back(place: &dyn Place) {
    let innermost = Item::each("c", plans::calls(1));
    let items = [Item::each("a", vec![Item::branch("b", vec![("true", vec![innermost])])])];
    let mut run = Run::new("nested", &items);
    let mut open = |instance, region: u32, kind| {
        let local = run.data.plan.region(region).first;
        let step = crate::state::StepRef::new(instance, local);
        let first_instance = run.data.instances.len() as u32;
        run.next(vec![Event::RegionOpened { step, first_instance, kind }]);
        first_instance
    };
    let a = open(0, 0, RegionKind::Items(2));
    for item in 0..2 {
        let b = open(a + item, 1, RegionKind::Arm { index: 0, label: "true".to_owned() });
        open(b, 2, RegionKind::Items(2));
    }
    come_back(place, "nested regions", &[run.data]).await;
}

/// How steps are attempted: retries, limits, purity, and what has no limit.
pub(super) async fn b29_policies_of_steps_come_back(place: &dyn Place) {
    let long = Duration::new(u64::MAX, 999_999_999);
    let backoff = |factor, jitter| Backoff { min: Duration::ZERO, max: long, factor, jitter };
    let retry = |times, backoff| Some(Retry::new(times).with_backoff(backoff));
    let policies = [
        Policy::DEFAULT,
        Policy::DEFAULT.with_retry(retry(0, Backoff::DEFAULT)),
        Policy::DEFAULT.with_retry(retry(u32::MAX, backoff(f64::MAX, true))),
        Policy::DEFAULT.with_retry(retry(3, backoff(1.0 + f64::EPSILON, false))),
        Policy::DEFAULT.with_timeout(Some(Duration::from_nanos(1))).with_deadline(Some(long)),
        Policy::DEFAULT.with_pure(true).with_blocking(true),
        Policy { concurrency: Some(NonZeroU32::MAX), ..Policy::DEFAULT },
        Policy::DEFAULT.with_timeout(Some(Duration::ZERO)).with_concurrency(1),
    ];
    let item = |(n, policy)| Item::call(format!("step {n}")).with_policy(policy);
    let items: Vec<Item> = policies.into_iter().enumerate().map(item).collect();
    come_back(place, "policies", &[record("policies", &items)]).await;
}

/// What the author wrote: names, docs, types, places in the source, in any letters.
pub(super) async fn b29_the_texts_of_a_plan_come_back(place: &dyn Place) {
    let written = with_plan("written", |plan| {
        plan.doc = Cow::Borrowed("Fulfils one order.\n\n    code \"quoted\" \\ \u{202e}");
        plan.input = Cow::Borrowed("order: Order<'static>, limits: &[Option<u32>]");
        plan.output = Cow::Borrowed("Result<Vec<Receipt>, (String, ())>");
        plan.source = Source { file: Cow::Borrowed("C:\\src\\häuser.rs"), line: u32::MAX, column: 0 };
        for (index, step) in plan.steps.to_mut().iter_mut().enumerate() {
            step.id = Cow::Owned(format!("schritt_ä{index}"));
            step.source.line = index as u32;
        }
        plan.regions.to_mut().iter_mut().for_each(|region| region.label = Cow::Borrowed("Some(\"a\") | None"));
        plan.version = u32::MAX;
    });
    let empty = with_plan("empty texts", |plan| {
        (plan.doc, plan.input, plan.output) = (Cow::Borrowed(""), Cow::Borrowed(""), Cow::Borrowed(""));
        plan.source = Source::default();
        plan.version = 0;
    });
    come_back(place, "these texts", &[written, empty]).await;
}

/// Edges within a region and from the regions around, order without data, failures that are caught.
pub(super) async fn b29_the_edges_of_a_plan_come_back(place: &dyn Place) {
    let ordered = with_plan("ordered", |plan| {
        let steps = plan.steps.to_mut();
        steps[4].after = Cow::Owned(vec![0, 1]);
        steps[0].next.to_mut().push(4);
        steps[1].next.to_mut().push(4);
    });
    come_back(place, "edges", &[record("edges", &plans::chain(30)), ordered]).await;
}

/// Two runs of one workflow whose shapes differ, and two whose shapes are one but whose texts differ.
pub(super) async fn b29_runs_of_different_plans_keep_their_own(place: &dyn Place) {
    let documented = |id, doc| with_plan(id, |plan| plan.doc = Cow::Borrowed(doc));
    let records = [
        record("shape 1", &plans::chain(2)),
        record("shape 2", &plans::chain(3)),
        record("shape 3", &plans::calls(2)),
        documented("texts 1", "Before."),
        documented("texts 2", "After."),
    ];
    come_back(place, "plans of their own", &records).await;
}
