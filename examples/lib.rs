//! What the programs of this folder have in common: where their files are, and how a program ends that met an error.
//! What they show of Flow stands in each of them alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flow_runtime::errors::report;

/// A path in the workspace that this package was built in.
pub fn in_workspace(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).join(path)
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The exit code of a program. An error goes to standard error with its causes and with what to do.
pub fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {}", report(error.as_ref()));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_folder_is_in_this_one() {
        assert_eq!(folder_of(Path::new("a/b.md")), Path::new("a"));
        assert_eq!(folder_of(Path::new("b.md")), Path::new("."));
    }
}
