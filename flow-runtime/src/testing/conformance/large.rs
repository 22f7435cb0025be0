//! Large values, long runs, many keys.

use super::expect::{commit, holds, save};
use super::place::Place;
use super::plans::{self, Item};
use super::records::{self, Run, changed, failure, payload};
use super::states::come_back;
use crate::state::{Encoding, Event, Payload, RegionKind, StepRef, StepStatus};

/// Bytes that do not repeat, so that nothing can make little of them.
fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(len as u64).fill(&mut bytes);
    bytes
}

/// Payloads of sizes about the limits of buffers, up to several MiB, by saves.
pub(super) async fn b29_payloads_of_several_mebibytes_come_back(place: &dyn Place) {
    let sizes = [255, 256, 4095, 4096, 65_535, 65_536, 1 << 20, (1 << 22) + 1];
    let data = changed("large", sizes.len(), |data| {
        data.input = Payload::new(Encoding::Raw, noise(1 << 20));
        for (step, size) in data.steps.iter_mut().zip(sizes) {
            (step.status, step.output) = (StepStatus::Completed, Some(Payload::new(Encoding::Raw, noise(size))));
        }
    });
    come_back(place, "large payloads", &[data]).await;
}

/// Payloads of several MiB in the encodings of serde, by commits.
pub(super) async fn b29_large_values_are_committed_whole(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("large", &plans::chain(4));
    commit(&store, (&run.first, &run.data)).await;
    let numbers: Vec<f64> = (0..100_000).map(|n| f64::from(n) / 7.0).collect();
    let words = vec!["\"wörter\"\n".repeat(9); 10_000];
    let outputs = [
        payload(&numbers, Encoding::Json),
        payload(&words, Encoding::Json),
        payload(&words, Encoding::MessagePack),
        Payload::new(Encoding::Raw, noise(3 << 20)),
    ];
    for (local, output) in (0..).zip(outputs) {
        let (delta, after) = run.next(vec![records::started(local), records::completed(local, output)]);
        commit(&store, (&delta, &after)).await;
    }
    holds(&store, &run.data, "after large values were committed").await;
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "after large values were committed and reopening").await;
}

/// Texts of a MiB where texts are usually short.
pub(super) async fn b29_long_texts_come_back(place: &dyn Place) {
    let long = "ü\0\"\n".repeat(1 << 18);
    let data = changed("long texts", 1, |data| {
        data.steps[0].error = Some(Box::new(failure("step_0", &long)));
        data.metadata.insert("long value".to_owned(), long.clone());
        data.metadata.insert(long.clone(), "long key".to_owned());
        data.data.insert(long, Vec::new());
    });
    come_back(place, "long texts", &[data]).await;
}

/// Thousands of keys.
pub(super) async fn b29_thousands_of_keys_come_back(place: &dyn Place) {
    let store = place.open().await;
    let mut run = Run::new("keys", &plans::chain(2));
    commit(&store, (&run.first, &run.data)).await;
    for local in 0..2 {
        let mut done = records::completed(local, records::text("done"));
        if let Event::StepCompleted { data, .. } = &mut done {
            *data = (0..2_000).map(|n| (format!("key {n}"), payload(&n, Encoding::MessagePack))).collect();
        }
        let (delta, after) = run.next(vec![records::started(local), done]);
        commit(&store, (&delta, &after)).await;
    }
    holds(&store, &run.data, "with thousands of keys").await;
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "with thousands of keys after reopening").await;
}

/// A fan-out of thousands of items, done item by item in large deltas.
pub(super) async fn b29_thousands_of_items_come_back(place: &dyn Place) {
    const ITEMS: u32 = 3_000;
    let store = place.open().await;
    let mut run = Run::new("items", &[Item::each("all", plans::calls(1))]);
    commit(&store, (&run.first, &run.data)).await;
    let step = records::step(0);
    let (delta, after) =
        run.next(vec![Event::RegionOpened { step, first_instance: 1, kind: RegionKind::Items(ITEMS) }]);
    commit(&store, (&delta, &after)).await;
    let body = run.data.plan.region(1).first;
    for items in (1..=ITEMS).collect::<Vec<_>>().chunks(500) {
        let done = |&instance: &u32| {
            let step = StepRef::new(instance, body);
            let mut events = [records::started(0), records::completed(0, payload(&instance, Encoding::MessagePack))];
            for event in &mut events {
                if let Event::StepStarted { step: at, .. } | Event::StepCompleted { step: at, .. } = event {
                    *at = step;
                }
            }
            events
        };
        let (delta, after) = run.next(items.iter().flat_map(done).collect());
        commit(&store, (&delta, &after)).await;
    }
    holds(&store, &run.data, "with thousands of items").await;
    save(&store, &run.data).await;
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "with thousands of items after reopening").await;
}

/// Hundreds of deltas of one run.
pub(super) async fn b30_many_commits_of_one_run_are_kept(place: &dyn Place) {
    const STEPS: u32 = 300;
    let store = place.open().await;
    let mut run = Run::new("long", &plans::chain(STEPS as usize));
    commit(&store, (&run.first, &run.data)).await;
    for local in 0..STEPS {
        let (delta, after) = run.complete(local);
        commit(&store, (&delta, &after)).await;
    }
    holds(&store, &run.data, "after many commits").await;
    drop(store);
    let store = place.open().await;
    holds(&store, &run.data, "after many commits and reopening").await;
    let (delta, after) = run.next(vec![records::ended(STEPS - 1)]);
    commit(&store, (&delta, &after)).await;
    holds(&store, &after, "after many commits and its end").await;
}
