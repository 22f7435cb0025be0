//! What is wrong with a shape or with the file that it is compared with.

use std::fmt;
use std::path::{Path, PathBuf};

use super::text::Entry;
use crate::disk::DiskError;

/// The workflows and the file `flow.lock` do not agree. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// A workflow has another shape than the file says of its version.
    ///
    /// [`E-SHAPE-CHANGED`](crate::errors::codes::SHAPE_CHANGED).
    #[error(
        "`{workflow}` version {version} has another shape than {} says ({changes}). {}. {}; or, if no run of it is stored anywhere, run this test with FLOW_LOCK=write",
        .path.display(), .changes.met(), .changes.remedy(*.version)
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The workflow.
        workflow: String,
        /// Its version.
        version: u32,
        /// What is different.
        changes: ShapeChanges,
    },
    /// The file says nothing of a workflow, and nothing may be written.
    ///
    /// [`E-SHAPE-MISSING`](crate::errors::codes::SHAPE_MISSING).
    #[error(
        "{} says nothing of `{workflow}` version {version}, and nothing is written where CI is set or with FLOW_LOCK=check; run this test without them, and keep the file under version control",
        .path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The workflow.
        workflow: String,
        /// Its version.
        version: u32,
    },
    /// The file is not as it was written.
    ///
    /// [`E-SHAPE-BROKEN`](crate::errors::codes::SHAPE_BROKEN).
    #[error(
        "{} is broken in line {line}: {reason}; it is left as it is. Restore it from version control; or remove it, and what the workflows are now is taken for what stored runs follow",
        .path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The environment variable `FLOW_LOCK` says something unknown.
    ///
    /// [`E-SHAPE-MODE`](crate::errors::codes::SHAPE_MODE).
    #[error("FLOW_LOCK is `{value}`; it may be `new`, `check` or `write`")]
    Mode {
        /// What it is.
        value: String,
    },
    /// The file cannot be read or written.
    ///
    /// [`E-SHAPE-FILE`](crate::errors::codes::SHAPE_FILE).
    #[error("flow.lock cannot be read or written")]
    Disk(#[from] DiskError),
}

/// How the shape of a workflow differs from that in the file. If nothing is named, the same steps stand in another order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShapeChanges {
    /// Steps that are new, by their paths.
    pub added: Vec<String>,
    /// Steps that are gone.
    pub removed: Vec<String>,
    /// Steps that run another node, use other steps or give another step's value; `output` is the workflow's own.
    pub rewired: Vec<String>,
    /// What has another type: the step, or `input` or `output`, with its type in the file and its type now.
    pub retyped: Vec<(String, String, String)>,
}

impl LockError {
    pub(super) fn changed(path: &Path, before: &Entry, now: &Entry) -> Self {
        let (workflow, version) = (now.workflow.clone(), now.version);
        Self::Changed { path: path.to_owned(), workflow, version, changes: before.changes_to(now) }
    }

    pub(super) fn missing(path: PathBuf, entry: &Entry) -> Self {
        Self::Missing { path, workflow: entry.workflow.clone(), version: entry.version }
    }

    pub(super) fn broken(path: &Path, line: usize, reason: &str) -> Self {
        Self::Broken { path: path.to_owned(), line, reason: reason.to_owned() }
    }
}

impl ShapeChanges {
    /// What to write, as a sentence without its end.
    fn remedy(&self, version: u32) -> String {
        let next = version.saturating_add(1);
        let steps =
            self.retyped.iter().map(|(step, ..)| step.as_str()).filter(|what| !["input", "output"].contains(what));
        let steps: Vec<String> = steps.map(|step| format!("`{step}`")).collect();
        if steps.is_empty() {
            return format!("Give the workflow `#[version = {next}]`");
        }
        let migrate = format!("`#[migrate(from = {version}, with = ..)]`");
        format!(
            "Give the workflow `#[version = {next}]`, and {migrate} to {}, so that stored runs go on",
            steps.join(" and ")
        )
    }

    /// What a stored run would meet, as a sentence without its end.
    fn met(&self) -> String {
        let changed: Vec<&String> = self.removed.iter().chain(&self.rewired).filter(|step| *step != "output").collect();
        let is_of_types =
            changed.is_empty() && self.added.is_empty() && !self.rewired.iter().any(|step| step == "output");
        if is_of_types && !self.retyped.is_empty() {
            return "A stored run would be read with the new types, and refused (RunError::Undecodable) where what is stored \
                    is no such value"
                .to_owned();
        }
        let refused = "A stored run would be refused (RunError::PlanChanged)";
        if changed.is_empty() {
            return format!("{refused}, unless its engine adopts changed plans");
        }
        let quoted: Vec<String> = changed.iter().map(|step| format!("`{step}`")).collect();
        format!("{refused}, unless its engine adopts changed plans and {} has not begun", quoted.join(" or "))
    }
}

impl fmt::Display for ShapeChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (what, steps) in [("added", &self.added), ("removed", &self.removed), ("rewired", &self.rewired)] {
            if !steps.is_empty() {
                parts.push(format!("{what}: {}", steps.join(", ")));
            }
        }
        for (step, before, now) in &self.retyped {
            parts.push(format!("another type: {step} is `{now}` and was `{before}`"));
        }
        if parts.is_empty() {
            return f.write_str("the same steps in another order");
        }
        f.write_str(&parts.join("; "))
    }
}
