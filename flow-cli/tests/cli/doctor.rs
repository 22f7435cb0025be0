//! `flow doctor`.

use flow_runtime::state::{Asked, Event, Phase, Request, RequestKind, RunOutcome, RunOutput, WaitingOn};
use flow_runtime::{WorkflowData, WorkflowId};

use crate::flow::{flow, flow_on, together};
use crate::samples::{Sample, ago, claim, completes, ends, failure, fan_out, fulfil, some_runs, starts, step, waits};
use crate::stores::{Opened, Store};

fn signal(name: &str, deadline: Option<i64>) -> WaitingOn {
    WaitingOn::Signal { name: name.to_owned(), type_name: "bool".to_owned(), deadline }
}

/// A run for each reason not to go on.
fn patients() -> Vec<WorkflowData> {
    let waiting = |id: &str| {
        Sample::new(id, &claim(), 3_600).then(3_600, vec![starts(0)]).then(
            3_599,
            vec![
                completes(0, "5"),
                waits(1, signal("manager", Some(ago(-7_200)))),
                waits(3, WaitingOn::Timer(ago(-82_800))),
            ],
        )
    };
    let approved = |sample: Sample| sample.then(3_000, vec![completes(1, "true"), starts(2)]);
    let retry = Event::AttemptFailed {
        step: step(0),
        attempt: 1,
        phase: Phase::Do,
        error: failure("stock", &["the shelf is locked"]),
        retry_at: ago(-60),
    };
    let cancelled = Sample::new("cancelled", &fulfil(), 900)
        .then(900, vec![starts(0), starts(1)])
        .then(890, vec![Event::Asked { kind: Asked::Cancel }, Event::StepCancelled { step: step(0), attempt: 1 }])
        .then(880, vec![Event::StepCancelled { step: step(1), attempt: 1 }])
        .then(870, vec![ends(RunOutcome::Cancelled, RunOutput::Errors(Vec::new()))]);
    vec![
        waiting("waits").run(),
        waiting("paused").then(3_500, vec![Event::Asked { kind: Asked::Pause }]).run(),
        approved(waiting("runs long")).run(),
        approved(waiting("doubt")).then(2_000, vec![waits(2, WaitingOn::Doubt(1))]).run(),
        Sample::new("overdue", &claim(), 900)
            .then(900, vec![starts(0)])
            .then(890, vec![completes(0, "5"), waits(1, signal("manager", None)), waits(3, WaitingOn::Timer(ago(600)))])
            .run(),
        Sample::new("retry", &fulfil(), 900).then(900, vec![starts(0)]).then(890, vec![retry]).run(),
        cancelled.run(),
        fan_out(40, 7),
    ]
}

#[test]
fn each_reason_is_told_with_what_to_do() {
    let runs = [some_runs(), patients()].concat();
    for store in Store::each_with(&runs) {
        let calls: Vec<_> = runs.iter().map(|run| flow_on(&store, &["doctor", run.id.as_str()]).exits(0)).collect();
        // Who holds a store is known in other ways of a file and of a folder, whose last writer was this process.
        let kind = if store.address().starts_with("sqlite") { "sqlite" } else { "folder" };
        let process = format!("process {}", std::process::id());
        crate::flow::is(&format!("doctor_{kind}"), &together(&calls).replace(&process, "process PID"));
        flow_on(&store, &["doctor"]).exits(0).is(&format!("doctor_store_{kind}"));
    }
}

#[test]
fn findings_are_json_too() {
    let store = Store::with("sqlite", &patients());
    let calls = [
        flow_on(&store, &["doctor", "doubt", "--json"]).exits(0),
        flow_on(&store, &["doctor", "waits", "--json"]).exits(0),
        flow_on(&store, &["doctor", "--json"]).exits(0),
    ];
    crate::flow::is("doctor_json", &together(&calls));
}

/// The store stands in commands if it was typed.
#[test]
fn commands_name_the_store_if_it_was_typed() {
    let store = Store::with("json", &some_runs());
    let doctor = flow(&["--store", &store.address(), "doctor", "order-2"]).exits(0);
    assert!(doctor.stdout.contains(&format!("flow --store {} retry order-2\n", store.address())), "{doctor}");
    let doctor = flow_on(&store, &["doctor", "order-2"]).exits(0);
    assert!(doctor.stdout.contains("    flow retry order-2\n"), "{doctor}");
}

#[test]
fn what_was_asked_and_not_taken_is_told_also_of_a_run_that_is_not_there() {
    let (absent, there) = (WorkflowId::new("absent").expect("an id"), WorkflowId::new("order-3").expect("an id"));
    for store in Store::each_with(&some_runs()) {
        store.write(async |opened| {
            let pause = Request::new("p", ago(60), RequestKind::Pause).expect("a request");
            let cancel = Request::new("c", ago(50), RequestKind::Cancel).expect("a request");
            opened.ask(&there, &pause).await?;
            opened.ask(&there, &cancel).await?;
            opened.ask(&absent, &cancel).await
        });
        let told = flow_on(&store, &["doctor", "order-3"]).exits(0);
        assert!(told.stdout.contains("- 2 requests have not been taken: Pause, Cancel\n"), "{told}");
        let told = flow_on(&store, &["doctor", "absent"]).exits(3);
        assert!(told.stdout.starts_with("absent is not there yet\n- 1 request has not been taken: Cancel\n"), "{told}");
        let shown = flow_on(&store, &["show", "order-3"]).exits(0);
        assert!(shown.stdout.contains("not taken    Pause, 2026-11-30T11:59:00Z\n"), "{shown}");
        flow_on(&store, &["doctor", "nothing"]).exits(3);
    }
}

/// An engine has the run, here and now.
#[test]
fn who_drives_a_run_is_named() {
    mod waiting {
        use flow_runtime::prelude::*;

        #[node]
        async fn hang() -> u64 {
            std::future::pending().await
        }

        workflow! { pub(super) fn hangs() -> u64 { hang() } }
    }
    for kind in crate::stores::KINDS {
        let store = Store::absent(kind);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let engine = Opened::open(kind, store.path()).expect("a store").engine().build();
            let run = waiting::hangs().start(&engine, "h").expect("it starts");
            while engine.load(&WorkflowId::new("h").expect("an id")).await.is_err() {
                tokio::task::yield_now().await;
            }
            let doctor = flow_on(&store, &["doctor", "h", "--json"]).exits(0).json();
            assert_eq!(doctor["holder"], format!("process {}", std::process::id()), "{doctor}");
            let kinds: Vec<_> =
                doctor["findings"].as_array().expect("findings").iter().map(|found| &found["kind"]).collect();
            assert_eq!(kinds, ["running", "driven"], "{doctor}");
            drop(run);
        });
    }
}
