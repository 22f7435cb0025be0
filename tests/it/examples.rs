//! The example programs as processes of their own: undisturbed, killed and started again, and with bad input.
//!
//! They are built before the first of them is run, so that none is older than its code; after `cargo test --workspace`
//! there is nothing to do.

mod approval_flow;
mod license_audit;
mod order_fulfilment;
mod store_limits;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// What makes a program keep its progress in each kind of store.
const STORES: [&[&str]; 2] = [&[], &["--json"]];

/// How a program ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    #[track_caller]
    fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// That it ended with an error that says all this, for a person to read.
    #[track_caller]
    fn failed_saying(self, all: &[&str]) -> Self {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        let error = self.stderr.find("error: ").map(|begin| &self.stderr[begin..]).unwrap_or_default();
        assert!(!error.is_empty(), "no error in: {}", self.stderr);
        for part in all {
            assert!(self.stderr.contains(part), "no `{part}` in: {}", self.stderr);
        }
        for part in ["panicked", "{ ", "Err(", "Some("] {
            assert!(!error.contains(part), "a dump with `{part}` in: {error}");
        }
        self
    }
}

/// A program of `examples/`, with its standard output and error caught.
fn example(name: &str) -> Command {
    let mut command = Command::new(built(name));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The same command, which cannot make a file longer than so many blocks, as on a disk that is full. A block is half a
/// kilobyte in some shells and a whole one in others.
fn with_little_disk(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    limited.arg("-c").arg(script).arg(command.get_program()).args(command.get_args());
    limited.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    limited
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Kills a program when it has shown this many lines of progress; false if it came to its end before.
fn kill_after(command: &mut Command, lines: usize) -> bool {
    let mut child = command.spawn().unwrap();
    let progress = BufReader::new(child.stderr.take().unwrap());
    let shown = progress.lines().take(lines).map_while(Result::ok).count();
    child.kill().unwrap();
    let status = child.wait().unwrap();
    shown == lines && status.code().is_none()
}

/// All files in a folder and below it, with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

/// Turns one bit of a text wherever it stands in a store.
fn damage(store: &Path, text: &str) {
    let mut found = 0;
    for (path, mut bytes) in files(store) {
        let is_here = |&place: &usize| bytes[place..].starts_with(text.as_bytes());
        let places: Vec<usize> = (0..bytes.len()).filter(is_here).collect();
        places.iter().for_each(|&place| bytes[place] ^= 1);
        std::fs::write(&path, bytes).unwrap();
        found += places.len();
    }
    assert!(found > 0, "the store has no `{text}`");
}

/// The program, built from the code as it is now, as cargo builds it for this test; or `flow_runtime`, the library that
/// they use.
pub(crate) fn built(name: &str) -> &'static Path {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).get(name).unwrap_or_else(|| panic!("there is no example {name}"))
}

/// Builds all examples, in the profile of this test, and gives where they and the library are.
fn build() -> BTreeMap<String, PathBuf> {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).and_then(Path::file_name).and_then(OsStr::to_str).unwrap();
    let profile = if folder == "debug" { "dev" } else { folder };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--workspace", "--examples", "--offline", "--message-format=json", "--profile", profile]);
    let output = cargo.current_dir(workspace()).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the examples do not build");
    let messages = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let messages = messages.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
    messages
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            let is_library = name == "flow_runtime" && message["target"]["kind"] == serde_json::json!(["lib"]);
            let file = if is_library { &message["filenames"][0] } else { &message["executable"] };
            Some((name, file.as_str()?.into()))
        })
        .collect()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
