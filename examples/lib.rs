//! What the programs of this folder have in common: where their files are, and how a program ends that met an error.
//! What they show of Flow stands in each of them alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A path in the workspace that this package was built in.
pub fn in_workspace(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).join(path)
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The exit code of a program. An error goes to standard error with its causes, one to a line.
pub fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", with_causes(&error).join("\n  because: "));
        ExitCode::FAILURE
    })
}

/// The message of an error and those of its causes, without causes that the message before has told already.
pub fn with_causes(error: &anyhow::Error) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if lines.last().is_none_or(|told| !told.contains(&cause)) {
            lines.push(cause);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_file_without_a_folder_is_in_this_one() {
        assert_eq!(folder_of(Path::new("a/b.md")), Path::new("a"));
        assert_eq!(folder_of(Path::new("b.md")), Path::new("."));
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow!("no space left").context("cannot write a.md: no space left").context("no report");
        assert_eq!(with_causes(&error), ["no report", "cannot write a.md: no space left"]);
    }
}
