//! Behaviour 44: outputs that an older version of a workflow has stored become those of the version that runs now.

mod called;
mod carried;
mod refused;
mod undone;
mod versions;
mod waits;

use std::sync::{Arc, Mutex};

use flow_runtime::prelude::*;
use flow_runtime::{Output, WorkflowData, WorkflowId, WorkflowStore};
use serde::{Deserialize, Serialize};

/// The bodies and migrations that ran, in order. Clones are the same log.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// What ran since this was last asked, sorted.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap());
        all.sort();
        all
    }
}

/// What `quote` gives from version 3 on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Money {
    pub(crate) cents: u64,
    pub(crate) currency: String,
}

/// Prices in euros, weights as text.
pub(crate) mod first {
    use super::*;

    #[node]
    async fn quote(#[state] log: &Log, x: u64, cx: &NodeContext) -> f64 {
        log.note(cx.step());
        f64::from(u32::try_from(x).unwrap()) + 0.5
    }

    #[node]
    async fn weigh(#[state] log: &Log, n: u64, cx: &NodeContext) -> String {
        log.note(cx.step());
        format!("{n} kg")
    }

    #[node]
    async fn report(#[state] log: &Log, price: f64, weights: &[String], word: &str, cx: &NodeContext) -> String {
        log.note(cx.step());
        format!("{price} for {}: {word}", weights.join(", "))
    }

    workflow! {
        pub(crate) fn order(x: u64) -> String {
            let price = quote(x);
            let weights = for n in [1, 2] { let weight = weigh(n); weight };
            let word = wait_for::<String>("word");
            report(price, weights, word)
        }
    }
}

/// Prices in cents, weights in grams.
pub(crate) mod second {
    use super::*;

    pub(super) fn to_cents(euros: f64) -> u64 {
        format!("{:.0}", euros * 100.0).parse().unwrap()
    }

    pub(super) fn to_grams(weight: String) -> Result<u64, std::num::ParseIntError> {
        weight.trim_end_matches(" kg").parse::<u64>().map(|kilos| kilos * 1000)
    }

    #[node]
    pub(super) async fn quote(#[state] log: &Log, x: u64, cx: &NodeContext) -> u64 {
        log.note(cx.step());
        x * 100 + 50
    }

    #[node]
    pub(super) async fn weigh(#[state] log: &Log, n: u64, cx: &NodeContext) -> u64 {
        log.note(cx.step());
        n * 1000
    }

    #[node]
    pub(super) async fn report(
        #[state] log: &Log,
        price: u64,
        weights: &[u64],
        word: &str,
        cx: &NodeContext,
    ) -> String {
        log.note(cx.step());
        format!("{price} cents for {weights:?} grams: {word}")
    }

    workflow! {
        #[version = 2]
        pub(crate) fn order(x: u64) -> String {
            #[migrate(from = 1, with = to_cents)]
            let price = quote(x);
            let weights = for n in [1, 2] {
                let weight = #[migrate(from = 1, with = to_grams)] weigh(n);
                weight
            };
            let word = wait_for::<String>("word");
            report(price, weights, word)
        }
    }
}

/// Prices with their currency.
pub(crate) mod third {
    use super::second::{to_grams, weigh};
    use super::*;

    fn from_euros(euros: f64) -> Money {
        Money { cents: super::second::to_cents(euros), currency: "euro".to_owned() }
    }

    fn with_currency(cents: u64) -> Money {
        Money { cents, currency: "cents of old".to_owned() }
    }

    #[node]
    async fn quote(#[state] log: &Log, x: u64, cx: &NodeContext) -> Money {
        log.note(cx.step());
        Money { cents: x * 100 + 50, currency: "euro".to_owned() }
    }

    #[node]
    async fn report(#[state] log: &Log, price: &Money, weights: &[u64], word: &str, cx: &NodeContext) -> String {
        log.note(cx.step());
        format!("{} {} for {weights:?} grams: {word}", price.cents, price.currency)
    }

    workflow! {
        #[version = 3]
        pub(crate) fn order(x: u64) -> String {
            #[migrate(from = 1, with = from_euros)]
            #[migrate(from = 2, with = with_currency)]
            let price = quote(x);
            let weights = for n in [1, 2] { #[id = "weight"] #[migrate(from = 1, with = to_grams)] weigh(n) };
            let word = wait_for::<String>("word");
            report(price, weights, word)
        }
    }
}

/// An engine that knows no workflow yet.
pub(crate) fn engine(store: &(impl WorkflowStore + Clone), log: &Log) -> Engine<Log> {
    Engine::builder(store.clone()).state(log.clone()).build()
}

/// A run `r` of version 1 that waits for the signal `word`, and all before it is done.
pub(crate) async fn waiting(store: &(impl WorkflowStore + Clone)) {
    let log = Log::default();
    first::order(7).run_until_parked(&engine(store, &log), "r").await.unwrap();
    assert_eq!(log.take(), ["price", "weights[0].weight", "weights[1].weight"]);
}

pub(crate) fn id() -> WorkflowId {
    WorkflowId::new("r").unwrap()
}

/// The stored output of the step of this path.
pub(crate) fn output<T: Output>(data: &WorkflowData, step: &str) -> T {
    let step = data.find(step).unwrap_or_else(|| panic!("no {step} among {:?}", data.statuses()));
    T::decode(data.step(step).output.as_ref().unwrap()).unwrap()
}
