//! Branches and fan-outs in one another, three deep, undisturbed and from every commit.

use flow_runtime::state::StepStatus;

use crate::recorder::Recorder;
use crate::resume::every_commit::goes_on_from_every_commit;
use crate::resume::outcome::run;
use crate::resume::workflows::{list, sum, tell_all, think, work};

flow_runtime::workflow! {
    /// A fan-out in an arm in a fan-out in an arm in a fan-out.
    fn deep(n: u64) -> u64 {
        let xs = list(n);
        let outer = for x in xs {
            let a = work(x);
            let way = if a % 2 == 0 {
                let ys = list(a);
                let middle = for y in ys {
                    let b = think(y);
                    let turn = match b {
                        0 => x * 100,
                        2 => {
                            let zs = list(a);
                            let inner = for z in zs { let c = work(z); c + x + y + b };
                            sum(inner)
                        }
                        _ => #[id = "other"] work(b),
                    };
                    turn + a
                };
                #[id = "middle_sum"]
                sum(middle)
            } else {
                a
            };
            way + 1
        };
        #[id = "outer_sum"]
        sum(outer)
    }

    /// The same fan-out in two arms, and one over the values of another.
    fn beside(n: u64) -> Vec<String> {
        let xs = list(n);
        #[catch]
        let first = if n > 1 { let ys = for x in xs { work(x) }; sum(ys) } else { 0 };
        #[catch]
        let rows = for x in xs {
            let cells = for y in xs { let c = work(y); c + x };
            #[id = "row"]
            for c in cells { think(c); }
            #[id = "cells_sum"]
            sum(cells)
        };
        #[after(first)]
        tell_all(rows)
    }
}

/// What `deep` gives, in plain Rust.
fn expected(n: u64) -> u64 {
    let outer = (0..n).map(|x| {
        let a = x + 1;
        if a % 2 != 0 {
            return a + 1;
        }
        let middle = (0..a).map(|y| {
            let turn = match y * 2 {
                0 => x * 100,
                2 => (0..a).map(|z| z + 1 + x + y + 2).sum(),
                b => b + 1,
            };
            turn + a
        });
        middle.sum::<u64>() + 1
    });
    outer.sum()
}

#[tokio::test]
async fn b26_regions_nest_and_their_values_come_out() {
    for n in [0, 1, 2, 4, 6] {
        let store = Recorder::default();
        assert_eq!(run(&store, deep(n)).await.unwrap(), expected(n), "{n}");
        assert!(store.ledger.counts().values().all(|&times| times == 1));
    }
}

#[tokio::test]
async fn b26_a_record_knows_every_step_of_nested_regions_by_its_path() {
    let store = Recorder::default();
    run(&store, deep(4)).await.unwrap();
    let record = store.record().await;
    for (path, status) in [
        ("outer[3].way.middle[1].turn.inner[2].c", StepStatus::Completed),
        ("outer[3].way.middle[1].turn.other", StepStatus::Bypassed),
        ("outer[3].way.middle[0].turn.inner", StepStatus::Bypassed),
        ("outer[3].way.middle[3].turn.other", StepStatus::Completed),
        ("outer[2].way.middle", StepStatus::Bypassed),
        ("outer[2].way.middle_sum", StepStatus::Bypassed),
    ] {
        assert_eq!(record.status_of(path), Some(status), "{path}");
    }
    assert_eq!(record.status_of("outer[4].a"), None);
    let keys: std::collections::BTreeSet<String> = store.ledger.calls().into_iter().map(|call| call.key).collect();
    assert_eq!(keys.len(), store.ledger.calls().len(), "every item of every fan-out has keys of its own");
}

#[tokio::test]
async fn b26_nested_regions_go_on_from_every_commit() {
    goes_on_from_every_commit(|| deep(2)).await;
    goes_on_from_every_commit(|| deep(4)).await;
    goes_on_from_every_commit(|| beside(1)).await;
    goes_on_from_every_commit(|| beside(3)).await;
}
