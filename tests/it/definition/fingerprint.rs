//! The fingerprint is the identity of a workflow's shape: one workflow in many shapes, each with one thing changed.

use std::sync::Arc;
use std::time::Duration;

use flow_runtime::plan::Fingerprint;
use flow_runtime::prelude::*;

#[node]
async fn one(x: u64) -> u64 {
    x + 1
}
#[node(retry(times = 9), timeout = "9s", pure)]
async fn two(x: u64, y: u64) -> u64 {
    x + y
}
#[node(name = "one")]
async fn another_one(x: &u64) -> Option<u64> {
    Some(*x)
}

/// Declares the workflow `flow` once in a module for each shape.
macro_rules! shapes {
    ($($shape:ident { $($workflow:tt)* })*) => {
        $(mod $shape {
            #[allow(unused_imports)]
            use super::{another_one, one, two};
            flow_runtime::workflow! { $($workflow)* }
        })*
        fn fingerprint(shape: &str) -> Fingerprint {
            match shape {
                $(stringify!($shape) => $shape::flow::plan().fingerprint,)*
                shape => panic!("there is no shape `{shape}`"),
            }
        }
        const SHAPES: &[&str] = &[$(stringify!($shape)),*];
    };
}

shapes! {
    base {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    same_with_docs_policies_and_types {
        /// It has docs.
        #[allow(unused)]
        pub fn flow(x: u64, items: Vec<u64>) -> u64 {
            #[with(timeout = "1s", retry(times = 7))]
            let a = one(x + 1);
            let b = one(a * 2);
            let c: u64 = match b - 1 { 1 => { let d = one(a); let e = one(b); e * d } n => n + 5 };
            #[with(concurrency = 3)]
            let ys = for item in items {
                #[id = "z"]
                let renamed = another_one(item);
                renamed.unwrap_or_default() * a
            };
            let k = c + 0;
            #[after(ys)]
            let last = #[with(pure)] two(a, k);

            last - b + 1
        }
    }
    another_version {
        #[version = 2]
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    a_step_more {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            one(x);
            last + b
        }
    }
    a_step_less {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); d + b } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    another_id {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            #[id = "end"]
            let last = two(a, c);
            last + b
        }
    }
    another_node {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = two(a, x);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    another_edge {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(x);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    another_edge_of_a_branch {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match a { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    without_order {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            let last = two(a, c + ys.len() as u64);
            last + b
        }
    }
    another_value {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + a + ys.len() as u64
        }
    }
    another_value_of_an_arm {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let _e = #[id = "e"] one(b); d + 1 } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    another_value_of_an_item {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + b };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    another_pattern {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 2 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    another_label {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { #[id = "first"] 1 => { let d = one(a); let e = one(b); d + e } n => n };
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    caught {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            #[catch]
            let ys = for y in xs { let z = one(y); z + a };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
    another_order {
        pub(super) fn flow(x: u64, xs: Vec<u64>) -> u64 {
            let a = one(x);
            let b = one(a);
            let ys = for y in xs { let z = one(y); z + a };
            let c = match b { 1 => { let d = one(a); let e = one(b); d + e } n => n };
            #[after(ys)]
            let last = two(a, c);
            last + b
        }
    }
}

#[test]
fn b06_the_fingerprint_changes_with_the_shape_and_only_then() {
    assert_eq!(fingerprint("base"), fingerprint("same_with_docs_policies_and_types"));
    let others: Vec<&str> = SHAPES.iter().copied().filter(|shape| !shape.starts_with("same")).collect();
    for (index, shape) in others.iter().enumerate() {
        for other in &others[..index] {
            assert_ne!(fingerprint(shape), fingerprint(other), "{shape} and {other}");
        }
    }
}

/// The same workflow before and after an edit of what an arm gives.
mod edited {
    use std::sync::Arc;

    use flow_runtime::prelude::*;
    use tokio::sync::Notify;

    /// The last step waits here.
    #[derive(Default)]
    pub(super) struct Gate {
        pub(super) reached: Notify,
    }

    #[node]
    pub(super) async fn give(x: u64) -> u64 {
        x
    }
    #[node]
    pub(super) async fn last(#[state] gate: &Arc<Gate>, x: u64) -> u64 {
        gate.reached.notify_one();
        std::future::pending::<()>().await;
        x
    }

    pub(super) mod before {
        use super::{give, last};
        flow_runtime::workflow! {
            pub(in super::super) fn flow(x: u64) -> u64 {
                let c = if x > 0 { let a = give(1); let b = #[id = "b"] give(2); a + b * 0 } else { 0 };
                last(c)
            }
        }
    }
    pub(super) mod after {
        use super::{give, last};
        flow_runtime::workflow! {
            pub(in super::super) fn flow(x: u64) -> u64 {
                let c = if x > 0 { let _a = #[id = "a"] give(1); let b = give(2); b } else { 0 };
                last(c)
            }
        }
    }
}

/// `last` may have used what the branch gave, so another value of it would make a run that never could have been.
#[tokio::test]
async fn b44_what_a_branch_gave_is_not_edited_under_a_run() {
    let gate = Arc::new(edited::Gate::default());
    let store = InMemoryStore::default();
    let engine = Engine::builder(store.clone()).state(gate.clone()).build();
    let run = edited::before::flow(1).start(&engine, "edited").unwrap();
    gate.reached.notified().await;
    engine.shutdown(Duration::ZERO).await;
    assert!(matches!(run.result().await, Err(RunError::Interrupted { .. })));

    for adopt in [false, true] {
        let engine = Engine::builder(store.clone()).state(gate.clone()).adopt_changed_plans(adopt).build();
        let error = edited::after::flow(1).run(&engine, "edited").await.unwrap_err();
        let RunError::PlanChanged { changes, reason, .. } = &error else { panic!("{error}") };
        assert_eq!((&*changes.added, &*changes.removed, &*changes.rewired), (&[][..], &[][..], &["c".to_owned()][..]));
        assert_eq!(reason.contains("`c` has ended and gives the value of another step now"), adopt, "{reason}");
    }
}
