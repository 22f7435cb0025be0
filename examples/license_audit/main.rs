//! Audits the licences of all packages that a `Cargo.lock` names.
//!
//! In: a lock file, and the manifests in cargo's own folders. Out: a report in Markdown. Kill it whenever you like and
//! start it again: it goes on from what it had, and the report is the same to the byte.
//!
//! ```text
//! cargo run --example license_audit -- --lock Cargo.lock --report licences.md
//! ```

mod files;
mod licences;
mod lock;
mod report;
mod sources;
#[cfg(test)]
mod tests;
mod texts;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use flow_examples::{folder_of, in_workspace};
use flow_runtime::observe::TerminalProgress;
use flow_runtime::prelude::*;
use flow_runtime::{StoreError, WorkflowId};

use licences::{Declared, Verdict};
use lock::Package;
use report::{Report, Target};
use sources::{Manifest, Sources};

// The nodes: ordinary functions, each a few lines over the modules beside this file. What is read from outside is
// committed before anything is made of it. Functions of their arguments alone are `pure`, so nothing waits for theirs.

#[node(blocking)]
fn list_members(#[state] sources: &Sources) -> anyhow::Result<Vec<Manifest>> {
    sources.members()
}

#[node(blocking)]
fn read_manifest(
    #[state] sources: &Sources,
    package: &Package,
    members: &Result<Vec<Manifest>, NodeFailure>,
) -> anyhow::Result<Manifest> {
    if package.source.is_some() {
        return sources.manifest(package);
    }
    let is_it = |member: &&Manifest| (&member.name, &member.version) == (&package.name, &package.version);
    let member = members.as_ref().map_err(Clone::clone)?.iter().find(is_it);
    member.cloned().ok_or_else(|| anyhow::anyhow!("it is no package of the workspace"))
}

#[node(pure)]
async fn classify(manifest: &Manifest) -> Declared {
    licences::declared(manifest)
}

#[node(blocking)]
fn read_texts(manifest: &Manifest) -> anyhow::Result<Verdict> {
    texts::verdict(manifest)
}

#[node(pure)]
async fn render(packages: &[Package], verdicts: &[Result<Verdict, NodeFailure>]) -> Report {
    report::render(packages, verdicts)
}

#[node(blocking, retry(times = 2))]
fn write_report(#[state] target: &Target, report: &Report) -> anyhow::Result<()> {
    target.write(report)
}

workflow! {
    /// Audits the licences of these packages.
    fn license_audit(packages: Vec<Package>) -> Report {
        #[catch]                                    // without them, packages of registries can still be read
        let members = list_members();
        #[catch]                                    // a package that cannot be read is a line of the report
        let verdicts = for package in packages {
            let manifest = read_manifest(package, members);
            let declared = classify(manifest);
            #[id = "verdict"]
            match declared {
                Declared::Clear(verdict) => verdict.clone(),
                Declared::Unclear => read_texts(manifest),
            }
        };
        let report = render(packages, verdicts);
        #[catch]                                    // the audit is done; `main` sees to it that the file is there
        write_report(report);
        report
    }
}

/// What the nodes take as `#[state]`.
struct App {
    sources: Sources,
    target: Target,
}

impl Provide<Sources> for App {
    fn provide(&self) -> &Sources {
        &self.sources
    }
}

impl Provide<Target> for App {
    fn provide(&self) -> &Target {
        &self.target
    }
}

/// Audits the licences of all packages that a Cargo.lock names.
#[derive(Parser)]
struct Args {
    /// The lock file
    #[arg(long, default_value_os_t = in_workspace("Cargo.lock"))]
    lock: PathBuf,
    /// The folder in which progress is kept
    #[arg(long, default_value_os_t = in_workspace("target/license-audit/store"))]
    store: PathBuf,
    /// Where the report goes
    #[arg(long, default_value_os_t = in_workspace("target/license-audit/report.md"))]
    report: PathBuf,
    /// Forget what is stored of this lock file and begin again
    #[arg(long)]
    fresh: bool,
    /// Keep progress in JSON to look at, one file for each run
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    flow_examples::exit_code(audit(Args::parse()).await)
}

async fn audit(args: Args) -> anyhow::Result<ExitCode> {
    let lock = lock::read(&args.lock)?;
    let sources = Sources::of(folder_of(&args.lock))?;
    let target = Target::new(&args.report)?;

    let engine = if args.json {
        Engine::builder(JsonFileStore::open(&args.store)?)
    } else {
        Engine::builder(FlatBuffersStore::open(&args.store)?)
    };
    let mut engine = engine.state(App { sources, target: target.clone() });
    if !args.quiet {
        engine = engine.observe(TerminalProgress::new());
    }
    let engine = engine.build();

    let id = WorkflowId::new(&lock.run_id)?;
    match engine.load(&id).await {
        Ok(_) if args.fresh => engine.delete(&id).await?,
        Ok(run) if run.status.is_terminal() => {
            eprintln!("{} was audited before, as {id}; --fresh begins again", args.lock.display());
        }
        Ok(_) | Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }

    let report = license_audit(lock.packages).run(&engine, &id).await?;
    if !target.has(&report) {
        target.write(&report)?;
    }
    println!("{}", report.summary);
    println!("report: {}", target.path().display());
    Ok(ExitCode::SUCCESS)
}
