//! `approval_flow` as its users run it: one process that waits and is killed, another that gives the word.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{example, folder, run};

/// A store of claims.
struct Claims(TempDir);

impl Claims {
    fn new() -> Self {
        Self(folder())
    }

    fn program(&self, days_later: u32, args: &[&str]) -> Command {
        let mut command = example("approval_flow");
        command.arg("--store").arg(self.0.path().join("store"));
        command.arg("--days-later").arg(days_later.to_string()).args(args);
        command
    }

    fn claim(&self, cents: &str) -> Command {
        self.program(0, &["claim", "taxi-7", cents])
    }

    /// A process that has come so far that the claim waits.
    fn waiting(&self) -> Child {
        let mut child = self.claim("4200").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.map_while(Result::ok).find(|line| line.contains("waits for signal `manager`"));
        assert!(line.is_some(), "it does not wait");
        child
    }

    fn killed_while_waiting(&self) {
        let mut child = self.waiting();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[track_caller]
    fn word(&self, word: &[&str]) -> String {
        run(&mut self.program(0, &[&["word", "taxi-7"], word].concat())).succeeded().stdout
    }
}

const PAID: &str = "4200 cents for a taxi are paid, approved by the manager\n";

#[test]
fn a_small_claim_waits_for_nobody() {
    let ended = run(&mut Claims::new().claim("999")).succeeded();
    assert_eq!(ended.stdout, "999 cents for a taxi are paid, approved by the rules\n");
}

#[test]
fn b52_a_word_from_another_process_reaches_a_claim_that_waits() {
    let claims = Claims::new();
    let child = claims.waiting();
    assert_eq!(claims.word(&["yes"]), "the manager's word on taxi-7 is there\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), PAID);
}

#[test]
fn b52_killed_while_it_waits_it_takes_the_word_that_came_meanwhile() {
    let claims = Claims::new();
    claims.killed_while_waiting();
    claims.word(&["no", "--reason", "take the bus"]);
    let ended = run(&mut claims.claim("4200")).succeeded();
    assert_eq!(ended.stdout, "a taxi: rejected by the manager: take the bus\n");
    assert!(!ended.stderr.contains("ask_manager: done"), "the manager is asked once: {}", ended.stderr);
    let undone = ["4200 cents are free again", "by_size.held: undone", "failed, and undone"];
    assert!(undone.iter().all(|line| ended.stderr.contains(line)), "{}", ended.stderr);
    // It has ended, and another word is refused.
    let refused = run(&mut claims.program(0, &["word", "taxi-7", "yes"]));
    assert!(refused.stderr.contains("has ended"), "{}", refused.stderr);
    let again = run(&mut claims.claim("4200")).succeeded();
    assert_eq!((again.stdout, again.stderr.contains("free again")), (ended.stdout, false));
}

#[test]
fn b55_a_claim_is_closed_when_nobody_answers_in_time() {
    let claims = Claims::new();
    claims.killed_while_waiting();
    let late = run(&mut claims.program(4, &["claim", "taxi-7", "4200"])).succeeded();
    assert_eq!(late.stdout, "a taxi: closed, nobody answered within three days\n");
}
