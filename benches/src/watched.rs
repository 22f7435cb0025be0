//! Counts that need a whole process to be watched: instructions with callgrind, syncs and written bytes with strace.
//!
//! A case is run so many times in one process and twice as often in another; the difference is what the runs took.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use harness::case::Class;

use crate::group::{Disk, Group, Measured};
use crate::program::Program;

/// How much time the runs that are watched take about when nobody watches, and how many they are at most. Under callgrind
/// they take some fifty times as long.
const INSTRUCTIONS: Amount = Amount { nanos: 10e6, runs: 1_000, too_long: 100e6 };
const DISK: Amount = Amount { nanos: 200e6, runs: 50, too_long: 10e9 };

struct Amount {
    nanos: f64,
    runs: u64,
    /// A run that takes longer is not watched.
    too_long: f64,
}

impl Amount {
    fn runs(&self, case: &Measured) -> Option<u64> {
        let one = case.median() * case.divisor(1);
        (one <= self.too_long).then(|| ((self.nanos / one) as u64).clamp(1, self.runs))
    }
}

/// What can watch.
pub(crate) struct Watchers {
    callgrind: bool,
    strace: bool,
}

impl Watchers {
    /// Those that are installed; says which are not.
    pub(crate) fn installed() -> Self {
        let is_there = |tool: &str, what: &str| {
            let mut asked = Command::new(tool);
            let there = asked.arg("--version").output().is_ok_and(|output| output.status.success());
            if !there {
                eprintln!("{tool} is not installed, so {what} are not counted");
            }
            there
        };
        Self { callgrind: is_there("valgrind", "instructions"), strace: is_there("strace", "syncs and bytes") }
    }

    /// Counts for all cases of a group that have nothing in a sample but their runs.
    pub(crate) fn count(&self, programs: &[Program], group: &mut Group) {
        for case in group.cases.iter_mut().filter(|case| !case.entry.prepares) {
            let program = &programs[case.program];
            if let Some(runs) = INSTRUCTIONS.runs(case).filter(|_| self.callgrind) {
                case.attempt(|case| {
                    let taken = between(runs, |runs| instructions(program, case.number, runs).map(|count| [count]))?;
                    case.instructions = Some(taken[0] / case.divisor(runs));
                    Ok(())
                });
            }
            if let Some(runs) = DISK.runs(case).filter(|_| self.strace && case.entry.class != Class::None) {
                case.attempt(|case| {
                    let [fsyncs, bytes] = between(runs, |runs| disk(program, case.number, runs))?;
                    let per_step = case.divisor(runs);
                    case.disk = Some(Disk { fsyncs: fsyncs / per_step, bytes: bytes / per_step });
                    Ok(())
                });
            }
        }
    }
}

/// What so many runs take, without what a process takes besides.
fn between<const N: usize>(runs: u64, count: impl Fn(u64) -> Result<[f64; N]>) -> Result<[f64; N]> {
    let (once, twice) = (count(runs)?, count(2 * runs)?);
    Ok(std::array::from_fn(|which| (twice[which] - once[which]).max(0.0)))
}

/// How many instructions a process takes that runs the case so many times.
fn instructions(program: &Program, case: usize, runs: u64) -> Result<f64> {
    let folder = tempfile::tempdir_in(program.dir())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    program.sampling(&mut valgrind, folder.path(), case, runs);
    let output = valgrind.stdout(Stdio::null()).output().context("cannot run valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "under callgrind: {}", last_line(&text));
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = collected.context("callgrind does not say what it collected")?;
    count.trim().parse().context("what callgrind collected is no number")
}

/// How many syncs a process makes that runs the case so many times, and how many bytes it writes to the case's folder.
fn disk(program: &Program, case: usize, runs: u64) -> Result<[f64; 2]> {
    let (folder, traces) = (tempfile::tempdir_in(program.dir())?, tempfile::tempdir_in(program.dir())?);
    let mut strace = Command::new("strace");
    // A file for each thread, so that no call is torn apart by another.
    strace.args(["-ff", "-qq", "-y", "-s", "0", "-e", "signal=none", "-e"]);
    strace.arg("trace=fsync,fdatasync,sync_file_range,write,pwrite64,writev,pwritev,pwritev2");
    strace.arg("-o").arg(traces.path().join("trace"));
    program.sampling(&mut strace, folder.path(), case, runs);
    let output = strace.stdout(Stdio::null()).output().context("cannot run strace")?;
    ensure!(output.status.success(), "under strace: {}", last_line(&String::from_utf8_lossy(&output.stderr)));
    let (mut fsyncs, mut bytes) = (0_u32, 0);
    for entry in fs::read_dir(traces.path())? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            match call(line, folder.path()) {
                Some(Call::Sync) => fsyncs += 1,
                Some(Call::Write(count)) => bytes += count,
                None => {}
            }
        }
    }
    Ok([fsyncs.into(), bytes as f64])
}

enum Call {
    Sync,
    Write(u64),
}

/// What a line of a trace says about a file in this folder.
fn call(line: &str, folder: &Path) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    rest.contains(folder.to_str()?).then_some(())?;
    if name.contains("sync") {
        return Some(Call::Sync);
    }
    let (_, given) = rest.rsplit_once(" = ")?;
    given.split_whitespace().next()?.parse().ok().map(Call::Write)
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or("it says nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_on_files_of_the_folder_are_told_apart() {
        let of = |line: &str| match call(line, Path::new("/tmp/runs")) {
            Some(Call::Sync) => "sync".to_owned(),
            Some(Call::Write(bytes)) => bytes.to_string(),
            None => "none".to_owned(),
        };
        assert_eq!(of("fdatasync(9</tmp/runs/log>) = 0"), "sync");
        assert_eq!(of("pwrite64(9</tmp/runs/log>, \"\"..., 4096, 8192) = 4096"), "4096");
        assert_eq!(of("write(9</tmp/runs/log>, \"\"..., 4096) = -1 ENOSPC (No space left on device)"), "none");
        assert_eq!(of("write(1<pipe:[7]>, \"\"..., 12) = 12"), "none");
        assert_eq!(of("+++ exited with 0 +++"), "none");
    }
}
