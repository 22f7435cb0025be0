//! The program as such: help, completions, colours, and what it is piped into.

use std::process::Stdio;

use crate::flow::{command, flow, flow_on, together};
use crate::samples::{Sample, fulfil, some_runs};
use crate::stores::Store;

#[test]
fn help_tells_commands_options_and_exit_codes() {
    flow(&["--help"]).exits(0).is("help");
    let calls =
        ["list", "show", "watch", "verify", "doctor", "completions"].map(|command| flow(&[command, "--help"]).exits(0));
    crate::flow::is("help_of_commands", &together(&calls));
    let steering = [
        "signal",
        "cancel",
        "terminate",
        "pause",
        "resume",
        "retry",
        "resolve",
        "fork",
        "rm",
        "gc",
        "export",
        "import",
        "copy",
    ];
    let calls = steering.map(|command| flow(&[command, "--help"]).exits(0));
    crate::flow::is("help_of_steering", &together(&calls));
    assert_eq!(flow(&["help"]).exits(0).stdout, flow(&["--help"]).stdout);
    flow(&[]).exits(2);
    flow(&["frobnicate"]).exits(2);
}

#[test]
fn shells_are_told_what_to_complete() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = flow(&["completions", shell]).exits(0).stdout;
        assert!(["doctor", "verify", "list"].iter().all(|command| script.contains(command)), "{shell}: {script}");
    }
}

#[test]
fn colours_are_for_terminals_and_who_asks_for_them() {
    let store = Store::with("json", &some_runs());
    let plain = flow_on(&store, &["list"]).stdout;
    assert!(!plain.contains('\u{1b}'));
    assert_eq!(flow_on(&store, &["list", "--color", "never"]).stdout, plain);
    let coloured = flow_on(&store, &["--color", "always", "list"]).exits(0).stdout;
    assert!(coloured.contains("\u{1b}[38;5;1mFailed"), "{coloured:?}");
    // What is asked for is stronger than what the environment says.
    let mut with_no_color = command(&["list", "--color", "always"]);
    let output = with_no_color.env("FLOW_STORE", store.address()).env("NO_COLOR", "1").output().expect("flow runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), coloured);
    let failed = flow(&["--color", "always", "list"]).exits(4);
    assert!(failed.stderr.starts_with("\u{1b}[1;31merror\u{1b}[0m: "), "{:?}", failed.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let runs: Vec<_> = (0..300).map(|n| Sample::new(&format!("run-{n}"), &fulfil(), 60).run()).collect();
    let store = Store::with("fb", &runs);
    for json in [&["list", "--all"][..], &["list", "--all", "--json"]] {
        let mut command = command(json);
        let command = command.env("FLOW_STORE", store.address()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("flow runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("flow ends");
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
    }
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let store = Store::with("json", &some_runs());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let mut command = command(&["list"]);
    let output = command.env("FLOW_STORE", store.address()).stdout(full).output().expect("flow runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.starts_with("error: cannot write the output\ncaused by: No space left"), "{stderr}");
}

#[test]
fn the_document_names_every_command_and_exit_code_that_help_does() {
    let document = include_str!("../../../docs/cli.md");
    let help = flow(&["--help"]).stdout;
    let part =
        |from: &str| help.split_once(from).expect("the help has it").1.split_once("\n\n").map_or("", |(part, _)| part);
    let names = part("Commands:\n").lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    assert!(names.contains(&"list") && names.contains(&"doctor"), "{names:?}");
    for name in names {
        assert!(document.contains(&format!("\n| `{name}")), "docs/cli.md does not tell of `{name}`");
    }
    let (_, codes) = help.split_once("Exit codes:\n").expect("the help has them");
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once("  ").expect("a code and what it means");
        assert!(document.contains(&format!("\n| {code} | ")), "docs/cli.md does not tell of {code}: {meaning}");
    }
}
