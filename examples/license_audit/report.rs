//! The report: verdicts come in, Markdown goes out, and a file that is whole or not there.
//!
//! Nothing in it depends on when or in which order packages were looked at, so two audits of one lock file give the
//! same bytes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use flow_examples::folder_of;
use flow_runtime::NodeFailure;
use flow_runtime::disk::{Dir, Fs, RealFs, replace_durably};
use serde::{Deserialize, Serialize};

use super::licences::{Class, Verdict};
use super::lock::Package;

/// What an audit comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) markdown: String,
    /// The same in one line.
    pub(crate) summary: String,
}

/// The groups of packages, those first that somebody should look at.
const GROUPS: [(Option<Class>, &str); 6] = [
    (None, "Not readable"),
    (Some(Class::Unknown), "Unknown"),
    (Some(Class::FileOnly), "Licence file only"),
    (Some(Class::Copyleft), "Copyleft"),
    (Some(Class::WeakCopyleft), "Weak copyleft"),
    (Some(Class::Permissive), "Permissive"),
];

/// Writes the report of these packages and what was found for each.
pub(crate) fn render(packages: &[Package], verdicts: &[Result<Verdict, NodeFailure>]) -> Report {
    let mut rows: BTreeMap<Option<Class>, Vec<String>> = BTreeMap::new();
    for (package, verdict) in packages.iter().zip(verdicts) {
        let (class, licence, note) = match verdict {
            Ok(Verdict { class, licence, note }) => (Some(*class), licence.as_str(), note.clone()),
            Err(failure) => (None, "", failure.messages().collect::<Vec<_>>().join(": ")),
        };
        let cells = [&package.name, &package.version, licence, &note].map(cell);
        rows.entry(class).or_default().push(format!("| {} |", cells.join(" | ")));
    }
    let count = |class: &Option<Class>| rows.get(class).map_or(0, Vec::len);
    let mut markdown = String::from("# Licence audit\n\n| group | packages |\n| --- | ---: |\n");
    let mut counts = Vec::new();
    for (class, title) in &GROUPS {
        let _ = writeln!(markdown, "| {title} | {} |", count(class));
        counts.push(format!("{} {}", count(class), title.to_lowercase()));
    }
    let _ = writeln!(markdown, "| all | {} |", packages.len());
    for (class, title) in &GROUPS {
        let Some(rows) = rows.get(class) else { continue };
        let _ =
            write!(markdown, "\n## {title}\n\n| package | version | licence | found |\n| --- | --- | --- | --- |\n");
        let _ = writeln!(markdown, "{}", rows.join("\n"));
    }
    Report { markdown, summary: format!("{} packages: {}", packages.len(), counts.join(", ")) }
}

/// Text in a cell of a table, whatever a manifest says.
fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

/// How the name of a file ends that is being written by `replace_durably`.
const TEMP: &str = ".tmp";

/// Where the report goes.
#[derive(Clone, Debug)]
pub(crate) struct Target(PathBuf);

impl Target {
    pub(crate) fn new(path: &Path) -> anyhow::Result<Self> {
        ensure!(path.file_name().is_some(), "{} is no name of a report", path.display());
        ensure!(path.is_file() || !path.exists(), "{} is no file; it is left as it is", path.display());
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether this report is there already.
    pub(crate) fn has(&self, report: &Report) -> bool {
        std::fs::read(&self.0).is_ok_and(|bytes| bytes == report.markdown.as_bytes())
    }

    /// Puts the report there, durably and whole: whoever reads the file meanwhile sees the old one or the new one.
    pub(crate) fn write(&self, report: &Report) -> anyhow::Result<()> {
        let name = self.0.file_name().unwrap_or_default().to_str().context("the name of the report is no UTF-8")?;
        let folder = RealFs.open_dir(folder_of(&self.0), true)?;
        remove_unfinished(&*folder, name)?;
        replace_durably(&*folder, name, report.markdown.as_bytes())?;
        Ok(())
    }
}

/// Removes what a process left that was killed while it wrote this report.
fn remove_unfinished(folder: &dyn Dir, name: &str) -> anyhow::Result<()> {
    let begin = format!(".{name}.");
    let is_unfinished = |name: &&String| name.strip_prefix(&begin).is_some_and(|rest| rest.ends_with(TEMP));
    Ok(folder.list()?.iter().filter(is_unfinished).try_for_each(|name| folder.remove(name))?)
}
