//! Workflows that were edited between a crash and the resume: refused by default, with what changed; adopted if the
//! engine is told so and nothing that has begun is another now.

use flow_runtime::engine::PlanChanges;
use flow_runtime::engine::tree::Workflow;
use flow_runtime::plan::{Plan, Requires};
use flow_runtime::state::StepStatus;
use flow_runtime::{Engine, Invocation, RunError, WorkflowData};

use super::outcome::run;
use super::workflows::{sum, think, work};
use crate::recorder::{Ledger, Recorder};

/// A version of one workflow, in a module of its own.
macro_rules! version {
    ($module:ident($x:ident): $($body:tt)*) => {
        mod $module {
            #[allow(unused_imports, reason = "not every version calls every node")]
            use super::{sum, think, work};

            flow_runtime::workflow! {
                pub(super) fn flow($x: u64) -> u64 { $($body)* }
            }
        }
    };
}

version! { first(x):
    let a = work(x);
    let b = work(a);
    let side = think(x);
    let c = work(b);
    let all = [a.clone(), c, side].to_vec();
    sum(all)
}
version! { with_more(x):
    let early = think(x);
    let a = work(x);
    let b = work(a);
    let side = think(x);
    let c = work(b);
    let late = work(c);
    let all = [a.clone(), late, side, early].to_vec();
    sum(all)
}
version! { without_c(x):
    let a = work(x);
    let b = work(a);
    let side = think(x);
    let all = [a.clone(), b, side].to_vec();
    sum(all)
}
version! { rewired_c(x):
    let a = work(x);
    let b = work(a);
    let side = think(x);
    let c = work(a);
    let all = [b.clone(), c, side].to_vec();
    sum(all)
}
version! { other_node_for_c(x):
    let a = work(x);
    let b = work(a);
    let side = think(x);
    let c = think(b);
    let all = [a.clone(), c, side].to_vec();
    sum(all)
}
version! { in_another_order(x):
    let side = think(x);
    let a = work(x);
    let b = work(a);
    let c = work(b);
    let all = [a.clone(), c, side].to_vec();
    sum(all)
}

version! { branched(x):
    let a = work(x);
    let b = if a > 1 { let d = work(a); let e = work(d); e } else { think(a) };
    let ys = for y in [1, 2] { let f = work(y); let g = work(f); g };
    let all = [b.clone(), sum(ys)].to_vec();
    #[id = "all_sum"]
    sum(all)
}
version! { more_in_regions(x):
    let a = work(x);
    let b = if a > 1 { let d = work(a); let e = work(d); let e2 = work(e); e2 } else { think(a) };
    let ys = for y in [1, 2] { let f = work(y); let g = work(f); let g2 = work(g); g2 };
    let all = [b.clone(), sum(ys)].to_vec();
    #[id = "all_sum"]
    sum(all)
}
version! { less_in_regions(x):
    let a = work(x);
    let b = if a > 1 { let d = work(a); d } else { think(a) };
    let ys = for y in [1, 2] { let f = work(y); f };
    let all = [b.clone(), sum(ys)].to_vec();
    #[id = "all_sum"]
    sum(all)
}
version! { slow_around(x):
    let b = if x > 0 { let d = work(x); let e = work(d); e } else { 0 };
    let s = think(x);
    let t = think(s);
    let u = think(t);
    let c = work(b);
    let all = [c.clone(), u].to_vec();
    sum(all)
}
version! { slow_around_is_the_value(x):
    let s = think(x);
    let t = think(s);
    let u = think(t);
    let b = if x > 0 { let d = work(x); d + u } else { 0 };
    let c = work(b);
    let all = [c.clone(), u].to_vec();
    sum(all)
}

version! { other_arm_not_taken(x):
    let a = work(x);
    let b = if a > 1 { let d = work(a); let e = work(d); e } else { let t = work(a); #[id = "t_think"] think(t) };
    let ys = for y in [1, 2] { let f = work(y); let g = work(f); g };
    let all = [b.clone(), sum(ys)].to_vec();
    #[id = "all_sum"]
    sum(all)
}

/// The records of a run of this, one step at a time, after each of its commits but the last.
async fn records_of<W: Workflow + Requires<Ledger>>(invocation: Invocation<W>) -> Vec<WorkflowData>
where
    W::Output: std::fmt::Debug,
{
    let store = Recorder::default();
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).concurrency(1).build();
    invocation.run(&engine, "run").await.unwrap();
    let mut snapshots = store.ledger.snapshots();
    snapshots.pop();
    snapshots
}

/// Goes on from this record with this code, allowed to adopt changed plans or not. When it is refused, nothing runs
/// and the record is as it was.
async fn go_on<W: Workflow + Requires<Ledger>>(
    before: &WorkflowData,
    adopt: bool,
    invocation: Invocation<W>,
) -> Result<(W::Output, Recorder), RunError> {
    let store = Recorder::holding(before).await;
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).adopt_changed_plans(adopt).build();
    match invocation.run(&engine, "run").await {
        Ok(output) => Ok((output, store)),
        Err(error) => {
            assert!(store.ledger.entries().is_empty(), "{error}: {:?}", store.ledger.entries());
            assert_eq!(store.record().await, *before, "{error}");
            Err(error)
        }
    }
}

fn changes(error: RunError) -> PlanChanges {
    let RunError::PlanChanged { changes, id, .. } = error else { panic!("{error}") };
    assert_eq!(id.as_str(), "run");
    changes
}

#[tokio::test]
async fn b44_a_changed_plan_is_refused_by_the_names_of_what_changed() {
    let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    for before in records_of(first::flow(1)).await {
        let refused = changes(go_on(&before, false, with_more::flow(1)).await.unwrap_err());
        assert_eq!(refused.added, own(&["early", "late"]));
        assert!(refused.removed.is_empty());
        assert_eq!(refused.rewired, own(&["sum"]), "it uses other steps");

        let refused = changes(go_on(&before, false, without_c::flow(1)).await.unwrap_err());
        assert_eq!((refused.added, refused.removed, refused.rewired), (vec![], own(&["c"]), own(&["sum"])));

        let refused = changes(go_on(&before, false, rewired_c::flow(1)).await.unwrap_err());
        assert_eq!((refused.added, refused.removed, refused.rewired), (vec![], vec![], own(&["c", "sum"])));

        let refused = changes(go_on(&before, false, other_node_for_c::flow(1)).await.unwrap_err());
        assert_eq!((refused.added, refused.removed, refused.rewired), (vec![], vec![], own(&["c"])));
    }
    for before in records_of(branched::flow(1)).await {
        let refused = changes(go_on(&before, false, more_in_regions::flow(1)).await.unwrap_err());
        assert_eq!((refused.added, refused.removed), (own(&["b.e2", "ys.g2"]), vec![]));
        let refused = changes(go_on(&before, false, less_in_regions::flow(1)).await.unwrap_err());
        assert_eq!((refused.added, refused.removed), (vec![], own(&["b.e", "ys.g"])));
    }
}

#[tokio::test]
async fn b44_the_message_says_what_is_different_and_what_to_do() {
    let records = records_of(first::flow(1)).await;
    let message =
        async |adopt, invocation| go_on(records.last().unwrap(), adopt, invocation).await.unwrap_err().to_string();
    assert_eq!(
        message(false, without_c::flow(1)).await,
        "run `run` began with another shape of `flow` (removed: c; rewired: sum) and cannot go on with this one: the \
         engine is not told to adopt changed plans; end it with the code it began with, or give the new shape a new \
         `#[version]` and start new runs under it"
    );
    let begun = "cannot go on with this one: step `c` has begun and is gone;";
    assert!(message(true, without_c::flow(1)).await.contains(begun));
    let error = go_on(&records[0], false, in_another_order::flow(1)).await.unwrap_err();
    assert!(error.to_string().contains("(the same steps in another order)"), "{error}");
}

#[tokio::test]
async fn b44_added_and_moved_steps_are_adopted_when_the_engine_is_told_so() {
    for before in records_of(first::flow(1)).await {
        let (output, store) = go_on(&before, true, in_another_order::flow(1)).await.unwrap();
        assert_eq!(output, 2 + 4 + 2);
        adopted(&before, &store, in_another_order::flow::plan()).await;

        let more = go_on(&before, true, with_more::flow(1)).await;
        if before.step(before.find("sum").unwrap()).attempts > 0 {
            assert_eq!(changes(more.unwrap_err()).rewired, ["sum"]);
            continue;
        }
        let (output, store) = more.unwrap();
        assert_eq!(output, 2 + 5 + 2 + 2);
        adopted(&before, &store, with_more::flow::plan()).await;
    }
}

/// That the run has gone over to this plan, and that nothing that had ended ran again.
async fn adopted(before: &WorkflowData, store: &Recorder, plan: &Plan) {
    let after = store.record().await;
    assert_eq!(after.plan.fingerprint, plan.fingerprint);
    assert!(after.statuses().iter().all(|(_, status)| matches!(status, StepStatus::Completed | StepStatus::Bypassed)));
    for (path, status) in before.statuses() {
        let ran = store.ledger.counts().contains_key(&path);
        assert!(!ran || !status.has_ended(), "`{path}` ran again");
    }
    super::protocol::check(&store.ledger);
}

#[tokio::test]
async fn b44_what_has_begun_must_still_be_there_as_it_was() {
    let mut seen = (false, false);
    for before in records_of(first::flow(1)).await {
        let begun = before.step(before.find("c").unwrap()).attempts > 0;
        let without = go_on(&before, true, without_c::flow(1)).await;
        let rewired = go_on(&before, true, rewired_c::flow(1)).await;
        let other = go_on(&before, true, other_node_for_c::flow(1)).await;
        if begun {
            seen.0 = true;
            assert_eq!(changes(without.unwrap_err()).removed, ["c"]);
            assert_eq!(changes(rewired.unwrap_err()).rewired, ["c", "sum"]);
            assert_eq!(changes(other.unwrap_err()).rewired, ["c"]);
        } else {
            seen.1 = true;
            assert_eq!(without.unwrap().0, 2 + 3 + 2);
            assert_eq!(rewired.unwrap().0, 3 + 3 + 2);
            assert_eq!(other.unwrap().0, 2 + 6 + 2);
        }
    }
    assert_eq!(seen, (true, true), "the run was killed both before and after `c` began");
}

#[tokio::test]
async fn b44_an_open_region_takes_new_steps_and_one_that_has_ended_does_not() {
    let mut seen = (false, false);
    for before in records_of(branched::flow(1)).await {
        let ended = ["b", "ys"].iter().any(|step| before.status_of(step).unwrap().has_ended());
        match go_on(&before, true, more_in_regions::flow(1)).await {
            Ok((output, store)) => {
                assert!(!ended, "what had ended got new steps");
                assert_eq!(output, 5 + 4 + 5);
                adopted(&before, &store, more_in_regions::flow::plan()).await;
                seen.0 = true;
            }
            Err(error) => {
                assert!(ended, "{error}");
                assert_eq!(changes(error).added, ["b.e2", "ys.g2"]);
                seen.1 = true;
            }
        }
    }
    assert_eq!(seen, (true, true));
}

#[tokio::test]
async fn b44_a_region_ends_when_the_steps_it_still_waited_for_are_gone() {
    let mut seen = false;
    for before in records_of(branched::flow(1)).await {
        let begun = ["b.e", "ys[0].g", "ys[1].g"]
            .iter()
            .any(|path| before.find(path).is_some_and(|step| before.step(step).attempts > 0));
        match go_on(&before, true, less_in_regions::flow(1)).await {
            Ok((output, store)) => {
                assert!(!begun);
                assert_eq!(output, 3 + 2 + 3);
                adopted(&before, &store, less_in_regions::flow::plan()).await;
                seen |= before.status_of("b.d") == Some(StepStatus::Completed);
            }
            Err(error) => {
                assert!(begun, "{error}");
                changes(error);
            }
        }
    }
    assert!(seen, "the run was killed between `b.d` and `b.e`");
}

#[tokio::test]
async fn b44_a_region_whose_steps_are_gone_still_waits_for_what_its_value_is_made_of() {
    let mut seen = false;
    for before in records_of(slow_around::flow(1)).await {
        let result = go_on(&before, true, slow_around_is_the_value::flow(1)).await;
        let begun = before.find("b.e").is_some_and(|step| before.step(step).attempts > 0);
        if begun {
            changes(result.unwrap_err());
            continue;
        }
        let (output, store) = result.unwrap();
        assert_eq!(output, (2 + 8 + 1) + 8);
        adopted(&before, &store, slow_around_is_the_value::flow::plan()).await;
        let waits = before.status_of("b.d") == Some(StepStatus::Completed);
        seen |= waits && before.status_of("u") == Some(StepStatus::Pending);
    }
    assert!(seen, "the run was killed between `b.d` and `b.e`, before `u`");
}

#[tokio::test]
async fn b44_an_arm_that_was_not_taken_may_change() {
    for before in records_of(branched::flow(1)).await {
        assert!(matches!(go_on(&before, false, other_arm_not_taken::flow(1)).await, Err(RunError::PlanChanged { .. })));
        let (output, store) = go_on(&before, true, other_arm_not_taken::flow(1)).await.unwrap();
        assert_eq!(output, 4 + 3 + 4);
        adopted(&before, &store, other_arm_not_taken::flow::plan()).await;
    }
}

#[tokio::test]
async fn b44_a_run_that_has_ended_gives_its_output_whatever_the_plan_is_now() {
    let store = Recorder::default();
    let expected = run(&store, first::flow(1)).await.unwrap();
    let ended = store.record().await;
    let (output, store) = go_on(&ended, false, without_c::flow(1)).await.unwrap();
    assert_eq!(output, expected);
    assert!(store.ledger.entries().is_empty());
}
