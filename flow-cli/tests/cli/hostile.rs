//! What stands in a store is hostile: names and values that act on terminals, and values that are huge.

use flow_runtime::state::{Encoding, Event, Payload, WaitingOn};
use flow_runtime::{Engine, FlatBuffersStore, WorkflowData};

use crate::flow::{Call, flow_on, is_harmless, together};
use crate::samples::{self, Sample, ago, failure, starts, step, waits};
use crate::stores::Store;

const EVIL: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\r\n\u{9b}31m\u{200b}`$(reboot)`'\"";

/// A run with that in every text that it has.
fn evil() -> WorkflowData {
    let mut plan = samples::claim();
    plan.workflow = EVIL.into();
    plan.input = EVIL.into();
    plan.output = EVIL.into();
    for step in plan.steps.to_mut() {
        step.id = format!("{} {EVIL}", step.id).into();
        step.source.file = EVIL.into();
        if let flow_runtime::plan::StepKind::Call { node, output, .. } = &mut step.kind {
            (*node, *output) = (EVIL.into(), EVIL.into());
        }
    }
    let (name, type_name) = (EVIL.to_owned(), EVIL.to_owned());
    Sample::new("--a\u{202e}'b `$(reboot)`\u{200b}", &plan, 60)
        .says(EVIL, EVIL)
        .then(60, vec![starts(0)])
        .then(
            50,
            vec![
                Event::StepFailed { step: step(0), attempt: 1, error: failure(EVIL, &[EVIL, EVIL]) },
                waits(1, WaitingOn::Signal { name, type_name, deadline: None }),
                waits(3, WaitingOn::Timer(ago(10))),
            ],
        )
        .run()
}

#[test]
fn nothing_of_it_acts_on_a_terminal() {
    let run = evil();
    let (id, first) = (run.id.as_str(), run.path(step(0)));
    let calls: &[&[&str]] = &[
        &["list"],
        &["show", "--", id],
        &["show", "--failed", "--", id],
        &["show", "--step", &first, "--", id],
        &["show", "--input", "--", id],
        &["show", "--output", &first, "--", id],
        &["doctor"],
        &["doctor", "--", id],
        &["verify"],
        &["list", "--where", EVIL],
        &["list", "--page", EVIL],
    ];
    for store in Store::each_with(std::slice::from_ref(&run)) {
        let check = |call: &Call| {
            assert!(is_harmless(&call.stdout), "{}", call.stdout.escape_debug());
            // What was typed comes back in clap's own words; it is the terminal's own.
            assert!(call.exit == 2 || is_harmless(&call.stderr), "{}", call.stderr.escape_debug());
            assert!(call.exit != 101 && !call.stderr.contains("panicked"), "{call}");
        };
        for args in calls {
            check(&flow_on(&store, args));
            check(&flow_on(&store, &[&["--json"], *args].concat()));
        }
        let shown = [flow_on(&store, &["show", "--", id]), flow_on(&store, &["doctor", "--", id])];
        let process = format!("process {}", std::process::id());
        let shown = together(&shown).replace(id, "ID").replace(&process, "process PID");
        crate::flow::is(
            if store.address().starts_with("sqlite") { "hostile_sqlite" } else { "hostile_folder" },
            &shown,
        );
    }
}

/// The command that `doctor` gives is that which a shell makes of it: what is hostile in it is one word.
#[test]
fn commands_that_are_given_can_be_pasted() {
    let run = evil();
    let store = Store::with("json", std::slice::from_ref(&run));
    let doctor = flow_on(&store, &["doctor", "--json", "--", run.id.as_str()]).exits(0).json();
    let findings = doctor["findings"].as_array().expect("findings");
    let signal = findings.iter().find(|finding| finding["kind"] == "signal").expect("a signal");
    let command = signal["commands"][0].as_str().expect("a command");
    // `flow` is a function that prints its words.
    let script = format!("flow() {{ printf '%s\\0' \"$@\"; }}\n{command}");
    let output = std::process::Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    let words: Vec<&str> = std::str::from_utf8(&output.stdout).expect("text").split_terminator('\0').collect();
    assert_eq!(words, ["signal", "--", run.id.as_str(), EVIL, "<json>"], "{command}");
}

#[test]
fn huge_values_are_shown_by_how_they_begin() {
    let long = format!("[{}1]", "\"\u{1b}\u{1b}\u{1b}\u{1b}\", ".repeat(70_000));
    let runs = [
        ("json", Payload::new(Encoding::Json, long.replace('\u{1b}', "e"))),
        ("text", Payload::new(Encoding::Raw, "\u{1b}[31m".repeat(100_000))),
        ("line", Payload::new(Encoding::Raw, "ü".repeat(250_000))),
    ]
    .map(|(id, payload)| {
        let (data, by) = (Vec::new(), flow_runtime::state::CompletedBy::Body);
        let completed = Event::StepCompleted { step: step(0), attempt: 1, payload, data, by };
        Sample::new(id, &samples::fulfil(), 60).then(60, vec![starts(0)]).then(50, vec![completed]).run()
    });
    for store in Store::each_with(&runs) {
        for run in ["json", "text", "line"] {
            let begins = flow_on(&store, &["show", run, "--output", "stock"]).exits(0);
            assert!(begins.stdout.len() < 40_000 && is_harmless(&begins.stdout), "{}", begins.stdout.len());
            assert!(begins.stderr.contains("--full shows all"), "{}", begins.stderr);
            let json = flow_on(&store, &["show", run, "--output", "stock", "--json"]).exits(0).json();
            assert_eq!((&json["truncated"], &json["value"]), (&true.into(), &serde_json::Value::Null));
            let full = flow_on(&store, &["show", run, "--output", "stock", "--full", "--json"]).exits(0);
            assert!(
                full.stdout.len() > 400_000
                    && is_harmless(&full.stdout)
                    && full.json()["value"] != serde_json::Value::Null
            );
        }
    }
}

/// What an engine has compressed, and put beside the record in parts.
#[test]
fn values_that_are_compressed_or_kept_in_parts_are_fetched() {
    mod large {
        use flow_runtime::prelude::*;

        #[node]
        async fn read(seed: &u64) -> Vec<u8> {
            let mut random = *seed;
            let next = std::iter::repeat_with(|| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 56) as u8
            });
            next.take(3 << 20).collect()
        }

        #[node]
        async fn repeat(word: &str) -> Vec<String> {
            vec![word.to_owned(); 10_000]
        }

        workflow! {
            pub(super) fn reads(seed: u64, word: String) -> Vec<String> {
                let bytes = read(seed);
                #[after(bytes)]
                repeat(word)
            }
        }
    }
    let store = Store::absent("fb");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let engine = Engine::new(FlatBuffersStore::open(store.path()).expect("a store"));
        large::reads(7, "word".to_owned()).run(&engine, "large").await.expect("it runs");
        // While the engine has the store.
        let step = flow_on(&store, &["show", "large", "--step", "bytes"]).exits(0);
        assert!(step.stdout.contains("Raw, 3145728 bytes, beside the record"), "{step}");
        let words = flow_on(&store, &["show", "large", "--output", "repeat", "--json", "--full"]).exits(0).json();
        assert_eq!(words["value"].as_array().map(Vec::len), Some(10_000));
        flow_on(&store, &["verify"]).exits(0);
    });
    let step = flow_on(&store, &["show", "large", "--step", "repeat"]).exits(0);
    assert!(step.stdout.contains("LZ4"), "{step}");
}
