//! Values of branches and fan-outs that are made of steps around them: who uses such a value waits for those steps too.

use flow_runtime::prelude::*;

use crate::recorder::{Ledger, Recorder};
use crate::resume::every_commit::goes_on_from_every_commit;
use crate::resume::outcome::run;
use crate::resume::workflows::{sum, think, work};

/// Ends long after all that could start beside it.
#[node]
async fn slow(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> u64 {
    ledger.begin(cx).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    x + 1000
}

workflow! {
    fn of_an_arm(x: u64) -> u64 {
        let s = slow(x);
        let b = if x > 0 { s } else { work(x) };
        #[id = "behind"]
        work(b)
    }

    fn of_the_items(x: u64) -> u64 {
        let s = slow(x);
        let ys = for y in [1, 2] { let c = think(y); c + s };
        sum(ys)
    }

    fn of_an_arm_in_an_arm_in_an_item(x: u64) -> u64 {
        let s = slow(x);
        let ys = for y in [1, x] {
            let t = think(y);
            let outer = match y {
                1 => { let inner = if y == 1 { s } else { work(y) }; inner }
                _ => t,
            };
            let after = #[id = "after"] work(outer);
            after
        };
        sum(ys)
    }

    fn of_another_branch(x: u64) -> u64 {
        let s = slow(x);
        let first = if x > 0 { s } else { work(x) };
        let second = if x > 1 { first } else { #[id = "second_work"] work(x) };
        let third = if second > 1000 { #[id = "high"] work(x) } else { #[id = "low"] work(x) };
        #[id = "behind"]
        work(third)
    }

    fn used_within(x: u64) -> Vec<u64> {
        let s = slow(x);
        let b = if x > 0 { s } else { work(x) };
        #[id = "ys"]
        for y in [1, 2] { let both = [y, b].to_vec(); sum(both) }
    }
}

#[tokio::test]
async fn b23_who_uses_the_value_of_a_branch_waits_for_all_it_is_made_of() {
    let store = Recorder::default();
    assert_eq!(run(&store, of_an_arm(1)).await.unwrap(), 1002);
    assert_eq!(run(&Recorder::default(), of_an_arm(0)).await.unwrap(), 2);
    assert_eq!(run(&Recorder::default(), of_the_items(1)).await.unwrap(), 2 + 4 + 2 * 1001);
    assert_eq!(run(&Recorder::default(), of_an_arm_in_an_arm_in_an_item(3)).await.unwrap(), 1004 + 7);
    assert_eq!(run(&Recorder::default(), of_another_branch(2)).await.unwrap(), 4);
    assert_eq!(run(&Recorder::default(), used_within(2)).await.unwrap(), [1003, 1004]);
}

#[tokio::test]
async fn b23_and_so_from_every_commit() {
    goes_on_from_every_commit(|| of_an_arm(1)).await;
    goes_on_from_every_commit(|| of_the_items(1)).await;
    goes_on_from_every_commit(|| of_an_arm_in_an_arm_in_an_item(3)).await;
    goes_on_from_every_commit(|| of_another_branch(2)).await;
    goes_on_from_every_commit(|| used_within(2)).await;
}
