//! Stored values and the code that goes on with them: types that changed since, and how often anything is decoded.

use std::cell::RefCell;
use std::collections::BTreeMap;

use flow_runtime::engine::tree::Workflow;
use flow_runtime::plan::Requires;
use flow_runtime::prelude::*;
use flow_runtime::state::StepStatus;
use flow_runtime::{Invocation, WorkflowData};
use serde::{Deserialize, Deserializer, Serialize};

use super::outcome::run;
use super::workflows::work;
use crate::recorder::{Ledger, Recorder};

/// What `open` gives in the code that a run began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    owner: String,
}

/// What it gives in later code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SharedAccount {
    owners: Vec<String>,
}

/// Ends when the run is about to stop, so that it is in flight until then.
#[node]
async fn linger(#[state] ledger: &Ledger, cx: &NodeContext) -> u64 {
    ledger.begin(cx).await;
    cx.cancelled().await;
    1
}

mod begun {
    use super::*;

    #[node]
    async fn open(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> Account {
        ledger.begin(cx).await;
        Account { owner: format!("{x}") }
    }

    #[node]
    async fn greet(#[state] ledger: &Ledger, account: &Account, x: u64, cx: &NodeContext) -> u64 {
        ledger.begin(cx).await;
        account.owner.len() as u64 + x
    }

    workflow! {
        pub(super) fn greeting(x: u64) -> u64 {
            let account = open(x);
            let beside = work(x);
            greet(account, beside)
        }

        pub(super) fn greetings(xs: Vec<u64>) -> Vec<u64> {
            #[id = "each"]
            for x in xs { let account = open(x); greet(account, x) }
        }

        pub(super) fn opening(x: u64) -> Account { open(x) }

        pub(super) fn naming(x: u64) -> String { let account = open(x); account.owner.clone() }
    }
}

mod edited {
    use super::*;

    #[node]
    async fn open(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> SharedAccount {
        ledger.begin(cx).await;
        SharedAccount { owners: vec![format!("{x}")] }
    }

    #[node]
    async fn greet(#[state] ledger: &Ledger, account: &SharedAccount, x: u64, cx: &NodeContext) -> u64 {
        ledger.begin(cx).await;
        account.owners.len() as u64 + x
    }

    workflow! {
        pub(super) fn greeting(x: u64) -> u64 {
            let account = open(x);
            let beside = work(x);
            greet(account, beside)
        }

        pub(super) fn greetings(xs: Vec<u64>) -> Vec<u64> {
            #[id = "each"]
            for x in xs { let account = open(x); greet(account, x) }
        }

        pub(super) fn opening(x: u64) -> SharedAccount { open(x) }

        pub(super) fn naming(x: u64) -> SharedAccount { let account = open(x); account.clone() }
    }

    pub(super) mod with_more {
        use super::*;

        workflow! {
            pub(in super::super) fn greeting(x: u64) -> u64 {
                let more = linger();
                let account = open(x);
                let beside = work(x);
                let greeted = greet(account, beside);
                more + greeted
            }
        }
    }
}

/// The records of a run of this after each of its commits, one step at a time.
async fn records_of<W: Workflow + Requires<Ledger>>(invocation: Invocation<W>) -> Vec<WorkflowData>
where
    W::Output: std::fmt::Debug,
{
    let store = Recorder::default();
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).concurrency(1).build();
    invocation.run(&engine, "run").await.unwrap();
    store.ledger.snapshots()
}

async fn go_on<W: Workflow + Requires<Ledger>>(
    store: &Recorder,
    invocation: Invocation<W>,
) -> Result<W::Output, RunError> {
    let engine = Engine::builder(store.clone()).state(store.ledger.clone()).adopt_changed_plans(true).build();
    invocation.run(&engine, "run").await
}

/// The step, the stored type and the expected type that the error names.
fn named(error: RunError) -> (String, String, String) {
    let text = error.to_string();
    let RunError::Undecodable { id, step, stored, expected, .. } = error else { panic!("{error}") };
    assert_eq!(id.as_str(), "run");
    for part in [&step, &stored, &expected] {
        assert!(text.contains(part.as_str()), "{text}");
    }
    (step, stored, expected)
}

fn names(step: &str) -> (String, String, String) {
    (step.to_owned(), "Account".to_owned(), "SharedAccount".to_owned())
}

#[tokio::test]
async fn b45_a_stored_output_of_another_type_is_named_and_the_right_code_goes_on() {
    let mut seen = 0;
    for before in records_of(begun::greeting(1)).await {
        let has_account = before.status_of("account") == Some(StepStatus::Completed);
        let may_use = before.status_of("greet") != Some(StepStatus::Completed);
        let store = Recorder::holding(&before).await;
        let result = go_on(&store, edited::greeting(1)).await;
        if !has_account || !may_use {
            result.unwrap();
            continue;
        }
        seen += 1;
        assert_eq!(named(result.unwrap_err()), names("account"));
        assert_ne!(store.record().await.status_of("greet"), Some(StepStatus::Failed));
        assert_eq!(go_on(&store, begun::greeting(1)).await.unwrap(), 3);
        assert!(store.ledger.counts().values().all(|&times| times == 1), "{:?}", store.ledger.counts());
    }
    assert!(seen > 1, "the run was killed before and after `beside` ran");
}

#[tokio::test]
async fn b45_a_stored_output_in_an_item_is_named_by_its_path() {
    let records = records_of(begun::greetings(vec![1, 2])).await;
    let opened = records.iter().find(|data| data.status_of("each[1].account") == Some(StepStatus::Completed)).unwrap();
    let store = Recorder::holding(opened).await;
    let (step, ..) = named(go_on(&store, edited::greetings(vec![1, 2])).await.unwrap_err());
    assert!(["each[0].account", "each[1].account"].contains(&step.as_str()), "{step}");
}

#[tokio::test]
async fn b45_the_output_of_an_ended_run_names_the_type_it_was_stored_as() {
    let store = Recorder::default();
    run(&store, begun::opening(1)).await.unwrap();
    let (step, stored, expected) = named(go_on(&store, edited::opening(1)).await.unwrap_err());
    assert_eq!((step.as_str(), stored.as_str()), ("open", "Account"));
    assert!(expected.ends_with("SharedAccount"), "{expected}");
    assert_eq!(go_on(&store, begun::opening(1)).await.unwrap(), Account { owner: "1".to_owned() });

    let store = Recorder::default();
    run(&store, begun::naming(1)).await.unwrap();
    let (step, stored, _) = named(go_on(&store, edited::naming(1)).await.unwrap_err());
    assert_eq!((step.as_str(), stored.as_str()), ("output", "String"));
}

#[tokio::test]
async fn b45_what_ends_while_a_run_is_refused_is_kept() {
    let records = records_of(begun::greeting(1)).await;
    let before = records.iter().find(|data| data.status_of("account") == Some(StepStatus::Completed)).unwrap();
    assert_ne!(before.status_of("beside"), Some(StepStatus::Completed));
    let store = Recorder::holding(before).await;
    assert_eq!(named(go_on(&store, edited::with_more::greeting(1)).await.unwrap_err()), names("account"));
    let after = store.record().await;
    assert_eq!(after.status_of("beside"), Some(StepStatus::Completed), "it ended in the round that was refused");
    assert_eq!(after.status_of("more"), Some(StepStatus::Completed), "it was in flight and had the time to end");
    assert_eq!(after.status_of("greeted"), Some(StepStatus::Pending));
    let calls = store.ledger.counts();

    assert_eq!(
        named(go_on(&store, edited::with_more::greeting(1)).await.unwrap_err()),
        ("account".to_owned(), "SharedAccount".to_owned(), "SharedAccount".to_owned())
    );
    assert_eq!(store.ledger.counts(), calls, "what was kept does not run again");
}

#[node(retry(times = 2, backoff = "1ms..1ms"))]
async fn fail_deeply(#[state] ledger: &Ledger, x: u64, cx: &NodeContext) -> anyhow::Result<u64> {
    ledger.begin(cx).await;
    Err(anyhow::anyhow!("root of {x}").context(format!("middle of {x}")).context(format!("top of {x}")))
}

#[node]
async fn keep(
    #[state] ledger: &Ledger,
    call: &Result<u64, NodeFailure>,
    arm: &Result<u64, NodeFailure>,
    items: &[Result<u64, NodeFailure>],
    cx: &NodeContext,
) -> Vec<Result<u64, NodeFailure>> {
    ledger.begin(cx).await;
    [call, arm].into_iter().chain(items).cloned().collect()
}

workflow! {
    fn failures(x: u64) -> Vec<Result<u64, NodeFailure>> {
        #[catch]
        let call = fail_deeply(x);
        #[catch]
        let arm = if x > 0 { let w = work(x); fail_deeply(w) } else { x };
        #[catch]
        let items = for y in [10, 0] { let z = if y > 5 { fail_deeply(y) } else { y }; z };
        let seen = work(x);
        #[after(seen)]
        keep(call, arm, items)
    }
}

/// From a commit on after which nothing fails any more, so that no attempt is interrupted and counted.
#[tokio::test]
async fn b15_b22_a_caught_failure_is_the_same_value_after_a_resume() {
    let undisturbed = Recorder::default();
    let expected = run(&undisturbed, failures(1)).await.unwrap();
    let messages = |result: &Result<u64, NodeFailure>| {
        let failure = result.as_ref().unwrap_err();
        let causes = failure.cause.iter().flat_map(flow_runtime::state::Cause::messages).map(str::to_owned);
        (failure.step.clone(), failure.attempt, [failure.message.clone()].into_iter().chain(causes).collect::<Vec<_>>())
    };
    let chain = |x: u64| ["top", "middle", "root"].map(|part| format!("{part} of {x}")).to_vec();
    assert_eq!(messages(&expected[0]), ("call".to_owned(), 3, chain(1)));
    assert_eq!(messages(&expected[1]), ("arm.fail_deeply".to_owned(), 3, chain(2)));
    assert_eq!(messages(&expected[2]), ("items[0].z.fail_deeply".to_owned(), 3, chain(10)));
    assert_eq!(expected[3], Ok(0));

    let have_failed = |data: &WorkflowData| {
        let failing = ["call", "arm.fail_deeply", "items[0].z.fail_deeply"];
        failing.iter().all(|step| data.status_of(step) == Some(StepStatus::Failed))
    };
    let mut resumed = 0;
    for before in undisturbed.ledger.snapshots().iter().filter(|data| have_failed(data)) {
        let store = Recorder::holding(before).await;
        assert_eq!(go_on(&store, failures(1)).await.unwrap(), expected);
        resumed += 1;
    }
    assert!(resumed > 1, "the run was killed before and after `keep` ran");
}

thread_local! {
    /// How often each value was decoded.
    static DECODED: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
}

/// A value that counts how often it is decoded.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Counted(String);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        DECODED.with_borrow_mut(|decoded| *decoded.entry(name.clone()).or_default() += 1);
        Ok(Self(name))
    }
}

#[node]
async fn make(#[state] ledger: &Ledger, name: &str, cx: &NodeContext) -> Counted {
    ledger.begin(cx).await;
    Counted(name.to_owned())
}

#[node]
async fn derive(#[state] ledger: &Ledger, name: &str, from: &Counted, cx: &NodeContext) -> Counted {
    ledger.begin(cx).await;
    Counted(format!("{name} of {}", from.0))
}

#[node]
async fn split(#[state] ledger: &Ledger, from: &Counted, cx: &NodeContext) -> Vec<Counted> {
    ledger.begin(cx).await;
    assert_eq!(from.0, "b of a");
    vec![Counted("x".to_owned()), Counted("y".to_owned())]
}

#[node]
async fn join(#[state] ledger: &Ledger, first: &Counted, rest: &[Counted], cx: &NodeContext) -> Counted {
    ledger.begin(cx).await;
    Counted(format!("{} and {}", first.0, rest.len()))
}

workflow! {
    fn counting() -> Counted {
        let a = make("a");
        let b = derive("b", a);
        let parts = split(b);
        let each = for part in parts { derive("part", part) };
        join(a, each)
    }
}

/// Each value with the steps that use it; the list of the fan-out also as long as someone uses what it made.
const USES: [(&str, &str, &[&str]); 6] = [
    ("a", "a", &["b", "join"]),
    ("b of a", "b", &["parts"]),
    ("x", "parts", &["each[0].derive", "each[1].derive", "join"]),
    ("y", "parts", &["each[0].derive", "each[1].derive", "join"]),
    ("part of x", "each[0].derive", &["join"]),
    ("part of y", "each[1].derive", &["join"]),
];

#[tokio::test]
async fn b42_a_resumed_run_decodes_what_it_needs_once_and_nothing_else() {
    for before in records_of(counting()).await {
        let store = Recorder::holding(&before).await;
        DECODED.take();
        let output = go_on(&store, counting()).await.unwrap();
        let decoded = DECODED.take();
        assert_eq!(output, Counted("a and 2".to_owned()));

        let has_ended = |step: &str| before.status_of(step).is_some_and(StepStatus::has_ended);
        let needed =
            USES.iter().filter(|(_, step, users)| has_ended(step) && users.iter().any(|user| !has_ended(user)));
        let mut needed: BTreeMap<String, u32> = needed.map(|(value, ..)| ((*value).to_owned(), 1)).collect();
        if has_ended("join") {
            needed.insert("a and 2".to_owned(), 1);
        }
        assert_eq!(decoded, needed, "after change {}", before.seq);
    }
}
