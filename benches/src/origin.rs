//! What was measured on: the machine, its state, and the code.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The first line of a file of rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The day, in UTC.
    pub(crate) date: String,
    /// The commit, and whether the tree differs from it.
    pub(crate) commit: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory: String,
    pub(crate) kernel: String,
    /// The file system on which stores were kept.
    pub(crate) file_system: String,
    pub(crate) rustc: String,
    /// How many tasks ran or waited to run when it began, over 1, 5 and 15 minutes.
    pub(crate) load: String,
    /// Whether rounds were few and short.
    pub(crate) is_quick: bool,
}

impl Origin {
    /// This machine, now. What cannot be found out is said to be unknown.
    pub(crate) fn here(dir: &Path, is_quick: bool) -> Self {
        let load = read("/proc/loadavg").map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" "));
        let changed = run("git", &["status", "--porcelain"]).is_none_or(|text| !text.is_empty());
        let commit = run("git", &["rev-parse", "--short", "HEAD"]);
        Self {
            date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
            commit: known(commit) + if changed { ", with changes" } else { "" },
            cpu: known(field("/proc/cpuinfo", "model name")),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: known(field("/proc/meminfo", "MemTotal").as_deref().and_then(in_gib)),
            kernel: known(read("/proc/sys/kernel/osrelease")),
            file_system: known(file_system(dir)),
            rustc: known(run("rustc", &["--version"])),
            load: known(load),
            is_quick,
        }
    }
}

fn known(found: Option<String>) -> String {
    found.unwrap_or_else(|| "unknown".to_owned())
}

fn read(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The value of the first line `name: value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// A number of kibibytes, `24684096 kB`, in GiB.
fn in_gib(kibibytes: &str) -> Option<String> {
    let number: f64 = kibibytes.strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{:.0} GiB", number / f64::from(1 << 20)))
}

/// The type of the file system that is mounted nearest above a folder.
fn file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = read("/proc/mounts")?;
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (at, kind) = (words.next()?, words.next()?);
        dir.starts_with(at).then_some((at.len(), kind))
    });
    above.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind.to_owned())
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
