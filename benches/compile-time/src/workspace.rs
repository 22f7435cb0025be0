//! A folder of programs that the compiler checks. In: programs. Out: how long it took, and what memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wait4::Wait4;

/// The folder.
pub(crate) struct Workspace {
    dir: PathBuf,
}

/// One program in it.
pub(crate) struct Program {
    /// The name of its package.
    name: String,
    source: String,
    path: PathBuf,
    /// How often it was written.
    edits: usize,
}

/// What the compiler took.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) time: Duration,
    /// Of all threads and processes, cargo among them.
    pub(crate) cpu: Duration,
    /// The most memory that one process had at a time.
    pub(crate) peak_bytes: u64,
}

impl Workspace {
    /// Writes the programs, and builds what they depend on.
    pub(crate) fn new(dir: &Path, programs: &mut [Program]) -> Result<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let main = own.join("../..").canonicalize().context("the main workspace is not there")?;
        let names: Vec<&str> = programs.iter().map(|program| program.name.as_str()).collect();
        fs::write(dir.join("Cargo.toml"), format!("[workspace]\nresolver = \"3\"\nmembers = {names:?}\n"))?;
        // What they depend on is of the versions that the main workspace is tested with.
        fs::copy(main.join("Cargo.lock"), dir.join("Cargo.lock"))?;
        fs::copy(main.join("rust-toolchain.toml"), dir.join("rust-toolchain.toml"))?;
        for program in programs.iter_mut() {
            program.create(dir, &main.join("flow-runtime"))?;
        }
        let this = Self { dir: dir.to_owned() };
        finish(this.cargo(&["check", "--workspace"]))?;
        Ok(this)
    }

    /// Checks a program of which nothing is known.
    pub(crate) fn first_check(&self, program: &mut Program) -> Result<Usage> {
        let incremental = self.dir.join("target/debug/incremental");
        for entry in fs::read_dir(&incremental).with_context(|| format!("{} is not there", incremental.display()))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&format!("{}-", program.name)) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        self.next_check(program)
    }

    /// Checks a program that was checked before, and has got or lost a line at its head since.
    pub(crate) fn next_check(&self, program: &mut Program) -> Result<Usage> {
        program.write()?;
        finish(self.cargo(&["check", "--package", &program.name]))
    }

    /// How many lines the program has once all macros have become code.
    pub(crate) fn expanded_lines(&self, program: &Program) -> Result<usize> {
        let mut cargo = self.cargo(&["rustc", "--profile=check", "--target-dir=expanded", "--package", &program.name]);
        cargo.args(["--", "-Zunpretty=expanded"]).env("RUSTC_BOOTSTRAP", "1");
        let output = cargo.output().context("cannot run cargo")?;
        ensure!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count())
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).arg("--quiet").current_dir(&self.dir);
        // Where this tool was built, and how, is nothing to what is measured.
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_INCREMENTAL", "RUSTFLAGS"] {
            cargo.env_remove(name);
        }
        cargo
    }
}

fn finish(mut cargo: Command) -> Result<Usage> {
    let start = Instant::now();
    let child = cargo.stdin(Stdio::null()).spawn().context("cannot run cargo")?;
    let used = child.wait4().context("cannot wait for cargo")?;
    let time = start.elapsed();
    ensure!(used.status.success(), "{cargo:?} failed");
    Ok(Usage { time, cpu: used.rusage.utime + used.rusage.stime, peak_bytes: used.rusage.maxrss })
}

impl Program {
    pub(crate) fn new(name: String, source: String) -> Self {
        Self { name, source, path: PathBuf::new(), edits: 0 }
    }

    fn create(&mut self, dir: &Path, runtime: &Path) -> Result<()> {
        let dir = dir.join(&self.name);
        fs::create_dir_all(dir.join("src"))?;
        let (name, runtime) = (&self.name, runtime.display());
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\nflow-runtime = {{ path = \"{runtime}\" }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
        );
        fs::write(dir.join("Cargo.toml"), manifest)?;
        self.path = dir.join("src/lib.rs");
        self.write()
    }

    /// Writes the source so that it is not what it was, and all that follows stands at another line.
    fn write(&mut self) -> Result<()> {
        self.edits += 1;
        let head = "//! Measured.\n".repeat(1 + self.edits % 2);
        fs::write(&self.path, format!("{head}{}", self.source)).context("cannot write a program")
    }
}
