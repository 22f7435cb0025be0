//! Runs of a real engine, with every construct of the language in them.

use flow_runtime::engine::{Clock, Progress};
use flow_runtime::state::Timestamp;

use crate::flow::{flow_on, together};
use crate::samples::ago;
use crate::stores::{KINDS, Opened, Store};

/// It is always the same time.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        ago(100)
    }
}

mod workflows {
    use std::time::Duration;

    use flow_runtime::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Serialize, Deserialize)]
    pub(super) enum Payment {
        Paid(u64),
        Declined(String),
    }

    #[node(undo = refund)]
    async fn charge(amount: &u64) -> Payment {
        if *amount > 1_000 { Payment::Declined("too much".to_owned()) } else { Payment::Paid(*amount) }
    }

    #[node]
    async fn refund(_payment: &Payment) {}

    #[node]
    async fn ship(slip: &u64) -> u64 {
        *slip
    }

    #[node]
    async fn give_up(why: &str) -> Result<u64, String> {
        Err(format!("declined: {why}"))
    }

    #[node]
    async fn weigh(line: &u64) -> Result<u64, String> {
        if *line == 2 { Err("no scales".to_owned()) } else { Ok(*line) }
    }

    #[node]
    async fn note(cx: &NodeContext, weights: &[Result<u64, NodeFailure>]) -> usize {
        let key = Key::<usize>::new("weighed");
        let weighed = weights.iter().flatten().count();
        cx.set(key, &weighed).map_or(0, |()| weighed)
    }

    workflow! {
        /// Charges, and ships what was paid.
        pub(super) fn pay(amount: u64) -> u64 {
            let payment = charge(amount);
            let parcel = match payment {
                Payment::Paid(slip) => ship(slip),
                Payment::Declined(why) => give_up(why),
            };
            parcel
        }
    }

    workflow! {
        /// Weighs lines, pays, and waits for a word.
        pub(super) fn order(amount: u64, lines: Vec<u64>) -> u64 {
            #[catch]
            let weights = for line in lines { weigh(line) };
            let noted = note(weights);
            let paid = pay(amount);
            #[after(noted, paid)]
            let word = wait_for::<String>("word");
            #[after(word)]
            sleep(Duration::from_secs(3_600));
            ship(paid)
        }
    }
}

#[test]
fn every_construct_is_told() {
    for kind in KINDS {
        let store = Store::absent(kind);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let engine = Opened::open(kind, store.path()).expect("a store").engine();
            let engine = engine.clock(Stopped).build();
            let waiting = workflows::order(5, vec![1, 2, 3]).run_until_parked(&engine, "waits").await;
            assert!(matches!(waiting, Ok(Progress::Parked(_))), "{waiting:?}");
            workflows::order(5_000, Vec::new()).run(&engine, "fails").await.expect_err("it was declined");
        });
        let calls = [
            flow_on(&store, &["show", "waits"]).exits(0),
            flow_on(&store, &["show", "waits", "--step", "weights"]).exits(0),
            flow_on(&store, &["show", "waits", "--output", "paid.payment"]).exits(0),
            flow_on(&store, &["show", "fails"]).exits(0),
            flow_on(&store, &["doctor", "fails"]).exits(0),
        ];
        let text = together(&calls);
        let without_places = text.lines().filter(|line| !line.starts_with("source "));
        let text = without_places.fold(String::new(), |text, line| text + line + "\n");
        crate::flow::is(if kind == "json" { "shapes_json_files" } else { "shapes" }, &text);
        flow_on(&store, &["verify"]).exits(0);
    }
}
