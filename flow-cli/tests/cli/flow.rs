//! Running `flow`, and holding what it prints to a file.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use snapbox::Data;

use crate::samples::NOW;
use crate::stores::Store;

/// A call of `flow`: what was typed, what it printed, and its exit code.
pub(crate) struct Call {
    pub(crate) typed: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
}

/// Runs `flow` with these arguments and no store.
pub(crate) fn flow(args: &[&str]) -> Call {
    run(command(args), args, None)
}

/// Runs `flow` on a store.
pub(crate) fn flow_on(store: &Store, args: &[&str]) -> Call {
    let mut command = command(args);
    command.env("FLOW_STORE", store.address());
    run(command, args, Some(store.path()))
}

/// Runs `flow` on a store, with a file as its standard input.
pub(crate) fn flow_reading(store: &Store, args: &[&str], file: &Path) -> Call {
    let mut command = command(args);
    command.env("FLOW_STORE", store.address()).stdin(std::fs::File::open(file).expect("a file"));
    run(command, args, Some(store.path()))
}

/// `flow` with these arguments, in an environment that has nothing else in it, at the time of the samples.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
    command.env_clear().args(["--now", NOW]).args(args).stdin(Stdio::null());
    command
}

/// Runs a command that was made with these arguments, in a folder.
pub(crate) fn run(mut command: Command, args: &[&str], path: Option<&Path>) -> Call {
    let Output { status, stdout, stderr } = command.output().expect("flow runs");
    let text = |bytes: Vec<u8>| redacted(String::from_utf8(bytes).expect("flow prints UTF-8"), path);
    Call {
        typed: redacted(format!("flow {}", args.join(" ")), path),
        stdout: text(stdout),
        stderr: text(stderr),
        exit: status.code().expect("flow exits"),
    }
}

/// Stores lie in folders whose names are drawn.
fn redacted(text: String, path: Option<&Path>) -> String {
    path.and_then(Path::to_str).map_or(text.clone(), |path| text.replace(path, "STORE"))
}

impl Call {
    /// Holds the call to `snapshots/{name}.txt`.
    #[track_caller]
    pub(crate) fn is(&self, name: &str) {
        is(name, &self.to_string());
    }

    /// That it ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "{self}");
        self
    }

    /// The document that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ {}\n{}", self.typed, self.stdout)?;
        if !self.stderr.is_empty() {
            write!(f, "--- on standard error\n{}", self.stderr)?;
        }
        writeln!(f, "--- exit {}", self.exit)
    }
}

/// Holds a text to `snapshots/{name}.txt`.
#[track_caller]
pub(crate) fn is(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots").join(format!("{name}.txt"));
    // `Assert::eq` would take `[..]` in the file for anything.
    let expected = Data::read_from(&path, None).raw();
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(Data::text(text).raw(), expected);
}

/// Several calls, one below the other.
pub(crate) fn together(calls: &[Call]) -> String {
    calls.iter().fold(String::new(), |mut all, call| {
        writeln!(all, "{call}").expect("a string takes all");
        all
    })
}

/// Whether nothing in a text acts on a terminal.
pub(crate) fn is_harmless(text: &str) -> bool {
    let acts = |c: char| (c.is_control() && c != '\n') || ('\u{200b}'..='\u{200f}').contains(&c) || is_bidi(c);
    !text.chars().any(acts)
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}
