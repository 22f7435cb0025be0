//! Outputs that are kept beside the record, in parts: who gets them, when they are fetched, and what a part says that
//! is missing or broken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flow_runtime::prelude::*;
use flow_runtime::state::{Compression, Delta, Event, StepStatus, decode};
use flow_runtime::store::{self, PartKey};
use flow_runtime::{StoreError, WorkflowData, WorkflowStore};

use super::probe::Probe;
use super::stores::{Fault, TestStore};

const INLINE: usize = 100;
const PART: usize = PartKey::MAX_BYTES;

/// The bytes of parts, by payload and number.
type Parts = BTreeMap<(u128, u32), Bytes>;

/// What happens to parts.
type Damage = fn(&mut Parts);

/// A store in memory that keeps parts. Clones are the same store.
#[derive(Clone)]
struct PartStore {
    records: TestStore,
    parts: Arc<Mutex<Parts>>,
    /// The calls, in order: `put 0`, `get 0`, `commit`.
    calls: Arc<Mutex<Vec<String>>>,
    refuses: bool,
}

impl PartStore {
    fn over(records: TestStore) -> Self {
        Self { records, parts: Arc::default(), calls: Arc::default(), refuses: false }
    }

    /// The same behind a handle of its own, without faults and with no calls yet.
    fn reopened(&self) -> Self {
        Self { parts: self.parts.clone(), ..Self::over(self.records.reopened()) }
    }

    fn call(&self, what: String) {
        self.calls.lock().unwrap().push(what);
    }

    fn calls(&self, what: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| call.starts_with(what)).count()
    }
}

impl WorkflowStore for PartStore {
    store::hand_on!(|own| &own.records; all but commit, inline_bytes, put_part, part);

    async fn commit(&self, after: &WorkflowData, delta: &Delta) -> Result<(), StoreError> {
        self.call("commit".to_owned());
        self.records.commit(after, delta).await
    }

    fn inline_bytes(&self) -> Option<usize> {
        Some(INLINE)
    }

    async fn put_part(&self, key: &PartKey, bytes: Bytes) -> Result<(), StoreError> {
        if self.refuses {
            return Err(StoreError::Other("no room for parts".into()));
        }
        assert!(bytes.len() <= PART);
        self.call(format!("put {}", key.part));
        self.parts.lock().unwrap().insert((key.payload, key.part), bytes);
        Ok(())
    }

    async fn part(&self, key: &PartKey) -> Result<Bytes, StoreError> {
        self.call(format!("get {}", key.part));
        let missing =
            || StoreError::Corrupt { id: key.id.clone(), path: None, reason: "it has no such part".to_owned() };
        self.parts.lock().unwrap().get(&(key.payload, key.part)).cloned().ok_or_else(missing)
    }
}

#[node]
async fn make(#[state] probe: &Probe, len: usize, cx: &NodeContext) -> Vec<u8> {
    probe.begin(cx.step()).end();
    noise(len)
}

#[node]
async fn measure(#[state] probe: &Probe, bytes: &[u8], cx: &NodeContext) -> usize {
    probe.begin(cx.step()).end();
    assert_eq!(bytes, noise(bytes.len()));
    bytes.len()
}

#[node]
async fn double(#[state] probe: &Probe, len: usize, cx: &NodeContext) -> usize {
    probe.begin(cx.step()).end();
    len * 2
}

workflow! {
    fn lengths(len: usize) -> usize {
        let made = make(len);
        let measured = measure(made);
        double(measured)
    }
    fn makes(len: usize) -> Vec<u8> { make(len) }
    fn repeats(len: usize) -> Vec<u8> { let made = make(len); made.repeat(2) }
    fn chooses(len: usize) -> usize {
        let made = make(len);
        let measured = if made.len() > 10 { measure(made) } else { len };
        double(measured)
    }
}

/// Bytes that cannot be compressed.
fn noise(len: usize) -> Vec<u8> {
    let mut x = 0x9e37_79b9_u32;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x.to_le_bytes()[1]
    };
    (0..len).map(|_| next()).collect()
}

fn engine(store: &PartStore, probe: &Probe) -> Engine<Probe> {
    Engine::builder(store.clone()).state(probe.clone()).build()
}

fn ends_step(name: &'static str) -> fn(&Event) -> bool {
    match name {
        "measure" => |event| matches!(event, Event::StepCompleted { step, .. } if step.local == 1),
        _ => |event| matches!(event, Event::StepCompleted { step, .. } if step.local == 2),
    }
}

#[tokio::test]
async fn b29_an_output_is_cut_into_parts_that_are_there_before_it_is_named() {
    let (store, probe) = (PartStore::over(TestStore::new()), Probe::default());
    let len = 2 * PART + 5;
    assert_eq!(lengths(len).run(&engine(&store, &probe), "r").await.unwrap(), 2 * len);
    let calls = ["commit", "put 0", "put 1", "put 2", "commit", "commit"];
    assert_eq!(store.calls.lock().unwrap()[..6], calls, "none is fetched in the process that has the value");
    assert_eq!(store.calls("get"), 0);
    let data = store.records.record("r").await;
    let stored = data.steps[0].output.as_ref().unwrap();
    let reference = stored.reference().unwrap();
    assert_eq!((reference.len, reference.parts, stored.bytes.len()), (len as u64, 3, 32));
    assert!(data.steps[1].output.as_ref().unwrap().reference().is_none());
    let payload = engine(&store, &probe).payload(&data, stored).await.unwrap();
    assert_eq!(decode::<Vec<u8>>(&payload).unwrap(), noise(len));
    assert!(decode::<Vec<u8>>(stored).unwrap_err().to_string().contains("`Engine::payload`"));
}

#[tokio::test]
async fn an_output_that_the_store_takes_inline_stays_in_the_record() {
    let (store, probe) = (PartStore::over(TestStore::new()), Probe::default());
    assert_eq!(makes(INLINE).run(&engine(&store, &probe), "at").await.unwrap().len(), INLINE);
    assert_eq!(store.calls("put"), 0);
    assert_eq!(makes(INLINE + 1).run(&engine(&store, &probe), "over").await.unwrap().len(), INLINE + 1);
    assert_eq!(store.calls("put"), 1);
    let plain = TestStore::new();
    let plain_engine = Engine::builder(plain.clone()).state(probe).build();
    makes(1 << 20).run(&plain_engine, "r").await.unwrap();
    assert_eq!(plain.record("r").await.steps[0].output.as_ref().unwrap().bytes.len(), 1 << 20);
}

#[tokio::test]
async fn b42_parts_are_fetched_for_who_still_needs_them_and_for_nobody_else() {
    for (fails, chosen, gets) in [("measure", false, 2), ("double", false, 0), ("none", true, 2)] {
        let probe = Probe::default();
        let ended: fn(&Event) -> bool = if chosen {
            |event| matches!(event, Event::StepCompleted { step, .. } if step.instance > 0)
        } else {
            ends_step(fails)
        };
        let store = PartStore::over(TestStore::new().fail_on(ended, Fault::Refused));
        let len = PART + 1;
        let engine_of = |store: &PartStore| engine(store, &probe);
        let run = async |store: &PartStore| {
            if chosen {
                chooses(len).run(&engine_of(store), "r").await
            } else {
                lengths(len).run(&engine_of(store), "r").await
            }
        };
        assert!(matches!(run(&store).await, Err(RunError::Store { .. })));
        let store = store.reopened();
        assert_eq!(run(&store).await.unwrap(), 2 * len);
        assert_eq!(store.calls("get"), gets, "{fails}");
        assert_eq!(probe.begun().iter().filter(|step| *step == "made").count(), 1);
        assert_eq!(run(&store).await.unwrap(), 2 * len);
        assert_eq!(store.calls("get"), gets, "a run that has ended needs but its output");
    }
}

#[tokio::test]
async fn a_large_output_of_a_run_reaches_every_caller() {
    for strict in [false, true] {
        for compression in [Compression::none(), Compression::default()] {
            let (store, probe) = (PartStore::over(TestStore::new()), Probe::default());
            let builder = Engine::builder(store.clone()).state(probe.clone()).strict_roundtrip(strict);
            let engine = builder.compression(compression).build();
            let (one, other) = (makes(5_000).start(&engine, "r").unwrap(), makes(5_000).start(&engine, "r").unwrap());
            assert_eq!(one.result().await.unwrap(), noise(5_000));
            assert_eq!(other.result().await.unwrap(), noise(5_000));
            let (one, other) =
                (repeats(3_000).start(&engine, "s").unwrap(), repeats(3_000).start(&engine, "s").unwrap());
            assert_eq!(one.result().await.unwrap(), noise(3_000).repeat(2));
            assert_eq!(other.result().await.unwrap(), noise(3_000).repeat(2));
            assert_eq!(store.calls("put"), 3, "the output of the second is its own");
            assert_eq!(makes(5_000).run(&engine, "r").await.unwrap(), noise(5_000), "it has ended");
            assert_eq!(repeats(3_000).run(&engine, "s").await.unwrap(), noise(3_000).repeat(2));
        }
    }
}

#[tokio::test]
async fn b46_a_part_that_cannot_be_kept_stops_the_run_and_its_step_is_not_done() {
    let probe = Probe::default();
    let store = PartStore { refuses: true, ..PartStore::over(TestStore::new()) };
    let error = lengths(5_000).run(&engine(&store, &probe), "r").await.unwrap_err();
    assert!(matches!(error, RunError::Store { .. }), "{error}");
    let text = super::printed(error);
    assert!(text.contains("no room for parts"), "{text}");
    assert_ne!(store.records.record("r").await.steps[0].status, StepStatus::Completed);
    assert_eq!(lengths(5_000).run(&engine(&store.reopened(), &probe), "r").await.unwrap(), 10_000);
    assert_eq!(probe.begun(), ["made", "made", "measured", "double"]);
}

#[tokio::test]
async fn b32_a_part_that_is_missing_or_broken_is_named_and_nothing_runs_again() {
    let damages: [(&str, Damage); 3] = [
        ("it has no such part", Parts::clear),
        ("part 0 is 4999 bytes long", |parts| parts.values_mut().for_each(|bytes| bytes.truncate(4_999))),
        ("their checksum does not fit", |parts| parts.values_mut().for_each(|bytes| *bytes = vec![0; 5_000].into())),
    ];
    for (says, damage) in damages {
        let probe = Probe::default();
        let store = PartStore::over(TestStore::new().fail_on(ends_step("measure"), Fault::Refused));
        lengths(5_000).run(&engine(&store, &probe), "r").await.unwrap_err();
        makes(5_000).run(&engine(&store, &probe), "ended").await.unwrap();
        let (store, begun) = (store.reopened(), probe.begun());
        damage(&mut store.parts.lock().unwrap());
        let before = store.records.record("r").await;
        let resumed = lengths(5_000).run(&engine(&store, &probe), "r").await.unwrap_err();
        let ended = makes(5_000).run(&engine(&store, &probe), "ended").await.unwrap_err();
        for (error, run, step) in [(resumed, "run `r`", "`made`"), (ended, "run `ended`", "`make`")] {
            assert!(matches!(&error, RunError::Store { source, .. } if matches!(**source, StoreError::Corrupt { .. })));
            let text = super::printed(error);
            assert!([run, step, says].iter().all(|part| text.contains(part)), "{text}");
        }
        assert_eq!(probe.begun(), begun);
        assert_eq!(store.records.record("r").await, before);
    }
}
