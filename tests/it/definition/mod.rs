//! What can be known of a workflow without running it: its nodes are functions, and its plan is constant data.

mod fingerprint;

use std::borrow::Cow;
use std::time::Duration;

use flow_runtime::plan::{Fingerprint, Format, Plan, Policy, StepKind};
use flow_runtime::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Payment {
    Paid(u64),
    Declined(String),
}

struct Bank {
    limit: u64,
}

/// Charges a bank.
#[node(retry(times = 3, backoff = "100ms..10s", factor = 3, jitter = false), timeout = "30s", deadline = "10m")]
async fn charge(#[state] bank: &Bank, total: &u64) -> Result<Payment, std::num::TryFromIntError> {
    if *total > bank.limit {
        return Ok(Payment::Declined(format!("{total} is too much")));
    }
    Ok(Payment::Paid(u64::try_from(i64::try_from(*total)?)?))
}

#[node(name = "bank.reserve", concurrency = 2)]
async fn reserve(lines: &[String]) -> u64 {
    lines.len() as u64
}

#[node(pure, blocking)]
fn ship(stock: u64, slip: u64) -> String {
    format!("{stock} under {slip}")
}

#[node]
async fn tell(why: &str) -> String {
    why.to_owned()
}

#[node]
async fn print(line: &str) -> Result<String, String> {
    if line.is_empty() { Err("an empty line".to_owned()) } else { Ok(format!("<{line}>")) }
}

#[node]
async fn receipt(parcel: &str, labels: usize) -> String {
    format!("{parcel}, {labels} labels")
}

/// The line above the workflow, from which those of its steps are counted.
const LINE: u32 = line!();
workflow! {
    /// Fulfils one order.
    ///
    /// Twice, if need be.
    #[version = 3]
    pub(crate) fn fulfil(total: u64, lines: Vec<String>) -> String {
        let stock = reserve(lines);
        let payment = charge(total);
        let parcel = match payment {
            Payment::Paid(slip) if slip > 0 => ship(stock, slip),
            Payment::Paid(_) => String::from("nothing"),
            Payment::Declined(why) => {
                #[after(stock)]
                #[id = "told"]
                tell(why)
            }
        };
        #[catch]
        #[with(concurrency = 8)]
        let labels = for line in lines {
            #[with(timeout = "1s", retry(times = 1))]
            let label = print(line);
            label
        };
        #[after(labels)]
        receipt(parcel, labels.len())
    }
}

#[tokio::test]
async fn b05_a_node_is_the_function_that_was_written() {
    let bank = Bank { limit: 10 };
    assert_eq!(charge(&bank, &7).await, Ok(Payment::Paid(7)));
    assert_eq!(charge(&bank, &11).await, Ok(Payment::Declined("11 is too much".to_owned())));
    let borrowed: fn(u64, u64) -> String = ship;
    assert_eq!(borrowed(1, 2), "1 under 2");
    assert_eq!(print("").await, Err("an empty line".to_owned()));
    assert_eq!(reserve(&["a".to_owned()]).await, 1);
    // That generated code needs no crate but flow-runtime is shown by `tests/renamed`, which has no other.
}

/// All of it is known when the program is compiled.
const PLAN: &Plan = fulfil::plan();
static IN_STATIC_MEMORY: &Plan = fulfil::plan();
const FINGERPRINT: Fingerprint = fulfil::plan().fingerprint;
const STEPS: usize = match &PLAN.steps {
    Cow::Borrowed(steps) => steps.len(),
    Cow::Owned(_) => panic!("a plan of the macro borrows from the program"),
};
const _: () = assert!(STEPS == 8 && PLAN.version == 3);

#[test]
fn b06_a_plan_is_constant_data() {
    assert_eq!((PLAN, PLAN), (IN_STATIC_MEMORY, fulfil::plan()));
    assert_eq!(PLAN.workflow, "fulfil");
    assert_eq!(PLAN.doc, "Fulfils one order.\n\nTwice, if need be.");
    assert_eq!((&*PLAN.input, &*PLAN.output), ("total: u64, lines: Vec<String>", "String"));
    assert_eq!((&*PLAN.source.file, PLAN.source.line), (file!(), LINE + 6));
    assert_eq!(FINGERPRINT, PLAN.fingerprint);
}

#[test]
fn b06_a_plan_tells_steps_edges_and_source_lines() {
    let ids: Vec<&str> = PLAN.steps.iter().map(|step| &*step.id).collect();
    assert_eq!(ids, ["stock", "payment", "parcel", "labels", "receipt", "ship", "told", "label"]);
    let edges: Vec<[&[u32]; 3]> = PLAN.steps.iter().map(|step| [&*step.inputs, &*step.after, &*step.next]).collect();
    let expected: [[&[u32]; 3]; 8] = [
        [&[], &[], &[]],
        [&[], &[], &[2]],
        [&[1], &[], &[4]],
        [&[], &[], &[4]],
        [&[2, 3], &[3], &[]],
        [&[0, 1], &[], &[]],
        [&[1], &[0], &[]],
        [&[], &[], &[]],
    ];
    assert_eq!(edges, expected);
    let lines: Vec<u32> = PLAN.steps.iter().map(|step| step.source.line - LINE).collect();
    assert_eq!(lines, [7, 8, 9, 20, 26, 10, 15, 22]);
    assert!(PLAN.steps.iter().all(|step| step.source.file == file!() && step.source.column > 1));

    let nodes: Vec<&str> = PLAN
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Call { node, .. } => Some(&**node),
            _ => None,
        })
        .collect();
    assert_eq!(nodes, ["bank.reserve", "charge", "receipt", "ship", "tell", "print"]);
    assert!(matches!(&PLAN.steps[1].kind, StepKind::Call { output, .. } if output == "Payment"));
    assert!(matches!(&PLAN.steps[2].kind, StepKind::Branch { arms } if **arms == [1, 2, 3]));
    assert!(matches!(PLAN.steps[3].kind, StepKind::Each { body: 4 }));
    assert_eq!(
        PLAN.steps.iter().map(|step| step.catch).collect::<Vec<_>>(),
        [false, false, false, true, false, false, false, false]
    );

    let labels: Vec<&str> = PLAN.regions.iter().map(|region| &*region.label).collect();
    let expected = ["", "Payment::Paid(slip) if slip > 0", "Payment::Paid(_)", "Payment::Declined(why)", ""];
    assert_eq!(labels, expected);
    let regions: Vec<(Option<u32>, u32, u32, &[u32])> =
        PLAN.regions.iter().map(|region| (region.parent, region.first, region.len, &*region.tail)).collect();
    let expected: [(_, _, _, &[u32]); 5] =
        [(None, 0, 5, &[4]), (Some(2), 5, 1, &[5]), (Some(2), 6, 0, &[]), (Some(2), 6, 1, &[6]), (Some(3), 7, 1, &[7])];
    assert_eq!(regions, expected);
}

#[test]
fn b06_a_plan_tells_policies() {
    let policies: Vec<&Policy> = PLAN.steps.iter().map(|step| &step.policy).collect();
    let [stock, payment, parcel, labels, receipt, ship, _, label] = policies[..] else { panic!("{policies:?}") };
    let retry = payment.retry.expect("charge is retried");
    assert_eq!(
        (retry.times, retry.backoff.min, retry.backoff.max),
        (3, Duration::from_millis(100), Duration::from_secs(10))
    );
    assert_eq!((retry.backoff.factor, retry.backoff.jitter), (3.0, false));
    assert_eq!((payment.timeout, payment.deadline), (Some(Duration::from_secs(30)), Some(Duration::from_mins(10))));
    assert_eq!(stock.concurrency.map(u32::from), Some(2));
    assert!(ship.pure && ship.blocking && !payment.pure && !payment.blocking);
    assert_eq!((*parcel, *receipt), (Policy::DEFAULT, Policy::DEFAULT));
    // What `#[with]` says of the step goes before what `#[node]` says of the node.
    assert_eq!(labels.concurrency.map(u32::from), Some(8));
    assert_eq!((label.timeout, label.retry.map(|retry| retry.times)), (Some(Duration::from_secs(1)), Some(1)));
}

/// The fingerprint of a fixed shape. A change here is a change of what is stored: every run that is under way anywhere
/// would be refused, so the algorithm, the compiler and the platform must not bring one about.
#[test]
fn b06_the_fingerprint_of_a_shape_is_the_same_for_ever() {
    assert_eq!(FINGERPRINT.to_string(), "df7219ad5f60896ca01d5a521aab45c2");
    let (steps, regions) = (PLAN.steps.to_vec(), PLAN.regions.to_vec());
    assert_eq!(Fingerprint::of("fulfil", 3, &steps, &regions), FINGERPRINT, "made when the program runs");
}

#[test]
fn b06_a_plan_prints_as_text_mermaid_and_dot() {
    for (format, golden) in [
        (Format::Text, include_str!("../../plans/fulfil.txt")),
        (Format::Mermaid, include_str!("../../plans/fulfil.mmd")),
        (Format::Dot, include_str!("../../plans/fulfil.dot")),
    ] {
        assert_eq!(PLAN.render(format), golden, "{format:?}");
    }
    assert_eq!(PLAN.to_string(), PLAN.render(Format::Text));
}
